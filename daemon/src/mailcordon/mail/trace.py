"""The way that a message says it came: addresses in its Received fields (RFC 5321 4.4). Senders can forge all of it."""

import re
from ipaddress import AddressValueError, IPv6Address

from mailcordon.mail.header import HeaderField, HeaderSection

MAX_FIELDS = 100
"""Received fields that are looked at; mail with more is refused (B6.14)."""
_CLAUSE_LIMIT = 1000
"""Octets of a field that are looked at."""

_ADDRESS = re.compile(rb"\[(?:IPv6:)?([0-9A-Fa-f.:]{2,45})\]")
_OCTET = rb"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
# An expression, because each message is asked for its origin and the module ipaddress takes ten times as long. Left out
# is what IANA's registry of special-purpose addresses (RFC 6890) does not call globally reachable, and multicast.
_PUBLIC_IPV4 = re.compile(
    rb"(?!0\.|10\.|127\.|169\.254\.|172\.(?:1[6-9]|2[0-9]|3[01])\.|192\.168\.|192\.0\.[02]\.|198\.1[89]\."
    rb"|198\.51\.100\.|203\.0\.113\.|100\.(?:6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\.|2(?:2[4-9]|[3-5][0-9])\.)"
    + rb"\.".join([_OCTET] * 4)
)


def origin_address(header: HeaderSection) -> str | None:
    """The first public address on the way, as far as it is told; macro `%e` of amavisd (B8.02)."""
    for field in reversed(header.all("Received")[:MAX_FIELDS]):
        address = _public_address(field)
        if address is not None:
            return address
    return None


def public_addresses(header: HeaderSection) -> list[str]:
    """All public addresses on the way, the latest one first."""
    addresses = map(_public_address, header.all("Received")[:MAX_FIELDS])
    return [address for address in addresses if address is not None]


def _public_address(field: HeaderField) -> str | None:
    clause = field.body[:_CLAUSE_LIMIT]
    end = max(clause.find(b" by "), clause.find(b"\tby "))
    # What the client called itself comes first, what the server saw last.
    found = _ADDRESS.findall(clause, 0, end if end >= 0 else len(clause))
    return found[-1].decode("ascii").lower() if found and _is_public(found[-1]) else None


def _is_public(address: bytes) -> bool:
    if b":" not in address:
        return _PUBLIC_IPV4.fullmatch(address) is not None
    try:
        return IPv6Address(address.decode("ascii")).is_global
    except AddressValueError:
        return False
