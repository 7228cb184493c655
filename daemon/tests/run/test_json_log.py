"""A JSON object a message (B8.09)."""

import json
import logging
import re
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from logging_messages import MakeMail, MakeSettings, inspected, item, outcome
from pydantic import ValidationError

from mailcordon.config.settings import Settings
from mailcordon.errors import StartupError
from mailcordon.mail.category import Category, Major
from mailcordon.mail.envelope import Client, Session
from mailcordon.mail.finding import Finding, Findings, SpamScore
from mailcordon.mail.message import Mail
from mailcordon.mail.part import Part
from mailcordon.mail.reply import Reply
from mailcordon.mail.verdict import Disposition, Outcome, QuarantineCopy
from mailcordon.run import json_log, log
from mailcordon.run.json_log import LIST_LIMIT, json_logging, report
from mailcordon.run.log_facts import Facts
from mailcordon.run.main_log import log_message

PAGE = (Path(__file__).parents[3] / "docs" / "log.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("\n## JSON\n")[2].partition("\n## ")[0]
MINIMAL = b"\r\nbody\r\n"

VIRUS = Category(Major.VIRUS)


def object_of(settings: Settings, mail: Mail, result: Outcome, findings: Findings, root: Part | None = None) -> Any:
    facts = Facts(inspected(settings, mail, findings, root), result, result.recipients, 12)
    return json.loads(json.dumps(report(facts)))


def full(make_mail: MakeMail, make_settings: MakeSettings) -> Any:
    """The object of a message of which all is known."""
    octets = (
        b"Received: from mx (mx [8.8.4.4]) by gate with SMTP\r\nSender: boss@sender.example\r\n"
        b"From: A <a@x.example>\r\n"
        b"To: Bob <bob@example.test>, c@d.test\r\nCc: e@f.test\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n"
        b"References: <1@x>\r\n <2@x>\r\nUser-Agent: Mutt\r\nPrecedence: bulk\r\n"
        b"Message-ID: <m@x.example>\r\n\r\nbody\r\n"
    )
    session = Session(
        protocol="LMTP",
        peer_addr="127.0.0.1",
        local_addr="127.0.0.2",
        local_port=10024,
        client=Client(addr="192.0.2.7", port=25, ident="A191"),
        policy_banks=("A", "MYNETS"),
        originating=True,
    )
    mail = make_mail(octets, session=session)
    banned = Category(Major.BANNED)
    result = outcome(
        item(
            "bob@example.test",
            Disposition.RELAYED,
            main=VIRUS,
            score=3.25,
            whitelisted=True,
            queued_as="Q1",
            reply=Reply(250, "2.0.0", "from MTA: 250 Ok: queued as Q1"),
        ),
        item(
            "c@d.test",
            Disposition.REJECTED,
            local=False,
            main=VIRUS,
            blocking=banned,
            categories=frozenset({VIRUS, banned}),
            score=7.0,
            points=3.75,
            blacklisted=True,
            reply=Reply(554, "5.7.0", "Reject"),
        ),
        quarantine=[QuarantineCopy("a/virus-x", "F"), QuarantineCopy("b", "F")],
    )
    findings = Findings(
        (Finding(VIRUS, "V1", "clamd"), Finding(VIRUS, "V2", "other"), Finding(banned, "a.exe", "banned")),
        SpamScore(3.25, (("B", 3.5), ("A", -0.25), ("N", None))),
        virus_checked=True,
        os_fingerprint="Linux 3.x; dist: 7",
    )
    root = Part("1", 0, 0, 1, children=[Part("1.1", 0, 0, 1, names=("a.exe", "b")), Part("1.2", 0, 0, 1)])
    return object_of(make_settings(partition_tag=37), mail, result, findings, root)


def test_everything_that_is_known(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """Contract B8.09: keys and forms of amavisd's report."""
    found = full(make_mail, make_settings)
    stamp = datetime.fromisoformat(found.pop("@timestamp"))
    assert stamp.tzinfo == UTC
    assert found.pop("time_unix") == pytest.approx(stamp.timestamp(), abs=1e-6)
    assert len(found.pop("mail_id")) == 12
    assert found == {
        "type": "amavis",
        "host": "gate.example.test",
        "log_id": "04711-01",
        "src_ip": "127.0.0.1",
        "dst_ip": "127.0.0.2",
        "dst_port": 10024,
        "client_ip": "192.0.2.7",
        "client_port": 25,
        "partition": "37",
        "queue_id": "A191",
        "protocol": "LMTP",
        "attached_file_names": ["a.exe"],
        "mail_from": "alice@sender.example",
        "rcpt_to": ["bob@example.test", "c@d.test"],
        "rcpt_num": 2,
        "recipients": [
            {
                "rcpt_to": "bob@example.test",
                "rcpt_is_local": True,
                "action": "PASS",
                "smtp_response": "250 2.0.0 from MTA: 250 Ok: queued as Q1",
                "smtp_code": "250",
                "queued_as": "Q1",
                "spam_score": 3.25,
                "whitelisted": True,
                "ccat_main": "Virus",
            },
            {
                "rcpt_to": "c@d.test",
                "rcpt_is_local": False,
                "action": "REJECT",
                "smtp_response": "554 5.7.0 Reject",
                "smtp_code": "554",
                "spam_score": 7.0,
                "blacklisted": True,
                "ccat_blocking": "Banned",
                "ccat_main": "Virus",
                "banning_reason": "a.exe",
            },
        ],
        "sender": "boss@sender.example",
        "author": ["a@x.example"],
        "to_addr": ["bob@example.test", "c@d.test"],
        "cc_addr": ["e@f.test"],
        "subject": "Grüße",
        "subject_rot13": "Teüßr",
        "message_id": "<m@x.example>",
        "references": ["<1@x>", "<2@x>"],
        "user_agent": "Mutt",
        "policy_banks": ["A", "MYNETS"],
        "ip_trace": ["8.8.4.4"],
        "size": 292,
        "content_type": "Virus",
        "quarantine": "a/virus-x",
        "quar_type": "F",
        "spam_score": 7.0,
        "dsn_sent": False,
        "originating": True,
        "actions_performed": "RejectedOutbound RelayedInternal Quarantined",
        "os_fp": "Linux 3.x; dist: 7",
        "checks_performed": "V S H B F",
        "virusnames": ["V1", "V2"],
        "av_scan": {"clamd": ["V1"], "other": ["V2"]},
        "tests": ["A", "AM.WBL", "B", "N"],
        "tests_spam": ["AM.WBL", "B"],
        "tests_ham": ["A"],
        "is_bulk": True,
        "smtp_code": ["250", "554"],
        "queued_as": ["Q1"],
        "action": ["PASS", "REJECT"],
        "message": "04711-01 PASS,REJECT Virus alice@sender.example -> bob@example.test,c@d.test",
    }


def test_every_key_is_documented(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """Contract B8.09: the page has all keys and no other."""
    found = full(make_mail, make_settings)
    table = re.findall(r"^\| (`.*?) \|", SECTION, re.MULTILINE)
    documented = {key for cell in table for key in re.findall(r"`([^`]+)`", cell)}
    assert documented == set(found)
    about_recipients = SECTION.rpartition("An element of `recipients`")[2]
    assert [key for recipient in found["recipients"] for key in recipient if f"`{key}`" not in about_recipients] == []


def test_what_is_not_known_is_left_out(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """Contract B8.09: no key without a value."""
    result = outcome(item("bob@example.test", Disposition.RELAYED))
    found = object_of(
        make_settings(bypass_header_checks=True, bypass_banned_checks=True),
        make_mail(MINIMAL, sender=""),
        result,
        Findings(),
    )
    assert set(found) == {
        "type",
        "host",
        "log_id",
        "mail_id",
        "partition",
        "protocol",
        "mail_from",
        "rcpt_to",
        "rcpt_num",
        "recipients",
        "size",
        "content_type",
        "dsn_sent",
        "originating",
        "actions_performed",
        "checks_performed",
        "smtp_code",
        "action",
        "message",
        "time_unix",
        "@timestamp",
    }
    assert (found["mail_from"], found["checks_performed"]) == ("", "")


def test_hostile_header(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """Design rule 5: an object is one line of ASCII whatever the message holds, and not much longer than usual."""
    octets = b"To: " + b"a@b.test,\r\n " * 5000 + b"\r\nReferences:" + b" <x\xff>" * 5000 + b"\r\nSubject: \xff\n\nx"
    mail = make_mail(octets, sender="\udcff@\u2028.test")
    result = outcome(item("bob\n@example.test", Disposition.RELAYED))
    facts = Facts(inspected(make_settings(), mail), result, result.recipients, 1)
    text = json.dumps(report(facts))
    assert text.isascii()
    assert "\n" not in text
    found = json.loads(text)
    text.encode("utf-8")
    assert json.dumps(found, ensure_ascii=False).encode("utf-8")
    assert (len(found["to_addr"]), len(found["references"])) == (LIST_LIMIT, LIST_LIMIT)
    assert found["recipients"][0]["rcpt_to"] == "bob\\n@example.test"


def test_file(make_mail: MakeMail, make_settings: MakeSettings, tmp_path: Path) -> None:
    """One line for each message, nothing else; the twin without the setting leaves no file."""
    path = tmp_path / "messages.json"
    for target in (str(path), ""):
        settings = make_settings(log_json=target)
        with json_logging(settings, to_terminal=False):
            for _ in range(2):
                mail = make_mail(MINIMAL)
                result = outcome(item("bob@example.test", Disposition.RELAYED))
                log_message(inspected(settings, mail), result, milliseconds=1)
    lines = path.read_text().splitlines()
    assert [json.loads(line)["rcpt_to"] for line in lines] == [["bob@example.test"]] * 2
    assert sorted(tmp_path.glob("*.json")) == [path]


def test_syslog(
    make_mail: MakeMail, make_settings: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One datagram each behind `@cee:`, however long."""
    monkeypatch.setattr(log, "SYSLOG_SOCKET", str(tmp_path / "log"))
    settings = make_settings(log_json="syslog")
    mail = make_mail(MINIMAL)
    result = outcome(*(item(f"user{number}@example.test", Disposition.RELAYED) for number in range(50)))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "log"))
        with json_logging(settings, to_terminal=False):
            log_message(inspected(settings, mail), result, milliseconds=1)
        datagram = receiver.recv(100_000).decode()
        receiver.setblocking(False)
        with pytest.raises(BlockingIOError):
            receiver.recv(1)
    match = re.fullmatch(r"<22>amavis\[\d+\]: @cee: (\{.*\})", datagram)
    assert match
    assert json.loads(match[1])["rcpt_num"] == 50


def test_terminal(make_settings: MakeSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Features 16.03: a run in the foreground writes to the terminal and nowhere else."""
    path = tmp_path / "messages.json"
    with json_logging(make_settings(log_json=str(path)), to_terminal=True):
        logging.getLogger("mailcordon.json").info("%s", "{}")
    assert capsys.readouterr().err == "{}\n"
    assert not path.exists()


def test_lost_entries_are_an_object(make_settings: MakeSettings, tmp_path: Path) -> None:
    """What reads the file meets nothing but objects."""
    path = tmp_path / "messages.json"
    handler = json_log.make_json_handler(make_settings(log_json=str(path)), to_terminal=False)
    assert handler is not None
    lost = logging.LogRecord("queue", logging.WARNING, __file__, 1, "%d entries are lost", (3,), None)
    handler.handle_all([lost])
    handler.close()
    assert json.loads(path.read_text()) == {"type": "mailcordon", "message": "3 entries are lost"}


def test_file_that_cannot_be_written(make_settings: Callable[..., Settings], tmp_path: Path) -> None:
    """The daemon does not start, and a reload keeps the old configuration."""
    settings = make_settings(log_json=str(tmp_path / "absent" / "messages.json"))
    with pytest.raises(StartupError, match=r"log_json: .*messages\.json cannot be written: No such file or directory"):
        json_log.check_json_log(settings, to_terminal=False)
    json_log.check_json_log(settings, to_terminal=True)


def test_target_that_is_none(make_settings: MakeSettings) -> None:
    """Neither syslog nor an absolute path."""
    with pytest.raises(ValidationError):
        make_settings(log_json="messages.json")
