"""What a decoder process does with a job: a queue of files to look at and to open, never recursion (B13.01, B13.04)."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mailcordon.errors import CannotDecodeError, LimitReachedError
from mailcordon.unpack.decoding.decoder import Decoded, Decoder
from mailcordon.unpack.decoding.sink import Budget, Sink
from mailcordon.unpack.job import Job, Looked, OpenedBy, PartFile, Problem, ProblemKind, Record

Tell = Callable[[Record], None]


class LooksAtFiles(Protocol):
    """Tells what a file is."""

    def look(self, file: Path, name: str, declared_type: str) -> tuple[tuple[str, ...], str]:
        """Short types and libmagic's description of `file`, that was called `name` and declared as that type."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a decoder process has at hand; made once, before anything hostile is near."""

    available: tuple[Decoder, ...]
    """In the order in which they are tried."""
    missing: frozenset[str]
    """Short types that only decoders would open which this host has not."""
    file_types: LooksAtFiles

    @classmethod
    def of(cls, decoders: Sequence[Decoder], file_types: LooksAtFiles) -> "Tools":
        """Those of the decoders that this host has."""
        available = tuple(decoder for decoder in decoders if decoder.find() is not None)
        opened = frozenset[str]().union(*(decoder.short_types for decoder in available))
        known = frozenset[str]().union(*(decoder.short_types for decoder in decoders))
        return cls(available, known - opened, file_types)


@dataclass(frozen=True, slots=True)
class _File:
    location: str
    path: Path
    name: str
    declared_type: str

    @classmethod
    def of(cls, part: PartFile) -> "_File":
        return cls(part.location, part.file, part.names[0] if part.names else "", part.content_type)

    @property
    def level(self) -> int:
        """How many parts and members it is inside of."""
        return self.location.count(".")


@dataclass(frozen=True, slots=True)
class _Attempt:
    decoder: Decoder
    sink: Sink
    decoded: Decoded | None
    """None where it failed."""

    def is_better_than(self, other: "_Attempt") -> bool:
        """Who succeeds with less than another one has brought out has passed something over."""
        if self.decoded is not None:
            return self.brought >= other.brought
        return (self.brought, len(self.sink.members)) > (other.brought, len(other.sink.members))

    @property
    def brought(self) -> int:
        """Members with octets."""
        return sum(member.size > 0 for member in self.sink.members if member.file is not None)


def work(job: Job, tools: Tools, tell: Tell) -> None:
    """Open everything inside the parts of `job` and tell what is found, each thing as soon as it is known.

    A limit ends the opening, not the looking: what has come out by then is still told of with its types.
    """
    _Work(job, tools, tell).run()


class _Work:
    def __init__(self, job: Job, tools: Tools, tell: Tell) -> None:
        self._job = job
        self._tools = tools
        self._tell = tell
        self._budget = Budget.of(job)
        self._queue = deque(_File.of(part) for part in job.parts)
        self._may_open = True

    def run(self) -> None:
        """Until nothing is left."""
        while self._queue:
            file = self._queue.popleft()
            try:
                self._budget.check_time()
                self._handle(file)
            except LimitReachedError as error:
                self._problem(ProblemKind.OVER_LIMITS, file, str(error))
                if not self._budget.seconds_left:
                    return
                self._may_open = False
            except MemoryError:
                self._problem(ProblemKind.OVER_LIMITS, file, f"Exceeded memory limit {self._job.memory} bytes")
                self._may_open = False

    def _handle(self, file: _File) -> None:
        short_types = self._look(file)
        if not self._may_open or not self._wants_opening(file, short_types):
            return
        attempt = self._best(self._attempts(file, short_types))
        if attempt is not None and attempt.decoded is not None:
            # An archive in which there is nothing may be something else for somebody else.
            keep = attempt.decoded is Decoded.KEEP or not attempt.sink.members
            self._tell(OpenedBy(file.location, attempt.decoder.name, keep))

    def _look(self, file: _File) -> tuple[str, ...]:
        try:
            short_types, full_type = self._tools.file_types.look(file.path, file.name, file.declared_type)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - hostile input: whatever it raises, the next file is looked at
            self._problem(ProblemKind.UNREADABLE, file, f"its type cannot be told: {type(error).__name__}")
            return ()
        self._tell(Looked(file.location, tuple(short_types), full_type))
        return tuple(short_types)

    def _wants_opening(self, file: _File, short_types: tuple[str, ...]) -> bool:
        wanted = set(short_types) - self._job.switched_off
        if missing := sorted(wanted & self._tools.missing):
            self._problem(ProblemKind.UNREADABLE, file, f"No decoder for .{missing[0]}")
        if not any(wanted & decoder.short_types for decoder in self._tools.available):
            return False
        if file.level >= self._job.quota.levels:
            text = f"Maximum decoding depth ({self._job.quota.levels}) exceeded"
            self._problem(ProblemKind.OVER_LIMITS, file, text)
            return False
        return True

    def _attempts(self, file: _File, short_types: tuple[str, ...]) -> Iterator[_Attempt]:
        wanted = set(short_types) - self._job.switched_off
        for decoder in self._tools.available:
            if not wanted & decoder.short_types:
                continue
            sink = Sink(file.location, self._job.directory, self._budget)
            try:
                decoded: Decoded | None = decoder.decode(file.path, file.name, sink)
            except (LimitReachedError, MemoryError):
                self._take(sink)
                raise
            except CannotDecodeError as error:
                decoded = None
                sink.problem(ProblemKind.UNREADABLE, str(error))
            except Exception as error:  # noqa: BLE001 - hostile input: a decoder may raise anything
                decoded = None
                sink.problem(ProblemKind.UNREADABLE, f"decoder {decoder.name} failed: {type(error).__name__}")
            if decoded is not Decoded.NOT_APPLICABLE:
                yield _Attempt(decoder, sink, decoded)

    def _best(self, attempts: Iterable[_Attempt]) -> _Attempt | None:
        """The first that succeeds, else the one that brought out most; its members and problems count."""
        best: _Attempt | None = None
        for attempt in attempts:
            if best is None or attempt.is_better_than(best):
                best = attempt
            if attempt.decoded is not None:
                break
        if best is not None:
            self._take(best.sink)
        return best

    def _take(self, sink: Sink) -> None:
        for member in sink.members:
            self._tell(member)
            if member.file is not None:
                self._queue.append(_File(member.location, member.file, member.name, member.content_type))
        for problem in dict.fromkeys(sink.problems):
            self._tell(problem)

    def _problem(self, kind: ProblemKind, file: _File, text: str) -> None:
        self._tell(Problem(kind, file.location, text))
