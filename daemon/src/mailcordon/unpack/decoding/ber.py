"""As much of ASN.1's Basic Encoding Rules (X.690) as it takes to find the contents of signed mail."""

from collections.abc import Iterator
from dataclasses import dataclass

from mailcordon.errors import CannotDecodeError

SEQUENCE = 0x30
OBJECT_IDENTIFIER = 0x06
OCTET_STRING = 0x04
OCTET_STRINGS = 0x24
"""An octet string in pieces."""
EXPLICIT_0 = 0xA0
_MOST_LEVELS = 32
_MOST_SKIPPED = 100_000
"""Elements that are passed over to find the end of another one."""


@dataclass(frozen=True, slots=True)
class Element:
    """A tag and where its contents are."""

    tag: int
    start: int
    end: int | None
    """None: they go on until an end-of-contents mark."""

    @property
    def is_constructed(self) -> bool:
        """Whether its contents are elements."""
        return bool(self.tag & 0x20)


def read(octets: memoryview, at: int) -> Element:
    """The element that begins at `at`. Raises CannotDecodeError."""
    try:
        tag, length = octets[at], octets[at + 1]
        start = at + 2
        if tag & 0x1F == 0x1F:
            raise CannotDecodeError("broken CMS (long tag)")
        if length == 0x80:
            return Element(tag, start, None)
        if length > 0x80:
            count = length & 0x7F
            start += count
            length = int.from_bytes(octets[start - count : start], "big")
    except IndexError as error:
        raise CannotDecodeError("broken CMS (cut off)") from error
    if start + length > len(octets):
        raise CannotDecodeError("broken CMS (cut off)")
    return Element(tag, start, start + length)


def children(octets: memoryview, parent: Element) -> Iterator[Element]:
    """The elements inside of `parent`. Raises CannotDecodeError."""
    at = parent.start
    while parent.end is None or at < parent.end:
        child = read(octets, at)
        if parent.end is None and child.tag == 0:
            return
        yield child
        at = end_of(octets, child)


def end_of(octets: memoryview, element: Element) -> int:
    """Where what follows `element` begins; costs time only where its length is not given. Raises CannotDecodeError."""
    if element.end is not None:
        return element.end
    at, levels = element.start, 1
    for _ in range(_MOST_SKIPPED):
        inner = read(octets, at)
        at = inner.end if inner.end is not None else inner.start
        if inner.end is None:
            levels += 1
        elif inner.tag == 0:
            levels -= 1
        if not levels:
            return at
        if levels > _MOST_LEVELS:
            raise CannotDecodeError("broken CMS (nested too deeply)")
    raise CannotDecodeError("broken CMS (too many elements)")


def octet_string(octets: memoryview, element: Element) -> Iterator[memoryview]:
    """The pieces of an octet string, which may itself be in pieces. Raises CannotDecodeError."""
    levels = [iter((element,))]
    while levels:
        piece = next(levels[-1], None)
        if piece is None:
            levels.pop()
        elif piece.tag == OCTET_STRING:
            yield octets[piece.start : piece.end]
        elif piece.tag == OCTET_STRINGS and len(levels) < _MOST_LEVELS:
            levels.append(children(octets, piece))
        else:
            raise CannotDecodeError("broken CMS (no octet string)")
