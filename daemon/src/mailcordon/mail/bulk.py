"""Whether a mail was sent to many: nobody reads what comes back for it."""

from mailcordon.mail.header import HeaderSection

_PRECEDENCES = frozenset({"bulk", "list", "junk"})


def is_bulk(header: HeaderSection) -> bool:
    """By its Precedence or List-Id."""
    precedence = (header.text("Precedence") or "").strip().lower()
    return precedence in _PRECEDENCES or header.first("List-Id") is not None
