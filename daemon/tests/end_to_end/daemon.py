"""A running `mailcordon serve` with its own configuration, directories and next hop, for tests."""

import os
import signal
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol, Self

from processes import children
from servers import free_port

START_TIMEOUT = 30.0
WAIT_TIMEOUT = 30.0
COMMAND = Path(sys.executable).with_name("mailcordon")


def wait_until(condition: Callable[[], bool], what: str, timeout: float = WAIT_TIMEOUT) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout} s: {what}"
        time.sleep(0.05)


def text_mail(body: bytes, token: str) -> bytes:
    """A message of one part that can be told from others by its Message-ID."""
    head = (
        f"From: alice@sender.example\r\nTo: bob@example.test\r\nMessage-ID: <{token}@sender.example>\r\n"
        "Subject: test\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n\r\n"
    )
    return head.encode() + body + b"\r\n"


class HasPort(Protocol):
    """Something that listens on a port of 127.0.0.1."""

    port: int


class NextHop:
    """Postfix's smtp-sink, which keeps every message in a file. `options` are its own."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.port = free_port()
        self._options = options
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(exist_ok=True)

    def start(self) -> None:
        """Start it; returns when it answers."""
        # As root it wants to be told who to become.
        user = ["-u", "root"] if os.geteuid() == 0 else []
        command = [
            "/usr/sbin/smtp-sink",
            *user,
            *self._options,
            "-d",
            f"{self._directory}/%M.",
            f"127.0.0.1:{self.port}",
            "100",
        ]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait_until(lambda: _answers(self.port), "smtp-sink listens")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop it; connections to it are refused from then on."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def messages(self) -> list[bytes]:
        """What was delivered, without smtp-sink's own leading lines."""
        return [path.read_bytes() for path in sorted(self._directory.iterdir())]

    def has(self, token: str) -> bool:
        """Whether a message with that token was delivered."""
        return any(token.encode() in message for message in self.messages())


class Daemon:
    """`mailcordon serve` as a process of its own."""

    def __init__(self, directory: Path, clamd_socket: Path | str, next_hop: HasPort) -> None:
        self.port = free_port()
        self.config_directory = directory / "conf.d"
        self.home = directory / "home"
        self.log_file = directory / "log"
        self.output_file = directory / "output"
        self.config_directory.mkdir(parents=True)
        self.home.mkdir()
        self.process: subprocess.Popen[bytes] | None = None
        self.configure(
            "20-test",
            f"""
            myhostname = "gate.example.test"
            mydomain = "example.test"
            MYHOME = "{self.home}"
            inet_socket_port = {self.port}
            forward_method = "smtp:[127.0.0.1]:{next_hop.port}"
            notify_method = "smtp:[127.0.0.1]:{next_hop.port}"
            max_servers = 2
            do_syslog = false
            logfile = "{self.log_file}"
            bypass_virus_checks = false
            av_scanners_backup = []
            [[av_scanners]]
            name = "clamd"
            protocol = "clamd"
            socket = "{clamd_socket}"
            """,
        )

    def configure(self, name: str, text: str) -> None:
        """Write a fragment."""
        path = self.config_directory / f"{name}.toml"
        path.write_text("\n".join(line.strip() for line in text.splitlines()))

    def start(self, *options: str) -> None:
        """Start it; returns when it takes mail."""
        self.launch(*options)
        wait_until(lambda: "listening on" in self.log(), f"the daemon starts: {self.output()}", START_TIMEOUT)

    def launch(self, *options: str) -> None:
        """Start it and do not wait."""
        with self.output_file.open("ab") as output:
            self.process = subprocess.Popen([*self.command(), *options], stdout=output, stderr=output)

    def command(self) -> list[str]:
        """The command line; root must say who to be, others own the fragments that they test with."""
        user = ["--user", "root"] if os.geteuid() == 0 else ["--own-config"]
        return [str(COMMAND), "serve", "--config-dir", str(self.config_directory), *user]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the supervisor."""
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self, timeout: float = WAIT_TIMEOUT) -> int:
        """Wait for its end; its exit status."""
        assert self.process is not None
        return self.process.wait(timeout)

    def stop(self) -> None:
        """End it if it runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(70)

    def log(self) -> str:
        """Everything logged so far."""
        return self.log_file.read_text() if self.log_file.exists() else ""

    def output(self) -> str:
        """Standard output and error so far."""
        return self.output_file.read_text() if self.output_file.exists() else ""

    def workers(self) -> list[int]:
        """Process ids of the workers."""
        assert self.process is not None
        return children(self.process.pid)

    def send(
        self,
        message: EmailMessage | bytes,
        recipients: tuple[str, ...] = ("bob@example.test",),
        *,
        port: int | None = None,
        client_address: str | None = None,
        client_name: str = "[UNAVAILABLE]",
    ) -> str:
        """Send one message by SMTP; the reply after DATA as text, whatever its code."""
        octets = message if isinstance(message, bytes) else message.as_bytes()
        client = smtplib.SMTP("127.0.0.1", port or self.port, timeout=60)
        try:
            client.ehlo("client.example")
            if client_address:
                assert client.docmd("XFORWARD", f"ADDR={client_address} NAME={client_name}")[0] == 250
            client.mail("alice@sender.example")
            for recipient in recipients:
                client.rcpt(recipient)
            code, text = client.data(octets)
        finally:
            # Without QUIT: a worker that leaves answers it with 421, which says nothing about this message.
            client.close()
        return f"{code} {text.decode()}"


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
