# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real clamd in a directory of its own, and the signatures and samples that the tests give it."""

from __future__ import annotations

import pathlib
import shutil
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
START_LIMIT = 60.0
"""Seconds."""


class ClamdServer:
    """clamd with its database in `database`. Its log is the file `log`; streams and files may have a mebioctet."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.database = directory / "database"
        self.socket = directory / "clamd.sock"
        self.log = directory / "clamd.log"
        self._configuration = directory / "clamd.conf"
        self._configuration.write_text(
            f"DatabaseDirectory {self.database}\nLocalSocket {self.socket}\nLogFile {self.log}\nForeground yes\n"
            f"TemporaryDirectory {directory}\nStreamMaxLength 1M\nMaxFileSize 1M\nAlertExceedsMax yes\nSelfCheck 0\n"
            "ExtendedDetectionInfo yes\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def configure(self, line: str) -> None:
        """Add a line to clamd.conf."""
        with self._configuration.open("a") as configuration:
            configuration.write(f"{line}\n")

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = subprocess.Popen(
            ["/usr/sbin/clamd", "-c", str(self._configuration)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + START_LIMIT
        while True:
            with socket.socket(socket.AF_UNIX) as probe:
                if probe.connect_ex(str(self.socket)) == 0:
                    return
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise AssertionError(f"clamd did not start:\n{self.log.read_text()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it and wait until it is gone."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None


def signature(name: str, content: bytes) -> str:
    """A line of an .ndb file that finds content anywhere in a file."""
    return f"{name}:0:*:{content.hex()}\n"


def genuine_databases() -> pathlib.Path:
    """The directory with test-1.cvd to test-6.cvd, which ClamAV's authors have signed."""
    script = HERE.parent / "end_to_end" / "genuine_signatures.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return pathlib.Path(done.stdout.strip())


def unsigned_database(path: pathlib.Path, content: bytes, version: int) -> None:
    """Make a CUD (a database without a digital signature) that finds content, with the real sigtool."""
    work = path.parent / "sigtool-work"
    work.mkdir()
    (work / "COPYING").write_text("test\n")
    (work / f"{path.stem}.ndb").write_text(signature("Built.Here", content))
    command = ["sigtool", f"--build={path.name}", "--unsigned", f"--cvd-version={version}", f"--datadir={work}"]
    subprocess.run(command, cwd=work, check=True, capture_output=True, env={"SIGNDUSER": "tests", "PATH": "/usr/bin"})
    shutil.move(work / path.name, path)
    shutil.rmtree(work)
