"""The directory with the counters of a running daemon (B17.09).

It has a file for each worker, and one for those that are gone. The supervisor alone makes and removes files; a worker
writes to its own, without a lock. A worker's counters are added to those of its predecessors once it has ended, however
it did. Readers hold a lock while they read, so that they see the counters of a worker once and not twice; as long as
they do, the supervisor puts off the adding.
"""

import contextlib
import fcntl
import json
import logging
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from mailcordon import __version__
from mailcordon.config.settings import Settings
from mailcordon.run.counter_file import CounterFile, InProgress, counters_in, messages_in

log = logging.getLogger(__name__)

NAME = "db"
"""Below MYHOME."""
_TOTAL = "total"
_FACTS = "daemon.json"
_LOCK = "lock"
_ALIVE, _READING = 0, 1
"""Octets of the lock file: one is locked while the daemon runs, the other by readers, and while files are removed."""


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker as others see it."""

    pid: int
    messages: tuple[InProgress, ...]


@dataclass(frozen=True, slots=True)
class DaemonView:
    """A running daemon as others see it."""

    pid: int
    started_at: float
    """Seconds since the epoch."""
    hostname: str
    version: str
    counters: dict[str, float]
    workers: tuple[WorkerView, ...] = field(default=())


class CounterDirectory:
    """For the supervisor."""

    def __init__(self) -> None:
        """Without `open`, everything is counted for nobody."""
        self._path: Path | None = None
        self._lock = -1
        self._facts: dict[str, object] = {}
        self._total = CounterFile()
        self._ended: set[int] = set()

    def open(self, settings: Settings) -> None:
        """Begin anew; what an earlier daemon has counted goes. A daemon that cannot have this still takes mail."""
        path = settings.MYHOME / NAME
        try:
            path.mkdir(mode=0o750, exist_ok=True)
            self._lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
            fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _ALIVE)
            for file in path.iterdir():
                if file.name.isdecimal():
                    file.unlink()
            self._total = CounterFile.create(path / _TOTAL)
            self._facts = {
                "pid": os.getpid(),
                "started_at": time.time(),
                "hostname": settings.myhostname,
                "version": __version__,
            }
            fresh = path / f"{_FACTS}.new"
            fresh.write_text(json.dumps(self._facts))
            fresh.replace(path / _FACTS)
        except OSError as error:
            log.warning("nobody will see the counters: %s: %s", path, error.strerror)
        else:
            self._path = path

    def file_of_worker(self) -> CounterFile:
        """The file of the process that calls this, a worker."""
        if self._lock >= 0:
            os.close(self._lock)
        if self._path is None:
            return CounterFile()
        try:
            return CounterFile.create(self._path / str(os.getpid()))
        except OSError as error:
            log.warning("nobody will see the counters of this worker: %s: %s", self._path, error.strerror)
            return CounterFile()

    def ended(self, pid: int) -> None:
        """Keep what that worker has counted."""
        self._ended.add(pid)
        self.add_ended()

    def add_ended(self) -> None:
        """Add up what workers that are gone have counted, unless somebody is reading just now."""
        if self._path is None or not self._ended:
            return
        try:
            fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _READING)
        except OSError:
            return
        try:
            for pid in self._ended:
                file = self._path / str(pid)
                with contextlib.suppress(OSError):
                    for name, value in counters_in(file.read_bytes()).items():
                        self._total.counts[name] += value
                    self._total.publish()
                    file.unlink()
            self._ended.clear()
        finally:
            fcntl.lockf(self._lock, fcntl.LOCK_UN, 1, _READING)

    def view(self) -> DaemonView | None:
        """What the daemon does at the moment; None when nobody can see it."""
        return None if self._path is None else _view(self._path, self._facts)


def read_daemon(path: Path) -> DaemonView | None:
    """The running daemon whose files are there; None when there is none. Raises OSError when they cannot be read.

    Not for the supervisor: closing the file would give up its own locks.
    """
    try:
        lock = os.open(path / _LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        if _is_free(lock):
            return None
        fcntl.lockf(lock, fcntl.LOCK_SH, 1, _READING)
        return _view(path, json.loads((path / _FACTS).read_text()))
    except (FileNotFoundError, ValueError):
        # It is just starting.
        return None
    finally:
        os.close(lock)


def _is_free(lock: int) -> bool:
    try:
        fcntl.lockf(lock, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, _ALIVE)
    except OSError:
        return False
    fcntl.lockf(lock, fcntl.LOCK_UN, 1, _ALIVE)
    return True


def _view(path: Path, facts: dict[str, object]) -> DaemonView:
    files = {}
    for file in path.iterdir():
        if file.name == _TOTAL or file.name.isdecimal():
            with contextlib.suppress(FileNotFoundError):
                files[file.name] = file.read_bytes()
    counters: dict[str, float] = {}
    for octets in files.values():
        for name, value in counters_in(octets).items():
            counters[name] = counters.get(name, 0.0) + value
    return DaemonView(
        pid=int(str(facts["pid"])),
        started_at=float(str(facts["started_at"])),
        hostname=str(facts["hostname"]),
        version=str(facts["version"]),
        counters=dict(sorted(counters.items())),
        workers=tuple(
            WorkerView(int(name), tuple(messages_in(octets)))
            for name, octets in sorted(files.items())
            if name.isdecimal()
        ),
    )
