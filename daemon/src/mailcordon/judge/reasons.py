"""The reason that stands in the SMTP reply (B5.11)."""

from mailcordon.mail.category import Category, Major
from mailcordon.mail.finding import Finding, names_of
from mailcordon.mail.verdict import REASON_LIMIT

_UNCHECKED = {1: "UNCHECKED: encrypted", 2: "UNCHECKED: over limits", 3: "UNCHECKED: ambiguous content"}
_BAD_HEADER = {
    1: "MIME error",
    2: "Non-encoded non-ASCII data (and not UTF-8)",
    3: "Improper use of control character",
    4: "Folded header field made up entirely of whitespace",
    5: "Header line longer than 998 characters",
    6: "Header field syntax error",
    7: "Missing required header field",
    8: "Duplicate header field",
}


def reason_for(category: Category, found: tuple[Finding, ...], log_id: str) -> str:
    """Why mail was judged to be of that category, e.g. `id=08089-01 - INFECTED: Eicar-Test-Signature`."""
    return f"id={log_id} - {_text(category, found)}"[:REASON_LIMIT]


def _text(category: Category, found: tuple[Finding, ...]) -> str:
    match category.major:
        case Major.VIRUS:
            return f"INFECTED: {', '.join(names_of(Major.VIRUS, found))}"
        case Major.BANNED:
            return f"BANNED: {', '.join(names_of(Major.BANNED, found))}"
        case Major.UNCHECKED:
            return _UNCHECKED.get(category.minor, "UNCHECKED")
        case Major.SPAM:
            return "spam"
        case Major.SPAMMY:
            return "spammy (tag3)" if category.minor else "spammy"
        case Major.BAD_HEADER:
            return f"BAD HEADER: {_BAD_HEADER.get(category.minor, 'other')}"
        case Major.OVERSIZED:
            return "Message size exceeds recipient's size limit"
        case Major.CLEAN:
            return "CLEAN"
        case _:
            return "OTHER"
