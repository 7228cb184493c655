# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""quarantine_info and quarantine_release with the running filter (checklist 26)."""

from __future__ import annotations

import pathlib
import smtplib
import socket
import subprocess
import sys
import time
from email.utils import formatdate

import pytest
from ansible_collections.mailcordon.gateway.plugins.modules import quarantine_info, quarantine_release

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


@pytest.fixture
def gate(tmp_path):
    running = Filter(tmp_path)
    yield running
    running.close()


def test_list_and_release(run, gate):
    """What is listed is released by its name in the list; each reply is told, and what was refused fails the task."""
    gate.send("first", "bob@example.test", "carol@example.test")
    gate.send("second", "dave@example.test")
    told = run(quarantine_info, **gate.arguments)
    assert (told["changed"], told["problems"]) == (False, [])
    assert sorted(mail["subject"] for mail in told["mails"]) == ["first", "second"]
    assert all("secret_id" not in mail for mail in told["mails"])
    (mail,) = run(quarantine_info, recipient="@EXAMPLE.test", subject="FIRST", limit=1, since="1h", **gate.arguments)[
        "mails"
    ]
    assert [one["address"] for one in mail["recipients"]] == ["bob@example.test", "carol@example.test"]
    assert run(quarantine_info, contents=["virus", "spam"], **gate.arguments)["mails"] == []
    before = gate.count("first")

    planned = run(quarantine_release, mail_ids=[mail["mail_id"]], _ansible_check_mode=True, **gate.arguments)
    assert (planned["changed"], planned["mails"], gate.count("first")) == (True, [], before)

    done = run(
        quarantine_release, mail_ids=[mail["release_as"]] * 2, requested_by="desk@example.test", **gate.arguments
    )
    assert (done["changed"], gate.count("first")) == (True, before + 1)
    assert gate.count("Resent-From: <desk@example.test>") == 1
    (entry,) = done["mails"]
    assert (entry["ok"], [reply["code"] for reply in entry["replies"]]) == (True, [250, 250])

    (with_secret,) = run(quarantine_info, mail_id=mail["mail_id"], secrets=True, **gate.arguments)["mails"]
    authorised = run(
        quarantine_release,
        mail_ids=[mail["mail_id"]],
        secret_id=with_secret["secret_id"],
        recipients=["eve@example.test"],
        **gate.arguments,
    )
    assert [reply["recipient"] for reply in authorised["mails"][0]["replies"]] == ["eve@example.test"]

    partly = run(quarantine_release, mail_ids=["nosuchidhere", mail["mail_id"]], **gate.arguments)
    assert (partly["failed"], partly["changed"]) == (True, True)
    assert [entry["ok"] for entry in partly["mails"]] == [False, True]
    assert partly["msg"].startswith("release refused for 1 of 2 mails: nosuchidhere: 450 4.5.0 ERROR: there is no file")

    wrong = run(quarantine_release, mail_ids=[mail["mail_id"]], secret_id="AAAAAAAAAAAAAAAA", **gate.arguments)
    assert (wrong["failed"], wrong["changed"]) == (True, False)
    assert wrong["msg"].endswith("450 4.5.0 ERROR: Secret_id does not match the mail_id")


def test_what_fails_is_one_line(run, gate, tmp_path):
    missing = run(quarantine_release, mail_ids=["nosuchidhere"], _ansible_check_mode=True, **gate.arguments)
    assert (missing["failed"], missing["msg"]) == (True, "not in quarantine: nosuchidhere")
    deaf = run(quarantine_release, mail_ids=["kg2P0rP9Lpu3"], socket=str(tmp_path / "no.sock"), **gate.arguments)
    assert deaf["msg"] == f"mailcordon: cannot ask the daemon at {tmp_path}/no.sock: No such file or directory"
    bad = run(quarantine_info, since="yesterday", **gate.arguments)
    assert "'yesterday' is neither a time such as" in bad["msg"]
    assert "\n" not in bad["msg"]
