"""Addresses in header fields such as From (RFC 5322 3.4), read from text that anybody may have written."""

import re
from collections.abc import Iterator

from mailcordon.mail.header import HeaderSection

MAX_LENGTH = 64 * 1024
"""Characters of a field that are looked at."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|\\.|[()<>,;:]|[^"\\()<>,;:]+', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED_CHARACTER = r"\1"


def authors_of(header: HeaderSection) -> tuple[str, ...]:
    """Every address in From, in order, without repeats."""
    return tuple(dict.fromkeys(address for field in header.all("From") for address in addresses_in(field.text)))


def addresses_in(text: str) -> tuple[str, ...]:
    """Every address of a list of mailboxes and groups, in order. Takes time in proportion to the text, never fails."""
    found = (_address(mailbox) for mailbox in _mailboxes(text[:MAX_LENGTH]))
    return tuple(address for address in found if address)


def _mailboxes(field: str) -> Iterator[list[str]]:
    """The tokens of each mailbox, without comments: those between angle brackets where there are any."""
    depth = 0
    tokens: list[str] = []
    is_angle = is_taken = False
    for match in _TOKEN.finditer(field):
        text = match.group()
        if text == "(":
            depth += 1
        elif depth:
            depth -= text == ")"
        elif text == "<":
            tokens, is_angle = [], True
        elif text == ":" or (is_angle and text == ","):
            # Before a colon stands the name of a group, or within brackets an obsolete route.
            tokens = []
        elif text == ">" and is_angle:
            yield tokens
            tokens, is_angle, is_taken = [], False, True
        elif text in (",", ";"):
            if not is_taken:
                yield tokens
            tokens, is_angle, is_taken = [], False, False
        elif not is_taken or is_angle:
            tokens.append(text)
    if not is_taken or is_angle:
        yield tokens


def _address(tokens: list[str]) -> str:
    text = "".join(tokens).strip()
    local, at, domain = text.rpartition("@")
    local = local.strip()
    if not at or not local or not domain.strip():
        return ""
    domain = "".join(domain.split())
    if local.startswith('"') and local.endswith('"') and len(local) > 1:
        return f"{_ESCAPED.sub(_ESCAPED_CHARACTER, local[1:-1])}@{domain}"
    return f"{''.join(local.split())}@{domain}"
