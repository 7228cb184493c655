"""The PROXY protocol of HAProxy, versions 1 and 2 (B6.11): what a load balancer says of a connection it hands on.

Read from `https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt`. The header comes before anything else, once.
"""

import struct
from dataclasses import dataclass
from ipaddress import ip_address

from mailcordon.errors import ProtocolError

LINE_LIMIT = 107
"""Octets of a version 1 header, by its specification."""
LENGTH_LIMIT = 2048
"""Octets after the fixed part of a version 2 header; what balancers add to the addresses is some hundred."""

_LINE_START = b"PROXY "
_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_FIXED = struct.Struct(">12sBBH")
_VERSION_2 = 2
_LOCAL, _PROXY = 0, 1
_STREAM = 1
_ADDRESS_SIZES = {1: 4, 2: 16}
"""Octets of an address by the upper half of the family octet; what else there is tells us no IP address."""
_VERSIONS = {"TCP4": 4, "TCP6": 6}


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """A complete header."""

    length: int
    """Octets that it took."""
    client_addr: str | None
    """None where the balancer speaks for itself, as in its health checks, or does not say."""


def parse(octets: bytes | bytearray) -> ProxyHeader | None:
    """The header at the start of `octets`, None as long as more is needed. Raises ProtocolError when it is none."""
    for start, read in ((_LINE_START, _line), (_SIGNATURE, _binary)):
        head = bytes(octets[: len(start)])
        if head == start:
            return read(octets)
        if start.startswith(head):
            return None
    raise ProtocolError("it does not begin as a PROXY header does")


def _line(octets: bytes | bytearray) -> ProxyHeader | None:
    end = octets.find(b"\r\n", 0, LINE_LIMIT)
    if end < 0:
        if len(octets) >= LINE_LIMIT:
            raise ProtocolError("a PROXY line has no end")
        return None
    words = octets[len(_LINE_START) : end].decode("ascii", "replace").split(" ")
    if words[0] == "UNKNOWN":
        return ProxyHeader(end + 2, None)
    if words[0] not in _VERSIONS or len(words) != 5:
        raise ProtocolError("a PROXY line is not PROXY TCP4|TCP6 and two addresses with two ports")
    client, server = (_address(word, _VERSIONS[words[0]]) for word in words[1:3])
    if client is None or server is None or not all(map(_is_port, words[3:])):
        raise ProtocolError("a PROXY line has a bad address or port")
    return ProxyHeader(end + 2, client)


def _address(word: str, version: int) -> str | None:
    try:
        address = ip_address(word)
    except ValueError:
        return None
    return str(address) if address.version == version else None


def _is_port(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= 5 and int(word) <= 65535


def _binary(octets: bytes | bytearray) -> ProxyHeader | None:
    if len(octets) < _FIXED.size:
        return None
    _, version_and_command, family_and_kind, length = _FIXED.unpack_from(octets)
    version, command = divmod(version_and_command, 16)
    if version != _VERSION_2 or command not in {_LOCAL, _PROXY}:
        raise ProtocolError(f"a PROXY header of unknown version {version} or command {command}")
    if length > LENGTH_LIMIT:
        raise ProtocolError(f"a PROXY header of {length} octets")
    if len(octets) < _FIXED.size + length:
        return None
    family, kind = divmod(family_and_kind, 16)
    client = None
    if command == _PROXY and family in _ADDRESS_SIZES:
        size = _ADDRESS_SIZES[family]
        if kind != _STREAM or length < 2 * size + 4:
            raise ProtocolError("a PROXY header without the addresses and ports of a TCP connection")
        client = str(ip_address(bytes(octets[_FIXED.size : _FIXED.size + size])))
    return ProxyHeader(_FIXED.size + length, client)
