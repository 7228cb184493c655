"""The memory of one process that others may look into: its counters, and what it does at the moment (B17).

A file that is mapped into memory: showing what was counted costs no system call, needs no lock, and survives the end of
the process, whatever that is. Readers take a copy of the file; a counter that changes meanwhile is old or new.

    0       magic (16 octets), number of names in use (unsigned, 4 octets)
    64      values: CAPACITY floating point numbers, 8 octets each
    ...     names: CAPACITY times NAME_SIZE octets, UTF-8, filled up with zeros
    ...     places: PLACES times PLACE_SIZE octets, one for each message in progress
"""

import mmap
import os
import struct
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from mailcordon.mail.timing import Timing

MAGIC = b"mailcordon cnt 1"
CAPACITY = 1024
NAME_SIZE = 88
PLACES = 64
OVERFLOW = "CountersOverflow"
"""Counts what has no room for a name of its own any more: names of viruses come from outside."""

_HEADER = struct.Struct("=16sI")
_USED = struct.Struct("=I")
_NAME = struct.Struct(f"={NAME_SIZE}s")
_PLACE = struct.Struct("=dd4s28s")
PLACE_SIZE = _PLACE.size
_VALUES_AT = 64
_NAMES_AT = _VALUES_AT + 8 * CAPACITY
_PLACES_AT = _NAMES_AT + NAME_SIZE * CAPACITY
FILE_SIZE = _PLACES_AT + PLACE_SIZE * PLACES


@dataclass(frozen=True, slots=True)
class InProgress:
    """A message that a worker has before it."""

    log_id: str
    state: str
    """A letter of B17.08."""
    since: float
    """When it came into this state; seconds since the epoch."""
    began: float
    """When its reception began."""


class CounterFile:
    """For the process that counts: in `counts`, by name, which costs next to nothing; `publish` shows it to others."""

    def __init__(self, memory: mmap.mmap | bytearray | None = None) -> None:
        """`memory` holds zeros; without one, nobody else will see what is counted."""
        self.counts: defaultdict[str, float] = defaultdict(float)
        self._memory = memory if memory is not None else bytearray(FILE_SIZE)
        self._named = 0
        _HEADER.pack_into(self._memory, 0, MAGIC, 0)

    @classmethod
    def create(cls, path: Path) -> "CounterFile":
        """A new file in the place of an old one. Raises OSError.

        All of its room is taken at once: on a full disk, a write to memory later could end the process.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
        try:
            os.posix_fallocate(descriptor, 0, FILE_SIZE)
            return cls(mmap.mmap(descriptor, FILE_SIZE))
        finally:
            os.close(descriptor)

    def publish(self, in_progress: Mapping[str, Timing] | None = None) -> None:
        """Show the counters, and the messages in progress by their log ids."""
        counts = self.counts
        if len(counts) > CAPACITY:
            _join(counts)
        if len(counts) != self._named:
            for number, name in enumerate(counts):
                if number >= self._named:
                    _NAME.pack_into(self._memory, _NAMES_AT + NAME_SIZE * number, name.encode("utf-8", "replace"))
        values = list(counts.values())
        struct.pack_into(f"={len(values)}d", self._memory, _VALUES_AT, *values)
        self._named = len(values)
        # Last of all: readers look at no more names than that.
        _USED.pack_into(self._memory, _HEADER.size - _USED.size, self._named)
        self._publish_messages(in_progress or {})

    def _publish_messages(self, in_progress: Mapping[str, Timing]) -> None:
        """With more messages than there are places, some are not shown."""
        ago, now = time.perf_counter(), time.time()
        shown = [
            _PLACE.pack(now - ago + timing.began, now - ago + timing.since, timing.state.encode(), log_id.encode())
            for log_id, timing in islice(in_progress.items(), PLACES)
        ]
        self._memory[_PLACES_AT:FILE_SIZE] = b"".join(shown).ljust(PLACE_SIZE * PLACES, b"\0")

    def close(self) -> None:
        """Give up the memory; nothing can be published after that."""
        if isinstance(self._memory, mmap.mmap):
            self._memory.close()


def _join(counts: dict[str, float]) -> None:
    """Make one of all counters that have no room."""
    for name in list(counts)[CAPACITY - 1 :]:
        if name != OVERFLOW:
            counts[OVERFLOW] = counts.get(OVERFLOW, 0.0) + counts.pop(name)


def counters_in(octets: bytes) -> dict[str, float]:
    """What is counted in a copy of such a file; nothing where it is none."""
    if len(octets) < FILE_SIZE or not octets.startswith(MAGIC):
        return {}
    used = min(_USED.unpack_from(octets, _HEADER.size - _USED.size)[0], CAPACITY)
    values = struct.unpack_from(f"={used}d", octets, _VALUES_AT)
    return {_name(octets, number): value for number, value in enumerate(values)}


def _name(octets: bytes, number: int) -> str:
    start = _NAMES_AT + NAME_SIZE * number
    return octets[start : start + NAME_SIZE].rstrip(b"\0").decode("utf-8", "replace")


def messages_in(octets: bytes) -> Iterator[InProgress]:
    """The messages in progress in a copy of such a file, the oldest one first."""
    if len(octets) < FILE_SIZE or not octets.startswith(MAGIC):
        return
    places = _PLACE.iter_unpack(octets[_PLACES_AT:FILE_SIZE])
    for began, since, state, log_id in sorted(places):
        if log_id[0]:
            yield InProgress(
                log_id.rstrip(b"\0").decode("utf-8", "replace"),
                state.rstrip(b"\0").decode("ascii", "replace"),
                since,
                began,
            )
