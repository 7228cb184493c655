"""The client's address by the Received fields, where nobody tells it by XFORWARD (B6.13)."""

import re
from ipaddress import ip_address
from itertools import islice

from mailcordon.mail.header import HeaderSection

FIELDS_LOOKED_AT = 2
"""The topmost is that of the MTA in front of us; where it had the mail from a program, the one below may tell more."""

_LENGTH = 1000
"""Octets of a field that are looked at."""
_LITERAL = re.compile(rb"\[(?:IPv6:)?([0-9A-Fa-f.:]{2,45})\]", re.IGNORECASE)
_BY = re.compile(rb"(?:^|[\s)])by\s", re.IGNORECASE)


def claimed_address(header: HeaderSection) -> str | None:
    """The address after `from` in the topmost field that has one.

    Below our own MTA's field these are the words of strangers: of no use for any decision.
    """
    for field in islice(header.all("Received"), FIELDS_LOOKED_AT):
        body = field.body[:_LENGTH].strip()
        if body[:5].lower() != b"from ":
            continue
        by = _BY.search(body)
        for match in _LITERAL.finditer(body, 0, by.start() if by else len(body)):
            try:
                return str(ip_address(match[1].decode()))
            except ValueError:
                continue
    return None
