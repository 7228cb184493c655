"""Bodies of messages of our own, part by part (RFC 2046, RFC 6522, RFC 6533).

Put together by hand rather than by the `email` package: the header section of the original goes in octet for octet, and
the same function that makes every other new field makes these, so that no value can bring a line of its own.
"""

import binascii
import re
import secrets
from collections.abc import Iterable, Sequence

from mailcordon.act.fields import make_field
from mailcordon.mail.header import HeaderSection
from mailcordon.mail.message import Mail

FULL_MESSAGE_LIMIT = 64 * 1024
"""Octets up to which the whole message is enclosed where that is wanted."""
_HEADER_LIMIT = 64 * 1024
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\r\n\u2028\u2029]")
_LINE_LIMIT = 998
_FIELD = re.compile(rb"^[!-9;-~]+[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*\n?", re.MULTILINE)


def new_boundary() -> str:
    """A boundary that nobody can have put into a part."""
    return "=_" + secrets.token_hex(16)


def multipart(head: Iterable[bytes], parts: Sequence[bytes], boundary: str) -> bytes:
    """A message of these `parts` below the fields of `head`, one of which names the boundary."""
    separator = f"\r\n--{boundary}\r\n".encode()
    end = f"\r\n--{boundary}--\r\n".encode()
    return b"".join([*head, b"\r\n", *(separator + octets for octets in parts), end])


def part(content_type: str, body: bytes, *, encoding: str | None = None) -> bytes:
    """One part: its fields and its body, which is as it is unless it was encoded."""
    return b"".join(
        [
            make_field("Content-Type", content_type),
            make_field("Content-Transfer-Encoding", encoding or ("7bit" if body.isascii() else "8bit")),
            b"\r\n",
            body,
        ]
    )


def text_part(lines: Iterable[str]) -> bytes:
    """Text for people. Line breaks and control characters within a line become `?`.

    Nothing in it needs a hop that takes 8-bit mail or long lines (RFC 2045 6.7).
    """
    harmless = [_UNSAFE.sub("?", line) for line in lines]
    octets = "".join(f"{line}\r\n" for line in harmless).encode("utf-8", "surrogateescape")
    if octets.isascii() and all(len(line) <= _LINE_LIMIT for line in harmless):
        return part("text/plain; charset=utf-8", octets)
    return part("text/plain; charset=utf-8", binascii.b2a_qp(octets, istext=True), encoding="quoted-printable")


def original_part(mail: Mail, *, full: bool, international: bool) -> bytes:
    """The message itself, or with `full` not set its header section only."""
    if full:
        return part("message/global" if international else "message/rfc822", bytes(mail.content.view()))
    return part("message/global-headers" if international else "text/rfc822-headers", _fields_only(mail.header))


def _fields_only(header: HeaderSection) -> bytes:
    """The fields, without lines that are none: those could hold what was blocked."""
    octets = header.octets
    if len(octets) > _HEADER_LIMIT:
        octets = octets[: octets.rfind(b"\n", 0, _HEADER_LIMIT) + 1]
    return b"".join(match.group() for match in _FIELD.finditer(octets))
