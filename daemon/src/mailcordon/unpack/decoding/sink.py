"""Where decoders put what comes out of a container; here the limits of the message are kept (B13.03, B13.06)."""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from mailcordon.errors import LimitReachedError
from mailcordon.mail.file_names import shortened
from mailcordon.mail.part import BROKEN, ENCRYPTED
from mailcordon.unpack.job import Job, Member, Problem, ProblemKind, Quota

FILE_MODE = 0o640


@dataclass(slots=True)
class Budget:
    """What is left of the quota of a message; shared by all that is opened for it."""

    quota: Quota
    files: int
    """Parts and members so far."""
    octets: int = 0
    """Unpacked so far."""
    started: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, job: Job) -> "Budget":
        """The whole quota, but for the parts that the message has anyway."""
        return cls(job.quota, files=len(job.parts))

    @property
    def octets_left(self) -> int:
        """How many octets may still be unpacked; at least 0."""
        return max(self.quota.octets - self.octets, 0)

    @property
    def files_left(self) -> int:
        """How many members may still come; at least 0."""
        return max(self.quota.files - self.files, 0)

    @property
    def seconds_left(self) -> float:
        """Time that remains; at least 0."""
        return max(self.started + self.quota.seconds - time.monotonic(), 0.0)

    def check(self, files: int = 0, octets: int = 0) -> None:
        """Raises LimitReachedError when so much more would be too much, or the time is up (B13.04)."""
        if files > self.files_left:
            raise LimitReachedError(f"Maximum number of files ({self.quota.files}) exceeded")
        if octets > self.octets_left:
            raise LimitReachedError(f"Exceeded storage quota {self.quota.octets} bytes")
        self.check_time()

    def take_file(self) -> None:
        """One member more. Raises LimitReachedError (B13.04)."""
        self.check(files=1)
        self.files += 1

    def take_octets(self, count: int) -> None:
        """So many octets more. Raises LimitReachedError (B13.04)."""
        self.check(octets=count)
        self.octets += count

    def check_time(self) -> None:
        """Raises LimitReachedError when the time is up."""
        if not self.seconds_left:
            raise LimitReachedError(f"Exceeded time limit of {self.quota.seconds:.0f} s for unpacking")


class Sink:
    """Takes the members of one container. Numbers them, writes their octets, and charges the budget."""

    def __init__(self, location: str, directory: Path, budget: Budget) -> None:
        self.location = location
        self.directory = directory
        """Where members are written; scratch files of a decoder may lie here too, it removes them."""
        self.budget = budget
        self.members: list[Member] = []
        self.problems: list[Problem] = []

    def add(self, name: str, chunks: Iterable[bytes], *, content_type: str = "", attributes: str = "") -> Member:
        """Write a member. Raises LimitReachedError; what was written by then stays, and counts as a member."""
        self.budget.take_file()
        path = self._next_path()
        size = 0
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
        with open(descriptor, "wb") as stream:
            try:
                for chunk in chunks:
                    self.budget.take_octets(len(chunk))
                    stream.write(chunk)
                    size += len(chunk)
            finally:
                member = self._record(name, size, path, content_type, attributes)
        return member

    def adopt(self, name: str, path: Path, *, attributes: str = "") -> Member:
        """Take over a regular file that another program has written below `directory`. Raises LimitReachedError."""
        self.budget.take_file()
        size = path.stat(follow_symlinks=False).st_size
        self.budget.take_octets(size)
        target = self._next_path()
        path.rename(target)
        target.chmod(FILE_MODE)
        return self._record(name, size, target, "", attributes)

    def note(self, name: str, *, size: int = 0, attributes: str = "") -> Member:
        """List one without octets: a directory, link, device, or encrypted. Raises LimitReachedError."""
        self.budget.take_file()
        if ENCRYPTED in attributes:
            self.problem(ProblemKind.ENCRYPTED, "Encrypted member")
        return self._record(name, size, None, "", attributes)

    def mark_broken(self) -> None:
        """Say of the last member that not all of it came out."""
        self.members[-1] = replace(self.members[-1], attributes=self.members[-1].attributes + BROKEN)

    def problem(self, kind: ProblemKind, text: str) -> None:
        """Report what could not be looked at."""
        self.problems.append(Problem(kind, self.location, text))

    def _next_path(self) -> Path:
        return self.directory / f"p{self.budget.files:03d}"

    def _record(self, name: str, size: int, path: Path | None, content_type: str, attributes: str) -> Member:
        location = f"{self.location}.{len(self.members) + 1}"
        member = Member(location, shortened(name), size, path, content_type, attributes)
        self.members.append(member)
        return member
