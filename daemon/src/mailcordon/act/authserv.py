"""Whose Authentication-Results a field holds (RFC 8601 2.2, 5; contract B9.01)."""

import re

AUTHENTICATION_RESULTS = "authentication-results"
"""The field's name in lower case."""

_BLANK = re.compile(rb"[ \t\r\n]*")
_IN_COMMENT = re.compile(rb"[^()\\]*")
_TOKEN = re.compile(rb"[^\x00-\x20\x7f()<>@,;:\\\"/\[\]?=]+")
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)


def is_from(authserv_id: str, field: bytes) -> bool:
    """Whether the whole field claims to be from that server. So does one that names no server that can be read:
    nobody knows whom the next reader takes it for."""
    found = _authserv_id(field)
    return found is None or found.lower() == authserv_id.lower()


def _authserv_id(field: bytes) -> str | None:
    at = _after_comments(field, field.index(b":") + 1)
    match = _QUOTED.match(field, at)
    if match is not None:
        name = _ESCAPED.sub(rb"\1", match[1])
    else:
        match = _TOKEN.match(field, at)
        if match is None:
            return None
        name = match[0]
    end = match.end()
    if field[end : end + 1] not in (b"", b";", b" ", b"\t", b"\r", b"\n", b"("):
        return None
    return name.decode("utf-8", "surrogateescape")


def _after_comments(field: bytes, at: int) -> int:
    """Where the first word begins; comments may stand in each other. Takes time in proportion to the field."""
    depth = 0
    while at < len(field):
        at = (_IN_COMMENT if depth else _BLANK).match(field, at).end()  # type: ignore[union-attr]
        octet = field[at : at + 1]
        if octet == b"(":
            depth += 1
        elif not depth:
            break
        elif octet == b")":
            depth -= 1
        else:
            at += 1
        at += 1
    return at
