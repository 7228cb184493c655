"""Directories that several processes use: names made durable, and what killed processes have left behind.

A process holds a lock on each file or directory of its own below TEMPBASE; the kernel gives it up with the process.
"""

import contextlib
import fcntl
import os
import shutil
from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable. Raises OSError."""
    descriptor = os.open(path, _DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock_directory(path: Path) -> int:
    """Tell `remove_leftovers` of other processes that it is in use, until the descriptor is closed. Raises OSError."""
    descriptor = os.open(path, _DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def remove_leftovers(base: Path, prefix: str, *, directories: bool) -> int:
    """Remove the files, or the directories, named with `prefix` whose process is gone; gives back how many.

    OSError when `base` cannot be read; what cannot be removed stays.
    """
    flags = os.O_NOFOLLOW | (_DIRECTORY if directories else os.O_RDONLY | os.O_CLOEXEC)
    removed = 0
    for path in base.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            descriptor = os.open(path, flags)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if directories:
                    # As much of it as can be: an archive may have brought a directory that nobody may write to.
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink()
                removed += not path.exists()
            finally:
                os.close(descriptor)
    return removed
