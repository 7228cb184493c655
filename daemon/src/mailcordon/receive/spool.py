"""Where a message lives while it is in our hands: in memory up to a limit, beyond it in a file below TEMPBASE.

The spool need not survive a crash: until we say 2xx, the client keeps the message (design rule 1). So nothing here is
synced to disk, and what a killed process left behind is simply removed.
"""

import contextlib
import fcntl
import mmap
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from mailcordon import directories
from mailcordon.errors import SpoolError
from mailcordon.mail.content import Content

_FILE_PREFIX = "spool-"
_FILE_MODE = 0o640
_FLUSH_SIZE = 256 * 1024
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


class MemoryContent:
    """A message in memory."""

    def __init__(self, octets: bytes | bytearray) -> None:
        self._octets = octets
        self._descriptor: int | None = None

    @property
    def size(self) -> int:
        """Length in octets."""
        return len(self._octets)

    def view(self) -> memoryview:
        """All octets, read-only."""
        return memoryview(self._octets).toreadonly()

    def fileno(self) -> int:
        """An anonymous file with the same octets that nobody can change; its position is at the start.

        SpoolError when the system has no descriptor or memory to spare.
        """
        if self._descriptor is None:
            self._descriptor = self._anonymous_file()
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        return self._descriptor

    def _anonymous_file(self) -> int:
        try:
            descriptor = os.memfd_create("mailcordon", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        except OSError as error:
            raise SpoolError(f"cannot make an anonymous file: {error.strerror}") from error
        try:
            _write_all(descriptor, self._octets)
            # Other processes get this descriptor; the octets must stay those that were judged.
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
        except OSError as error:
            os.close(descriptor)
            raise SpoolError(f"cannot write an anonymous file: {error.strerror}") from error
        return descriptor

    def close(self) -> None:
        """Give up memory and descriptor."""
        self._octets = b""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class FileContent:
    """A message in a file of the spool, which `close` removes."""

    def __init__(self, path: Path, descriptor: int, size: int) -> None:
        """Takes over `descriptor`, opened for reading and locked. OSError when the file cannot be mapped."""
        self._path = path
        self._descriptor = descriptor
        self._size = size
        self._map = mmap.mmap(descriptor, size, prot=mmap.PROT_READ)
        self._closed = False

    @property
    def size(self) -> int:
        """Length in octets."""
        return self._size

    def view(self) -> memoryview:
        """All octets, mapped, read-only."""
        return memoryview(self._map)

    def fileno(self) -> int:
        """Descriptor of the file, opened for reading only; its position is at the start."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        return self._descriptor

    def close(self) -> None:
        """Remove the file and give up descriptor and mapping."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        os.close(self._descriptor)
        # A view that outlives its message, e.g. in a thread past its deadline, keeps the mapping until it goes.
        with contextlib.suppress(BufferError):
            self._map.close()


@dataclass(frozen=True, slots=True)
class _SpoolFile:
    path: Path
    descriptor: int


class Spool:
    """Collects one message. `add` does no I/O; `flush` and `seal` may, and belong into a thread when `in_file`.

    As a context manager it removes what was collected, unless `seal` handed it on.
    """

    def __init__(self, directory: Path, memory_limit: int) -> None:
        """`memory_limit` in octets; a message longer than this goes to a file in `directory`."""
        self._directory = directory
        self._memory_limit = memory_limit
        self._pending = bytearray()
        self._file: _SpoolFile | None = None
        self._size = 0

    @property
    def size(self) -> int:
        """Octets collected."""
        return self._size

    @property
    def in_file(self) -> bool:
        """Whether the message has outgrown the memory limit, so that `flush` and `seal` do file I/O."""
        return self._size > self._memory_limit

    @property
    def wants_flush(self) -> bool:
        """Whether enough has come together for a write; the caller flushes before it adds more."""
        return self.in_file and (self._file is None or len(self._pending) >= _FLUSH_SIZE)

    def add(self, octets: bytes) -> None:
        """Append `octets`."""
        self._pending += octets
        self._size += len(octets)

    def flush(self) -> None:
        """Write what is pending to the file. SpoolError (one line: what, where, why) when that fails."""
        self._write_pending()

    def seal(self) -> Content:
        """The complete message; the spool is empty after it. SpoolError when it cannot be written."""
        if not self.in_file:
            content = MemoryContent(self._pending)
            self._forget()
            return content
        file = self._write_pending()
        try:
            # Scanners get a descriptor that cannot write.
            reader = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise self._failed("reopen", error) from error
        try:
            fcntl.flock(reader, fcntl.LOCK_SH)
            file_content = FileContent(file.path, reader, self._size)
        except OSError as error:
            os.close(reader)
            raise self._failed("map", error) from error
        os.close(file.descriptor)
        self._forget()
        return file_content

    def discard(self) -> None:
        """Drop everything collected; calling it again does nothing."""
        if self._file is not None:
            os.close(self._file.descriptor)
            with contextlib.suppress(FileNotFoundError):
                self._file.path.unlink()
        self._forget()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.discard()

    def _write_pending(self) -> _SpoolFile:
        try:
            file = self._file or self._create()
            _write_all(file.descriptor, self._pending)
        except OSError as error:
            raise self._failed("write", error) from error
        self._pending = bytearray()
        return file

    def _create(self) -> _SpoolFile:
        path = self._directory / f"{_FILE_PREFIX}{os.getpid()}-{secrets.token_hex(8)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        self._file = _SpoolFile(path, os.open(path, flags, _FILE_MODE))
        # The lock tells remove_leftovers of other processes that the file is in use.
        fcntl.flock(self._file.descriptor, fcntl.LOCK_SH)
        return self._file

    def _forget(self) -> None:
        self._pending = bytearray()
        self._file = None
        self._size = 0

    def _failed(self, what: str, error: OSError) -> SpoolError:
        return SpoolError(f"cannot {what} the spool file in {self._directory}: {error.strerror}")


def remove_leftovers(directory: Path) -> int:
    """Remove spool files whose process is gone; gives back how many. OSError when `directory` cannot be read."""
    return directories.remove_leftovers(directory, _FILE_PREFIX, directories=False)


def _write_all(descriptor: int, octets: bytes | bytearray) -> None:
    with memoryview(octets) as rest:
        done = 0
        while done < len(rest):
            done += os.write(descriptor, rest[done:])
