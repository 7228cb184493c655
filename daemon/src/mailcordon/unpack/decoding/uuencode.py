"""uuencoded files in a text (POSIX uuencode). Texts resemble them easily, so nothing is taken for one that is not."""

import binascii
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

_BEGIN = re.compile(rb"begin [0-7]{3,4} (\S[^\r\n]{0,255})$")
_LONGEST_LINE = 62


def begin_name(line: bytes) -> bytes | None:
    """The name in the first line of an encoded file; None for any other line."""
    match = _BEGIN.match(line.rstrip(b"\r\n"))
    return match[1] if match else None


def decoded_line(line: bytes) -> bytes | None:
    """The octets that a line stands for; None when it cannot be one of an encoded file."""
    line = line.rstrip(b"\r\n")
    if not line or not 0x20 <= line[0] <= 0x60 or len(line) > _LONGEST_LINE:
        return None
    length = (line[0] - 0x20) & 0x3F
    characters = (length + 2) // 3 * 4
    # Blanks at the end get lost on the way; some programs add a character as a checksum.
    if len(line) - 1 > characters + 1 or any(not 0x20 <= octet <= 0x60 for octet in line):
        return None
    try:
        return binascii.a2b_uu(line[: 1 + characters])
    except binascii.Error:
        return None


def looks_uuencoded(head: bytes) -> bool:
    """Whether a line `begin` is followed by one that may be of an encoded file, and is as long as that says."""
    lines = head.splitlines()
    return any(begin_name(first) is not None and _first_octets(second) for first, second in pairwise(lines))


def encoded_files(lines: Iterable[bytes]) -> Iterator[tuple[bytes, Iterator[bytes]]]:
    """Name and octets of each encoded file; the octets are to be read before the next one."""
    source = iter(lines)
    for line in source:
        name = begin_name(line)
        octets = _first_octets(next(source, b"")) if name is not None else None
        if name is not None and octets:
            yield name, _octets(octets, source)


def _first_octets(line: bytes) -> bytes | None:
    """Those of the line behind `begin`; None when it is too short for what it says, as lines of texts are."""
    octets = decoded_line(line)
    return octets if octets and len(line) >= len(octets) * 4 // 3 else None


def _octets(first: bytes, lines: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    for line in lines:
        octets = decoded_line(line)
        if not octets:
            return
        yield octets
