# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real clamd and freshclam in a directory of their own, configured by clamav_conf.

clamd knows EICAR only, from a signature file of our own; freshclam fetches such files from an HTTP server of the test.
"""

from __future__ import annotations

import contextlib
import http.server
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

from ansible_collections.mailcordon.gateway.plugins.modules import clamav_conf
from ansible_collections.mailcordon.gateway.tests.end_to_end.samples import eicar, twin

Run = Callable[..., dict]
SIGNATURE = "Eicar-Test-Signature"
FOUND = f"{SIGNATURE}.UNOFFICIAL FOUND"
START_LIMIT = 60.0
USER = "clamav"


def signature_file(name: str, content: bytes) -> str:
    """One signature (extended format) that finds the content anywhere in a file of any type."""
    return f"{name}:0:*:{content.hex()}\n"


def wait_until(what: str, look: Callable[[], object], timeout: float = 30.0) -> None:
    """Raises AssertionError when it is not seen in time (seconds)."""
    deadline = time.monotonic() + timeout
    while not look():
        assert time.monotonic() < deadline, f"not seen within {timeout:.0f} s: {what}"
        time.sleep(0.05)


class Bench:
    """A directory that clamav may use, with signatures, and the programs that were started in it."""

    def __init__(self, directory: pathlib.Path, run: Run) -> None:
        self.directory = directory
        self.database = self.path("db")
        self.socket = self.path("clamd.sock")
        self._run = run
        self._processes: list[subprocess.Popen[bytes]] = []
        self.database.mkdir()
        for path in (directory, self.database):
            path.chmod(0o755)
            shutil.chown(path, USER, USER)
        (self.database / "eicar.ndb").write_text(signature_file(SIGNATURE, eicar()))

    def path(self, name: str) -> pathlib.Path:
        return self.directory / name

    def file(self, name: str, content: bytes) -> pathlib.Path:
        """A file that clamav can read."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def script(self, name: str, text: str) -> pathlib.Path:
        path = self.file(name, f"#!/bin/sh\n{text}\n".encode())
        path.chmod(0o755)
        return path

    def configure(self, kind: str, name: str, options: dict, **more: str) -> pathlib.Path:
        """Lets the module write the file, which its clamconf has to accept."""
        path = self.path(name)
        result = self._run(clamav_conf, type=kind, path=str(path), options=options, **more)
        assert result.get("verified") is True, result
        return path

    def clamd(self, options: dict | None = None, *, name: str = "clamd.conf") -> Clamd:
        """A clamd that is not started yet."""
        defaults = {
            "User": USER,
            "Foreground": True,
            "LocalSocket": str(self.socket),
            "LocalSocketMode": "666",
            "DatabaseDirectory": str(self.database),
            "TemporaryDirectory": str(self.directory),
            "LogFile": str(self.path("clamd.log")),
            "ConcurrentDatabaseReload": False,
        }
        path = self.configure("clamd", name, options or {}, defaults=defaults)
        return Clamd(self, path)

    def freshclam(self, options: dict, **more: str) -> Freshclam:
        """A freshclam that has not run yet. It asks for no official database unless a mirror is named."""
        defaults = {
            "DatabaseOwner": USER,
            "DatabaseDirectory": str(self.database),
            "UpdateLogFile": str(self.path("freshclam.log")),
            "MaxAttempts": 1,
            "TestDatabases": False,
        }
        if "PrivateMirror" not in options:
            defaults |= {"DatabaseMirror": "database.invalid", "ExcludeDatabase": ["main", "daily", "bytecode"]}
        return Freshclam(self, self.configure("freshclam", "freshclam.conf", options, defaults=defaults, **more))

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        with self.path("output").open("ab") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        self._processes.append(process)
        return process

    def output(self) -> str:
        return self.path("output").read_text(errors="replace")

    def close(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()


class Clamd:
    """clamd, and its protocol over the unix socket (clamd(8))."""

    def __init__(self, bench: Bench, config: pathlib.Path) -> None:
        self._bench = bench
        self._config = config
        self.process: subprocess.Popen[bytes] | None = None
        self.socket = next(
            line.split(maxsplit=1)[1] for line in config.read_text().splitlines() if line.startswith("LocalSocket ")
        )
        self.log = pathlib.Path(
            next(line.split(maxsplit=1)[1] for line in config.read_text().splitlines() if line.startswith("LogFile "))
        )

    def start(self) -> Clamd:
        """Starts it and waits until it answers."""
        self.process = self._bench.start("clamd", "-c", str(self._config))
        wait_until("PONG of clamd", self._answers_or_ended, START_LIMIT)
        assert self.process.poll() is None, self._bench.output()
        return self

    def refuses_to_start(self) -> str:
        """What it says before it gives up."""
        self.process = self._bench.start("clamd", "-c", str(self._config))
        assert self.process.wait(START_LIMIT) != 0
        return self._bench.output()

    def kill(self) -> None:
        """As when the machine runs out of memory: nothing is tidied up."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def ask(self, command: str, data: bytes = b"") -> str:
        with self.connection() as connection:
            connection.sendall(b"z" + command.encode() + b"\0" + data)
            return self.answer(connection)

    def answer(self, connection: socket.socket) -> str:
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received.rstrip(b"\0").decode()

    @contextlib.contextmanager
    def connection(self) -> Iterator[socket.socket]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(60)
            connection.connect(self.socket)
            yield connection

    def stream(self, content: bytes) -> str:
        """The verdict on data, by INSTREAM."""
        chunk = struct.pack(">I", len(content)) + content if content else b""
        return self.ask("INSTREAM", chunk + struct.pack(">I", 0))

    def scan(self, path: pathlib.Path) -> str:
        """The verdict on a file or a directory that clamd itself opens."""
        return self.ask(f"SCAN {path}")

    def _answers_or_ended(self) -> bool:
        assert self.process is not None
        with contextlib.suppress(OSError):
            return self.ask("PING") == "PONG"
        return self.process.poll() is not None


class Freshclam:
    """freshclam, run once in the foreground."""

    def __init__(self, bench: Bench, config: pathlib.Path) -> None:
        self._bench = bench
        self.config = config
        self.log = bench.path("freshclam.log")

    def update(self) -> subprocess.CompletedProcess[str]:
        command = ["freshclam", f"--config-file={self.config}"]
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)


class _Handler(http.server.SimpleHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        self.server.seen.append((self.client_address[0], self.path))
        self.server.before_answer()
        super().do_GET()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 # the name is the library's
        pass


class FileServer(http.server.ThreadingHTTPServer):
    """An HTTP server for one directory, which remembers client address and path of each request."""

    def __init__(self, directory: pathlib.Path) -> None:
        directory.mkdir()
        self.directory = directory
        self.seen: list[tuple[str, str]] = []
        self.before_answer: Callable[[], object] = lambda: None
        super().__init__(("127.0.0.1", 0), self._handler)

    def _handler(self, *arguments: object) -> _Handler:
        return _Handler(*arguments, directory=str(self.directory))

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"

    def publish(self, name: str, content: bytes) -> str:
        """Puts a file there and returns its URL."""
        (self.directory / name).write_bytes(content)
        return self.url(name)

    def publish_eicar(self) -> str:
        return self.publish("eicar.ndb", signature_file(SIGNATURE, eicar()).encode())

    def publish_twin(self) -> str:
        """A file of the same name that finds EICAR's twin as well."""
        text = signature_file(SIGNATURE, eicar()) + signature_file("Twin", twin())
        # freshclam asks for files that are newer than its own, in whole seconds
        url = self.publish("eicar.ndb", text.encode())
        os.utime(self.directory / "eicar.ndb", (time.time() + 10, time.time() + 10))
        return url


@contextlib.contextmanager
def served(server: http.server.HTTPServer) -> Iterator[http.server.HTTPServer]:
    """The server, answering in a thread."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
