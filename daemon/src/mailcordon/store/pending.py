"""Records that wait in files until the data base takes them again.

Each file holds what could not be written at once, a line for each message, and is complete under its name. Any worker
may write what is in it to the data base; that the same is written twice does no harm, as a row knows its message.
"""

import contextlib
import fcntl
import logging
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mailcordon.directories import sync_directory
from mailcordon.errors import StoreError
from mailcordon.store.records import Record

log = logging.getLogger(__name__)

DIRECTORY_MODE = 0o750
FILE_MODE = 0o640
SUFFIX = ".jsonl"
REFUSED = ".refused"
"""Suffix of files with records that the data base will never take."""


@dataclass(slots=True)
class PendingFile:
    """One file, which nobody else reads as long as this is open."""

    path: Path
    descriptor: int = field(repr=False)

    def records(self) -> Iterator[Record]:
        """Those that can be read; others are told of and left out."""
        with os.fdopen(os.dup(self.descriptor), encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    yield Record.of_line(line)
                except ValueError as error:
                    log.error("%s, line %d: %s", self.path, number, error)  # noqa: TRY400 - the text says it all

    def remove(self) -> None:
        """Everything in it is in the data base."""
        self.path.unlink(missing_ok=True)
        sync_directory(self.path.parent)

    def close(self) -> None:
        """Others may read it again."""
        os.close(self.descriptor)


class Pending:
    """The directory with such files. Everything here blocks."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def add(self, records: Sequence[Record], suffix: str = SUFFIX) -> None:
        """Make them durable. Raises StoreError."""
        name = f"{time.time_ns():020d}-{os.getpid()}-{secrets.token_hex(4)}"
        final = self.directory / f"{name}{suffix}"
        temporary = self.directory / f".{name}.tmp"
        try:
            self.directory.mkdir(DIRECTORY_MODE, parents=True, exist_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    file.writelines(f"{record.to_line()}\n" for record in records)
                    file.flush()
                    os.fsync(descriptor)
                temporary.rename(final)
            except BaseException:
                with contextlib.suppress(OSError):
                    temporary.unlink()
                raise
            sync_directory(self.directory)
        except OSError as error:
            raise StoreError(f"cannot keep records in {self.directory}: {error.strerror}") from error

    def oldest(self) -> PendingFile | None:
        """The oldest file that no other worker reads, None when there is none."""
        try:
            names = sorted(name for name in os.listdir(self.directory) if name.endswith(SUFFIX))
        except OSError:
            return None
        for name in names:
            path = self.directory / name
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            except OSError:
                continue
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Another worker may have finished with it between opening and locking.
                if os.fstat(descriptor).st_nlink:
                    return PendingFile(path, descriptor)
            except OSError:
                pass
            os.close(descriptor)
        return None

    @property
    def is_writable(self) -> bool:
        """Whether records can be kept at all; looked at before a message depends on it."""
        directory = self.directory if self.directory.exists() else self.directory.parent
        return os.access(directory, os.W_OK | os.X_OK)
