"""Delimiters that only some readers see (B13.05): behind a bare CR, or behind an encoding that nothing should have."""

import re
from collections.abc import Collection

_BEHIND_CR = re.compile(rb"\r--([^\r\n]++)")
_ENCODED = re.compile(rb"\n=2[dD]|=0[aA](?:-|=2[dD])")


def behind_bare_cr(octets: memoryview, boundaries: Collection[bytes]) -> bool:
    """Whether a line that a bare CR begins starts like a delimiter of one of `boundaries`. One pass."""
    if not boundaries:
        return False
    lengths = sorted({len(boundary) for boundary in boundaries})
    return any(starts_with_any(match.group(1), boundaries, lengths) for match in _BEHIND_CR.finditer(octets))


def behind_quoted_printable(octets: memoryview, start: int) -> bool:
    """Whether decoding what follows `start` as quoted-printable could bring up a delimiter. One pass."""
    return _ENCODED.search(octets, start) is not None


def starts_with_any(line: bytes, boundaries: Collection[bytes], lengths: Collection[int]) -> bool:
    """Whether `line` starts with one of `boundaries`, whose `lengths` are in rising order."""
    for length in lengths:
        if length > len(line):
            return False
        if line[:length] in boundaries:
            return True
    return False
