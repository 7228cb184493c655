"""The MIME splitter against the standard library's parser, on the same messages in one process."""

import email
import email.message
import statistics
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from bench.messages import Mails
from mailcordon.unpack import Structure, split

MIB = 1 << 20
_SECONDS = 1.0
"""Aim for all runs of one measurement."""
_FEWEST_RUNS = 5


@dataclass(frozen=True, slots=True)
class SplitterRow:
    """What one parser takes for one message."""

    parser: str
    size: int
    """Octets of the message."""
    milliseconds: float
    """The median."""
    peak_mb: float
    """The most memory that it had at a time, beyond the message itself."""


def measure() -> list[SplitterRow]:
    """64 KB of text and HTML, and 5 MB with an attachment, by both."""
    return [
        _measured(name, parse, octets)
        for octets in (Mails("64k", "bob@example.test").take(1)[0], _with_attachment(5 * MIB))
        for name, parse in _PARSERS.items()
    ]


def show(console: Console, rows: Sequence[SplitterRow]) -> None:
    """Print the rows."""
    table = Table("parser", "mail KB", "ms", "peak MB", box=None, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(row.parser, f"{row.size / 1024:,.0f}", f"{row.milliseconds:.2f}", f"{row.peak_mb:.2f}")
    console.print(table)


def _split(octets: bytes) -> Structure:
    return split(memoryview(octets))


def _parse(octets: bytes) -> email.message.Message:
    return email.message_from_bytes(octets)


_PARSERS: dict[str, Callable[[bytes], object]] = {"mailcordon": _split, "stdlib email": _parse}


def _with_attachment(size: int) -> bytes:
    """A message of that size: one of 1 MB, whose archive is there several times."""
    message = Mails("1m", "bob@example.test").take(1)[0]
    head, kind, rest = message.partition(b"\r\nContent-Type: application/zip")
    delimiter = head.rpartition(b"\r\n")[2]
    body = rest.partition(b"\r\n--")[0]
    return head + (kind + body + b"\r\n" + delimiter) * (size // len(body) - 1) + kind + rest


def _measured(name: str, parse: Callable[[bytes], object], octets: bytes) -> SplitterRow:
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < _FEWEST_RUNS or time.perf_counter() - began < _SECONDS:
        before = time.perf_counter()
        parse(octets)
        times.append(time.perf_counter() - before)
    tracemalloc.start()
    try:
        parse(octets)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return SplitterRow(name, len(octets), 1000 * statistics.median(times), peak / MIB)
