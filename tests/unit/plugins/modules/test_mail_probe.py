# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""mail_probe against a real SMTP server, a real Maildir and a real log file."""

from __future__ import annotations

import mailbox
import re
import threading

import pytest

from ansible_collections.mailcordon.gateway.plugins.modules.mail_probe import main

ENTRY = "(1-1) %s {%s}, [127.0.0.1]:1 <a@example.com> -> <b@example.com>, %sMessage-ID: %s, mail_id: x, Hits: -, size: 1, 1 ms\n"


@pytest.fixture
def gateway(smtp_server, tmp_path):
    """A gateway in the small: the test says what it does with a mail."""

    class Gateway(object):
        server = smtp_server
        log = tmp_path / "log"
        box = tmp_path / "box"
        quarantine = tmp_path / "quarantine"

        def write(self, mail, words, actions="RelayedInbound", quarantine=""):
            message_id = re.search(rb"Message-ID: (\S+)", mail).group(1).decode("ascii")
            with open(self.log, "a") as handle:
                handle.write(ENTRY % (words, actions, quarantine, message_id))

        def deliver(self, mail):
            mailbox.Maildir(str(self.box)).add(b"X-Virus-Scanned: yes\n" + mail.replace(b"\r\n", b"\n"))

        def arguments(self, *probes, **more):
            given = dict(
                host="127.0.0.1", port=self.server.port, sender="a@example.com", recipient="b@example.com",
                probes=list(probes), log_file=str(self.log), quarantine_dir=str(self.quarantine), timeout=5,
            )
            return dict(given, **more)

    Gateway.log.write_text("")
    Gateway.quarantine.mkdir()
    return Gateway()


def outcome(result):
    return [(probe["kind"], probe["outcome"], probe["as_expected"]) for probe in result["probes"]]


def test_clean_and_twin_are_delivered_and_eicar_is_blocked(gateway, run_module):
    """Checklist 10: every outcome rests on a trace with the mail's own token."""

    def take(mail):
        if b"(eicar)" in mail:
            (gateway.quarantine / "virus-x").write_bytes(mail)
            gateway.write(mail, "Blocked INFECTED (Eicar-Test)", "DiscardedInbound,Quarantined", "quarantine: virus-x, ")
        else:
            gateway.deliver(mail)
            gateway.write(mail, "Passed CLEAN")
        return "250 2.0.0 Ok: queued as 4ABC"

    gateway.server.replies["end"] = take
    result = run_module(main, **gateway.arguments("clean", "eicar", "twin", mailbox=str(gateway.box) + "/", cleanup=True))
    assert outcome(result) == [("clean", "delivered", True), ("eicar", "blocked", True), ("twin", "delivered", True)]
    assert result["unexpected"] == [] and result["changed"] is False
    clean, eicar, dummy = result["probes"]
    assert clean["body_intact"] and clean["headers"] == {"X-Virus-Scanned": "yes"}
    assert eicar["quarantined"] and eicar["virus_names"] == ["Eicar-Test"] and eicar["category"] == "INFECTED"
    assert len(mailbox.Maildir(str(gateway.box))) == 0
    assert list(gateway.quarantine.iterdir()) == []


def test_the_log_may_tell_later_than_the_mailbox(gateway, run_module):
    """The filter writes its entry after the reply: what was delivered by then is shown with its category all the same."""

    def take(mail):
        gateway.deliver(mail)
        threading.Timer(0.7, gateway.write, (mail, "Passed CLEAN")).start()
        return "250 2.0.0 Ok: queued as 4ABC"

    gateway.server.replies["end"] = take
    (probe,) = run_module(main, **gateway.arguments("clean", mailbox=str(gateway.box) + "/"))["probes"]
    assert (probe["outcome"], probe["category"], probe["mail_id"]) == ("delivered", "CLEAN", "x")


def test_a_delivery_counts_without_a_log_entry(gateway, run_module):
    gateway.server.replies["end"] = lambda mail: gateway.deliver(mail) or "250 2.0.0 Ok: queued as 4ABC"
    result = run_module(main, **gateway.arguments("clean", mailbox=str(gateway.box) + "/", timeout=1))
    assert outcome(result) == [("clean", "delivered", True)]


def test_a_delivered_eicar_fails_the_task_with_one_line(gateway, run_module):
    gateway.server.replies["end"] = lambda mail: gateway.deliver(mail) or "250 2.0.0 Ok: queued as 4ABC"
    result = run_module(main, **gateway.arguments("eicar_zip", "clean", mailbox=str(gateway.box) + "/", timeout=1))
    assert result["failed"]
    assert result["msg"] == "1 of 2 probes: eicar_zip was delivered instead of blocked:INFECTED"
    assert len(mailbox.Maildir(str(gateway.box))) == 2


def test_a_changed_body_is_a_surprise(gateway, run_module):
    gateway.server.replies["end"] = lambda mail: gateway.deliver(mail.replace(b"The end", b"An end")) or "250 2.0.0 Ok"
    result = run_module(main, **gateway.arguments("clean", mailbox=str(gateway.box) + "/", timeout=1))
    assert result["msg"].endswith("clean was delivered with a changed body instead of delivered or passed")


def test_eicar_that_was_blocked_as_something_else_is_a_surprise(gateway, run_module):
    gateway.server.replies["end"] = lambda mail: gateway.write(mail, "Blocked UNCHECKED", "DiscardedInbound") or "250 2.0.0 Ok"
    result = run_module(main, **gateway.arguments("eicar", fail_on_unexpected=False))
    assert result["unexpected"] == ["eicar was blocked as UNCHECKED instead of blocked:INFECTED"]


def test_without_a_mailbox_the_log_tells_that_a_mail_passed(gateway, run_module):
    gateway.server.replies["end"] = lambda mail: gateway.write(mail, "Passed CLEAN") or "250 2.0.0 Ok"
    assert outcome(run_module(main, **gateway.arguments("clean"))) == [("clean", "passed", True)]


def test_the_reply_of_the_filter_itself_is_evidence(gateway, run_module):
    """B5.10: port 10024 or LMTP."""

    def take(mail):
        if b"(eicar)" in mail:
            return "250 2.7.0 Ok, discarded, id=1-1 - INFECTED: Eicar-Test"
        if b"(gtube)" in mail:
            return "554 5.7.0 Reject, id=1-2 - spam"
        gateway.write(mail, "Passed CLEAN")
        return "250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 4ABC"

    gateway.server.replies["end"] = take
    result = run_module(main, **gateway.arguments("eicar", "gtube", "clean", protocol="lmtp"))
    assert outcome(result) == [("eicar", "blocked", True), ("gtube", "blocked", True), ("clean", "passed", True)]
    assert gateway.server.hello == "LHLO"
    assert result["probes"][0]["virus_names"] == ["Eicar-Test"]


def test_queued_mail_without_a_trace_is_lost_not_passed(gateway, run_module):
    """A 250 of Postfix only says that the mail is queued."""
    result = run_module(main, **gateway.arguments("clean", "eicar", timeout=1, fail_on_unexpected=False))
    assert outcome(result) == [("clean", "lost", False), ("eicar", "lost", False)]


def test_passed_but_never_delivered_is_lost(gateway, run_module):
    gateway.server.replies["end"] = lambda mail: gateway.write(mail, "Passed CLEAN") or "250 2.0.0 Ok"
    arguments = gateway.arguments("clean", timeout=1, mailbox=str(gateway.box) + "/", fail_on_unexpected=False)
    assert outcome(run_module(main, **arguments)) == [("clean", "lost", False)]


def test_a_temporary_failure_of_the_filter_is_deferred(gateway, run_module):
    gateway.server.replies["end"] = lambda mail: gateway.write(mail, "Blocked UNCHECKED", "TempFailedInbound") or "250 2.0.0 Ok"
    arguments = gateway.arguments("eicar", timeout=1, expect={"eicar": "deferred"})
    assert outcome(run_module(main, **arguments)) == [("eicar", "deferred", True)]


@pytest.mark.parametrize(
    ("replies", "told"),
    [
        ({"RCPT": "550 5.1.1 no such user"}, "clean was refused instead of delivered or passed (550 5.1.1 no such user)"),
        ({"end": "451 4.5.0 later"}, "clean was deferred instead of delivered or passed (451 4.5.0 later)"),
        ({"greeting": "554 5.0.0 go away"}, "clean was refused instead of delivered or passed (554 5.0.0 go away)"),
        ({"MAIL": None}, "clean was deferred instead of delivered or passed (421 the connection broke: Connection unexpectedly closed)"),
    ],
)
def test_refusals(gateway, run_module, replies, told):
    gateway.server.replies.update(replies)
    assert run_module(main, **gateway.arguments("clean", fail_on_unexpected=False))["unexpected"] == [told]


def test_nobody_listens(gateway, run_module):
    result = run_module(main, **gateway.arguments("clean", port=1))
    assert result["msg"] == "nothing takes mail on 127.0.0.1 port 1 (Connection refused): is the service running?"


def test_check_mode_sends_nothing(gateway, run_module):
    result = run_module(main, _ansible_check_mode=True, **gateway.arguments("clean"))
    assert result["skipped"] and gateway.server.mails == []


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        ({"nope": "passed"}, "expect: there is no probe nope; known are clean, "),
        ({"clean": "gone"}, "expect: clean must be one or several of delivered, "),
        ({"clean": []}, "expect: clean must be one or several of delivered, "),
        ({"clean": 1}, "expect: clean must be one or several of delivered, "),
    ],
)
def test_wrong_expectations_are_refused_before_anything_is_sent(gateway, run_module, expect, message):
    result = run_module(main, **gateway.arguments("clean", expect=expect))
    assert result["failed"] and result["msg"].startswith(message) and gateway.server.mails == []


def test_a_log_file_that_cannot_be_read(gateway, run_module):
    result = run_module(main, **gateway.arguments("clean", log_file="/nonexistent/log"))
    assert result["msg"] == "cannot read log_file /nonexistent/log: No such file or directory"
