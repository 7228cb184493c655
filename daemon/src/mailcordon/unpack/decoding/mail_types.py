"""Messages in files: attached ones, saved web pages (MHTML), and documents that office programs save in that form."""

import re
from pathlib import PurePosixPath

_DECLARED = frozenset({"message/rfc822", "message/global", "message/news"})
_SUFFIXES = frozenset({".eml", ".mht", ".mhtml"})
_FIRST_FIELD = re.compile(rb"\s*+(?:From [^\r\n]*+\r?\n)?[A-Za-z][A-Za-z0-9-]*+[ \t]*+:")
_MIME_FIELDS = (
    re.compile(rb"^mime-version[ \t]*+:", re.IGNORECASE | re.MULTILINE),
    re.compile(rb"^content-(?:type|transfer-encoding)[ \t]*+:", re.IGNORECASE | re.MULTILINE),
)


def is_mail(head: bytes, name: str, declared_type: str) -> bool:
    """Whether a file with this beginning, name and declared type is a message: it says so, or it is MIME by itself."""
    if declared_type in _DECLARED or PurePosixPath(name.rstrip(". ")).suffix.lower() in _SUFFIXES:
        return True
    return _FIRST_FIELD.match(head) is not None and all(field.search(head) for field in _MIME_FIELDS)
