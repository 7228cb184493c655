"""Letters that stand for contents categories in the tables of the mail log (B2.10), and words for people."""

from collections.abc import Mapping

from mailcordon.mail.category import Category, Major

OTHER = "?"
_CODES = {
    Major.VIRUS: "V",
    Major.BANNED: "B",
    Major.UNCHECKED: "U",
    Major.SPAM: "S",
    Major.SPAMMY: "Y",
    Major.BAD_HEADER: "H",
    Major.OVERSIZED: "O",
    Major.MTA: "T",
    Major.CLEAN: "C",
}
_BAD_MIME = 1
CONTENT_WORDS: Mapping[str, str] = {
    "V": "virus",
    "B": "banned",
    "U": "unchecked",
    "S": "spam",
    "Y": "spammy",
    "M": "bad-mime",
    "H": "bad-header",
    "O": "oversized",
    "T": "mta",
    "C": "clean",
    OTHER: "other",
}
"""What each letter means."""


def content_code(category: Category) -> str:
    """B2.10; `?` for what has none."""
    if category == Category(Major.BAD_HEADER, _BAD_MIME):
        return "M"
    return _CODES.get(category.major, OTHER)
