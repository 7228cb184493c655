"""A directory for each message with the decoded bodies of its parts and what came out of them (B13.06)."""

import os
import shutil
import stat
import tempfile
from pathlib import Path

from mailcordon import directories
from mailcordon.errors import SpoolError

PREFIX = "unpack-"
DIRECTORY_MODE = 0o750
FILE_MODE = 0o640


class WorkDirectory:
    """Everything here does file I/O and belongs into a thread."""

    def __init__(self, base: Path) -> None:
        """Make one below `base`. Raises SpoolError."""
        try:
            self.path = Path(tempfile.mkdtemp(dir=base, prefix=PREFIX))
            self.path.chmod(DIRECTORY_MODE)
            self._lock = directories.lock_directory(self.path)
        except OSError as error:
            raise SpoolError(f"cannot make a directory in {base}: {error.strerror}") from error
        self._files = 0

    def write(self, octets: bytes) -> Path:
        """A new file with these octets. Raises SpoolError."""
        self._files += 1
        path = self.path / f"p{self._files:03d}"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
            with open(descriptor, "wb") as stream:
                stream.write(octets)
        except OSError as error:
            raise SpoolError(f"cannot write {path}: {error.strerror}") from error
        return path

    def holds(self, file: Path) -> bool:
        """Whether that is a regular file of the directory: a decoder process may have been taken over."""
        try:
            return file.parent == self.path and stat.S_ISREG(file.lstat().st_mode)
        except OSError:
            return False

    def remove(self) -> None:
        """With everything in it; what cannot be removed stays for `remove_leftovers`."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def remove_leftovers(base: Path) -> int:
    """Remove directories whose process is gone; gives back how many. OSError when `base` cannot be read."""
    return directories.remove_leftovers(base, PREFIX, directories=True)
