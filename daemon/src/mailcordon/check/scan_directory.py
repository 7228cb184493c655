"""A directory for programs that scan files: the message and what was unpacked from it, named by us (B13.06).

The program may do to these files what it likes: they are copies, or further names of what nobody needs afterwards.
"""

import errno
import os
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

from mailcordon import directories
from mailcordon.check.scan_input import Item, Whole

MESSAGE = "email.txt"
_PREFIX = "scan-"
_DIRECTORY_MODE = 0o750
_FILE_MODE = 0o640


class ScanDirectory:
    """Belongs to one program that runs for one message. All methods do file I/O: they belong into a thread."""

    def __init__(self, base: Path) -> None:
        """Make it below `base`, which is TEMPBASE. OSError."""
        self._path = base / f"{_PREFIX}{os.getpid()}-{secrets.token_hex(8)}"
        self._path.mkdir(_DIRECTORY_MODE)
        self._lock = directories.lock_directory(self._path)
        try:
            self.files = self._path / "parts"
            """What is to be scanned."""
            self.scratch = self._path / "tmp"
            """For what the program needs besides."""
            for directory in (self.files, self.scratch):
                directory.mkdir(_DIRECTORY_MODE)
        except BaseException:
            self.remove()
            raise

    def fill(self, items: Sequence[Item]) -> list[str]:
        """Put the items in, and tell the names of their files. OSError."""
        names = []
        for number, item in enumerate(items):
            names.append(MESSAGE if number == 0 else f"p{number:03d}")
            _put(item, self.files / names[-1])
        return names

    def fill_with(self, octets: bytes) -> list[str]:
        """Put these octets in as a message, and tell the name of their file. OSError."""
        (self.files / MESSAGE).write_bytes(octets)
        return [MESSAGE]

    def remove(self) -> None:
        """Remove it with everything in it."""
        shutil.rmtree(self._path, ignore_errors=True)
        os.close(self._lock)


def remove_leftovers(base: Path) -> int:
    """Remove directories of processes that are gone; gives back how many. OSError when `base` cannot be read."""
    return directories.remove_leftovers(base, _PREFIX, directories=True)


def _put(item: Item, path: Path) -> None:
    # Never a link to the message itself: what the program does to it would be done to the mail.
    if not isinstance(item, Whole) and item.part is not None:
        try:
            os.link(item.path, path, follow_symlinks=False)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK):
                raise
        else:
            return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE)
    with open(descriptor, "wb") as target, item.chunks() as chunks:
        target.writelines(chunks)
