# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A running filter that keeps a copy of every mail, for tests of what is done about its quarantine."""

from __future__ import annotations

import pathlib
import smtplib
import socket
import subprocess
import sys
import time
from email.utils import formatdate

COMMAND = pathlib.Path(sys.executable).with_name("mailcordon")
PATIENCE = 60


class Filter:
    """`mailcordon serve`, which keeps a copy of every mail, and smtp-sink, which takes what it sends on."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.home = directory / "home"
        self.delivered = directory / "delivered"
        self.config = directory / "conf.d"
        for path in (self.home, self.delivered, self.config):
            path.mkdir()
        self.port, self.sink_port = free_port(), free_port()
        (self.config / "60-test.toml").write_text(
            f"""
            myhostname = "gate.example.test"
            MYHOME = "{self.home}"
            inet_socket_port = {self.port}
            forward_method = "smtp:[127.0.0.1]:{self.sink_port}"
            notify_method = "smtp:[127.0.0.1]:{self.sink_port}"
            max_servers = 1
            do_syslog = false
            logfile = "{directory}/log"
            bypass_virus_checks = true
            bypass_spam_checks = true
            archive_quarantine_method = "local:archive-%m"
            archive_quarantine_to = "archive"
            """
        )
        sink = ["/usr/sbin/smtp-sink", "-u", "root", "-R", "/", "-d", f"{self.delivered}/%M."]
        sink += [f"127.0.0.1:{self.sink_port}", "100"]
        serve = [str(COMMAND), "serve", "--user", "root", "--config-dir", str(self.config)]
        with (directory / "output").open("wb") as output:
            self._processes = [subprocess.Popen(command, stdout=output, stderr=output) for command in (sink, serve)]
        self._output = directory / "output"
        for port in (self.sink_port, self.port):
            self._wait_for(port)

    def _wait_for(self, port: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                assert time.monotonic() < deadline, self._output.read_text()
                time.sleep(0.05)
            else:
                return

    def send(self, subject: str, *recipients: str) -> None:
        """A mail through the filter."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=PATIENCE) as client:
            fields = f"Subject: {subject}\r\nFrom: a@x.example\r\nDate: {formatdate()}\r\nMessage-ID: <1@x.example>\r\n"
            client.sendmail("alice@sender.example", recipients, fields + "\r\nbody\r\n")

    def count(self, text: str) -> int:
        """How many mails with that text were delivered."""
        return sum(text in path.read_text() for path in self.delivered.iterdir())

    @property
    def arguments(self) -> dict[str, object]:
        """What each call of the modules needs here."""
        return {"command": str(COMMAND), "config_dirs": [str(self.config)], "user": "root"}

    def close(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
            process.wait(PATIENCE)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
