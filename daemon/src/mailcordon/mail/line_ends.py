"""Line ends of mail that comes from files: there they are LF, in mail they are CR LF."""

import itertools
from collections.abc import Iterable, Iterator

_FIRST_LINE_LIMIT = 1024 * 1024


def with_cr_lf(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The octets as they are, if their first line ends with CR LF; else each LF becomes a CR LF, as in mail."""
    source = iter(chunks)
    first = b""
    for chunk in source:
        first += chunk
        if b"\n" in first or len(first) > _FIRST_LINE_LIMIT:
            break
    end = first.find(b"\n")
    if end < 1 or first[end - 1 : end] == b"\r":
        yield first
        yield from source
        return
    last = b""
    for chunk in itertools.chain([first], source):
        octets = last + chunk
        # A CR at the end belongs to the LF that may follow it.
        last = octets[-1:] if octets.endswith(b"\r") else b""
        yield octets[: len(octets) - len(last)].replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    yield last
