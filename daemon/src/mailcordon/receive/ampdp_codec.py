"""AM.PDP on the wire: attributes in lines, `%XX` for what may not stand as it is (B1.02 to B1.05)."""

import logging
import re
from collections.abc import Iterable, Sequence

from mailcordon.errors import ProtocolError

log = logging.getLogger(__name__)

Attribute = tuple[str, bytes]
"""Name, and value as octets with its fields still parted by spaces that were not encoded."""

LINE_LIMIT = 16 * 1024
"""Octets of a line: room for any header field that somebody passes on."""
REQUEST_LIMIT = 1024 * 1024
"""Octets of a request: more than a thousand recipients."""
LINES_LIMIT = 10_000
"""Lines of a request."""
LINES_PER_TURN = 200
"""Lines that are read before other connections have their turn."""
_COMPLAINTS = 3
"""Lines of one request that go into the log for not being attributes."""

_LINE = re.compile(rb"([^=: \t\x00-\x1f]+)(?:=|:[ \t]*)(.*)", re.DOTALL)
_ENCODED = re.compile(rb"%([0-9A-Fa-f]{2})")
_NOT_IN_NAME = re.compile(rb"[^0-9A-Za-z_-]")
_NOT_IN_VALUE = re.compile(rb"[^!-$&-~]")


def decode(octets: bytes) -> bytes:
    """`octets` with `%XX` as what it stands for; other percent signs stay."""
    return _ENCODED.sub(lambda match: bytes([int(match[1], 16)]), octets)


def parse_line(line: bytes) -> Attribute | None:
    """The attribute of a line without its end, its value not decoded yet; None for a line that is none (B1.05)."""
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    name = decode(match[1])
    return (name.decode("ascii"), match[2]) if name.isascii() else None


class RequestParser:
    """Takes octets, gives requests: lists of attributes in their order. A line ends with LF, before it CR or not."""

    def __init__(self) -> None:
        self._input = bytearray()
        self._searched = 0
        self._attributes: list[Attribute] = []
        self._lines = 0
        self._size = 0

    @property
    def idle(self) -> bool:
        """Whether no request has begun."""
        return not self._input and not self._lines

    @property
    def waiting(self) -> int:
        """Octets that were not looked at yet."""
        return len(self._input)

    def feed(self, octets: bytes) -> None:
        """Take what has come."""
        self._input += octets

    def next_request(self) -> tuple[list[Attribute] | None, bool]:
        """The next complete request, None until there is one, and whether it pays to ask again without more input.

        Raises ProtocolError when a limit is passed.
        """
        for _ in range(LINES_PER_TURN):
            line = self._next_line()
            if line is None:
                return None, False
            if line:
                self._take(line)
            elif self._lines:
                request, self._attributes, self._lines, self._size = self._attributes, [], 0, 0
                return request, True
        return None, True

    def _next_line(self) -> bytes | None:
        end = self._input.find(b"\n", self._searched)
        self._searched = 0 if end >= 0 else len(self._input)
        if max(end, self._searched) > LINE_LIMIT:
            raise ProtocolError(f"a line of more than {LINE_LIMIT} octets")
        if end < 0:
            return None
        line = bytes(self._input[:end]).removesuffix(b"\r")
        del self._input[: end + 1]
        return line

    def _take(self, line: bytes) -> None:
        self._lines += 1
        self._size += len(line)
        if self._size > REQUEST_LIMIT or self._lines > LINES_LIMIT:
            raise ProtocolError(f"a request of more than {REQUEST_LIMIT} octets or {LINES_LIMIT} lines")
        attribute = parse_line(line)
        if attribute is not None:
            self._attributes.append(attribute)
        elif self._lines - len(self._attributes) <= _COMPLAINTS:
            log.warning("AM.PDP: not an attribute: %r", line[:200])


def encode_attribute(name: str, *fields: str) -> bytes:
    """One line: the fields, each encoded, with one space between them (B1.04)."""
    encoded_name = _encode(_NOT_IN_NAME, name)
    return encoded_name + b"=" + b" ".join(_encode(_NOT_IN_VALUE, field) for field in fields) + b"\r\n"


def encode_response(attributes: Iterable[Sequence[str]]) -> bytes:
    """A whole answer: name and fields of each attribute, and the empty line."""
    return b"".join([*(encode_attribute(*attribute) for attribute in attributes), b"\r\n"])


def _encode(unsafe: re.Pattern[bytes], text: str) -> bytes:
    octets = text.encode("utf-8", "surrogateescape")
    return unsafe.sub(lambda match: b"%%%02X" % match[0][0], octets)
