"""The XFORWARD command (B6.03, features 13c): what the first MTA tells of the client it had the mail from.

Attributes come in one or several commands before MAIL. They belong to the next transaction only: end of data, RSET
and a new EHLO, LHLO or HELO forget them, as in Postfix's own server, whose client says them anew for every mail.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from mailcordon.mail.envelope import Client
from mailcordon.receive.replies import CommandError, bad_parameter, syntax

ATTRIBUTES = "NAME ADDR PORT PROTO HELO IDENT SOURCE"
FORM = "XFORWARD attribute=value..."

_UNKNOWN = frozenset({"[UNAVAILABLE]", "[TEMPUNAVAIL]"})
_XTEXT = re.compile(r"(?:[^+\x00-\x20\x7f]|\+[0-9A-Fa-f]{2})*")
_HEX_PAIR = re.compile(rb"\+([0-9A-Fa-f]{2})")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\s]")
_VALUE_LIMIT = 255
_IPV6_TAG = "IPV6:"


def parse_xforward(arguments: str, client: Client) -> Client:
    """`client` with the attributes that the command names. Raises CommandError, then nothing is taken from it."""
    items = arguments.split()
    if not items:
        raise CommandError(syntax(FORM))
    changes: dict[str, Any] = {}
    for item in items:
        name, equals, value = item.partition("=")
        field = name.lower()
        read = _READERS.get(field)
        if not equals or read is None:
            raise CommandError(bad_parameter(f"XFORWARD attributes are {ATTRIBUTES}, each with =value"))
        decoded = _decode(value)
        changes[field] = None if decoded.upper() in _UNKNOWN else read(decoded)
    return replace(client, **changes)


def _decode(value: str) -> str:
    """Undo xtext. What has no place in a name becomes `?`, as these values go into header fields and log lines."""
    if not _XTEXT.fullmatch(value):
        raise CommandError(bad_parameter("XFORWARD value is not in xtext"))
    octets = value.encode("utf-8", "surrogateescape")
    octets = _HEX_PAIR.sub(lambda pair: bytes([int(pair[1], 16)]), octets)
    if len(octets) > _VALUE_LIMIT:
        raise CommandError(bad_parameter(f"XFORWARD value is longer than {_VALUE_LIMIT} octets"))
    return _UNSAFE.sub("?", octets.decode("utf-8", "surrogateescape"))


def _text(value: str) -> str | None:
    return value or None


def _address(value: str) -> str:
    plain = value[len(_IPV6_TAG) :] if value.upper().startswith(_IPV6_TAG) else value
    try:
        return str(ip_address(plain))
    except ValueError:
        raise CommandError(bad_parameter("XFORWARD ADDR is not an IP address")) from None


def _port(value: str) -> int | None:
    if not (value.isascii() and value.isdigit() and len(value) <= 5 and int(value) <= 65535):
        raise CommandError(bad_parameter("XFORWARD PORT is not a port number"))
    return int(value) or None


def _source(value: str) -> str:
    word = value.upper()
    if word not in {"LOCAL", "REMOTE"}:
        raise CommandError(bad_parameter("XFORWARD SOURCE is LOCAL or REMOTE"))
    return word


_READERS: dict[str, Callable[[str], str | int | None]] = {
    "name": _text,
    "addr": _address,
    "port": _port,
    "proto": _text,
    "helo": _text,
    "ident": _text,
    "source": _source,
}
