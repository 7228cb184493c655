"""A cheap look at text, which most parts are: what is the text it says needs no decoder process (features 7.05, 7.06).

Only text that nobody gave a telling name is settled here, and only when no octet in it, nothing at its start and no
word of scripts speaks against it. Whatever else it looks like further down (uuencode, base64) it stays text.
"""

import re
from collections.abc import Sequence

LOOKED_AT = 16 * 1024
"""Octets of the beginning in which words of scripts count; FileTypes looks at as many."""
_TEXT_OCTETS = bytes({*range(0x20, 0x7F), *range(0x80, 0x100), *b"\t\n\f\r\x1b\b"})
_PLAIN_EXTENSIONS = frozenset({"txt", "text", "asc", "log", "csv", "md", "diff", "patch"})
_TELLING = re.compile(
    rb"[\s\xef\xbb\xbf]*+(?:#!|#@~|MZ|PK|%PDF|%!|\{\\rt|Rar!|!<|<(?:[?%]|script|job|package|svg)|BZh|0707|FWS|CWS|ZWS"
    rb"|7z|@echo|REGEDIT|Windows Registry|\(This file must|MIME-Version:|Received:|Return-Path:|(?-i:From )|begin |\["
    rb"|ITSF|=ybegin|x\x9f|\xff\xfe|\xfe\xff|X5O)",
    re.IGNORECASE,
)
"""Starts of files that are, or may be, something else although they have no octets but those of text."""
_HTML = re.compile(
    rb"[\s\xef\xbb\xbf]*+<(?:!doctype html|(?:html|head|body|meta|title|div|p|table|span|style|br|font)\b)",
    re.IGNORECASE,
)
_OF_SCRIPTS = (b"activexobject", b"wscript.", b"createobject", b".webclient", b"invoke-expression", b"iex", b"hta:app")
"""In lower case; a text with one of these may be nothing but a script."""


def plain_types(
    octets: bytes, declared_type: str, names: Sequence[str], *, may_hold_files: bool = False
) -> tuple[str, ...] | None:
    """The short types of a part that is plain text or HTML; None: somebody must look at it more closely.

    `may_hold_files`: somebody has switched the decoder for uuencode in texts on.
    """
    if not octets:
        return ("empty",)
    if not declared_type.startswith("text/") or not all(map(_is_plain_name, names)):
        return None
    if octets.translate(None, _TEXT_OCTETS) or _TELLING.match(octets):
        return None
    if may_hold_files and b"\nbegin " in octets:
        return None
    small = octets[:LOOKED_AT].lower()
    if any(word in small for word in _OF_SCRIPTS):
        return None
    if _HTML.match(octets):
        return ("html",)
    if declared_type == "text/plain":
        return ("asc",) if octets.isascii() else ("txt",)
    return None


def _is_plain_name(name: str) -> bool:
    stem, dot, extension = name.rstrip(". \t").lower().rpartition(".")
    return not dot or (extension in _PLAIN_EXTENSIONS and "." not in stem)
