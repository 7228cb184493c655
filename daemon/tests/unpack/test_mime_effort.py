"""The splitter's effort grows in proportion to the message, whatever a sender writes (design rule 5).

Effort is the number of calls, counted by a profile hook, not by the clock: a test on a busy machine must not fail.
"""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from mailcordon.unpack import Limits, split

NO_LIMITS = Limits(levels=1_000_000, parts=1_000_000)
HEAD = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"

SHAPES: dict[str, Callable[[int], bytes]] = {
    "empty parts": lambda n: HEAD + b"--b\r\n" * n,
    "parts without an empty line": lambda n: HEAD + b"--b\r\nContent-Type: text/plain\r\n" * n,
    "parts with text": lambda n: HEAD + b"--b\r\n\r\nHello\r\n" * n,
    "lines like delimiters": lambda n: HEAD + b"--c\r\n" * n,
    "unclosed levels": lambda n: b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(n)
    ),
    "messages in messages": lambda n: b"Content-Type: message/rfc822\r\n\r\n" * n,
    "empty lines": lambda n: HEAD + b"\r\n" * n,
    "parameters": lambda n: b"Content-Type: text/plain" + b"; a=b" * n + b"\r\n\r\n",
    "segments of a name": lambda n: (
        b"Content-Type: text/plain" + b"".join(b"; name*%d=b" % i for i in range(n)) + b"\r\n\r\n"
    ),
    "content fields": lambda n: b"Content-Type: text/plain\r\n" * n + b"\r\n",
    "equal inner boundaries": lambda n: HEAD + b"--b\r\n" + HEAD * n,
}


def effort(octets: bytes) -> int:
    """Number of calls made by the splitter, of Python and of C functions."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    view = memoryview(octets)
    sys.setprofile(count)
    try:
        split(view, NO_LIMITS)
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("shape", SHAPES)
def test_calls_grow_linearly(shape: str) -> None:
    make = SHAPES[shape]
    small, large = effort(make(500)), effort(make(4000))
    assert large <= 8 * small * 1.1 + 100


@pytest.mark.parametrize(
    "octets",
    [
        b'Content-Type: a/b; name="' + b'\\"' * 500_000,
        b"Content-Type: a/b; name=" + b'"' * 1_000_000,
        b"Content-Type: a/b; name=" + b"=?a?q?" * 200_000,
        b"Content-Type: a/b; name=x" + b"(" * 1_000_000,
        b'Content-Type: a/b; boundary="x"' + b"(" * 1_000_000,
        b"Content-Type:" + b"\r\n " * 300_000 + b"a/b",
        b"Content-Type:" + b" " * 1_000_000,
        b"Content-Type" + b" " * 1_000_000,
        b"content-" * 125_000,
        b"a" * 1_000_000,
        b"\r\n" * 500_000,
        b"Content-Disposition: a; filename*=''" + b"%41" * 300_000,
        b"Content-Disposition: a; filename*=" + b"'" * 900_000,
        HEAD + b"--" + b"-" * 1_000_000,
        HEAD + b"--b" + b" " * 1_000_000 + b"x\r\n",
    ],
    ids=lambda octets: repr(octets[:40]),
)
def test_a_megabyte_in_one_header_takes_few_calls(octets: bytes) -> None:
    """A field is cut at 64 KiB; no expression backtracks, or this test would not come to an end."""
    assert effort(octets) < 250_000


def test_bodies_are_not_copied() -> None:
    """Only offsets are kept: memory for a message of 20 MB stays far below its size."""
    import tracemalloc

    octets = HEAD + b"--b\r\n\r\n" + b"Hello, hello.\r\n" * 1_300_000 + b"--b--\r\n"
    view = memoryview(octets)
    tracemalloc.start()
    try:
        split(view)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 200_000
