"""A file system that really fills up."""

import errno
import os
import subprocess
from pathlib import Path

import pytest


class SmallDisk:
    """A tmpfs of a few megabytes. Mounting needs root, or sudo without a password."""

    def __init__(self, directory: Path, size: str) -> None:
        self.path = directory
        self._ballast = directory / "ballast"
        self._as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        directory.mkdir()
        options = f"size={size},mode=0750,uid={os.geteuid()},gid={os.getegid()}"
        command = [*self._as_root, "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            pytest.fail(f"cannot mount a small disk, run as root or with sudo: {result.stderr.strip()}")

    def fill(self) -> None:
        """Leave not a single octet."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (1 << 20, 4096, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self) -> None:
        """Undo `fill`."""
        self._ballast.unlink(missing_ok=True)

    def unmount(self) -> None:
        """Give it up with all that is on it."""
        subprocess.run([*self._as_root, "umount", "--lazy", str(self.path)], check=True)
