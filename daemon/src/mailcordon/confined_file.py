"""Opens files that strangers name: below one directory, over no link, regular files only."""

import errno
import os
import stat
from pathlib import Path, PurePosixPath

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NOT_ALLOWED = errno.EACCES


def open_below(top: Path, relative: PurePosixPath) -> int:
    """A descriptor for reading the file at `relative` below `top`, which is trusted itself.

    Raises OSError: also for a path that leads elsewhere, for links on the way, and for what is no regular file.
    """
    parent = open_directory_below(top, relative.parent)
    try:
        # O_NONBLOCK: a fifo must not hold us up before we see that it is one.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(relative.name, flags, dir_fd=parent)
    finally:
        os.close(parent)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(_NOT_ALLOWED, "not a regular file")
    return descriptor


def open_directory_below(top: Path, relative: PurePosixPath) -> int:
    """A descriptor of the directory at `relative` below `top`. Raises OSError as `open_below` does."""
    if relative.is_absolute() or ".." in relative.parts:
        raise OSError(_NOT_ALLOWED, "the path leads elsewhere")
    current = os.open(top, _DIRECTORY)
    for name in relative.parts:
        try:
            following = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=current)
        finally:
            os.close(current)
        current = following
    return current
