"""A log parser that was written for amavisd-new understands our entries (contract B8.04)."""

import logging
import re
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from logging_messages import MakeMail, MakeSettings, entries, item, outcome

from logwatch import read_log
from mailcordon.config.settings import Settings
from mailcordon.log_levels import DETAIL, NOTICE
from mailcordon.mail.category import CLEAN, Category, Major
from mailcordon.mail.envelope import Client, Session
from mailcordon.mail.finding import Finding, Findings, SpamScore
from mailcordon.mail.timing import Timing
from mailcordon.mail.verdict import Disposition, QuarantineCopy
from mailcordon.run.log import SyslogHandler

SyslogLines = Callable[[Iterable[tuple[int, str]]], list[str]]

KINDS = [
    (CLEAN, "Clean"),
    (Category(Major.SPAMMY), "Spammy"),
    (Category(Major.SPAM), "Spam"),
    (Category(Major.BAD_HEADER, 7), "Bad header"),
    (Category(Major.UNCHECKED), "Unchecked"),
    (Category(Major.BANNED), "Banned name"),
    (Category(Major.VIRUS), "Malware"),
    (Category(Major.OVERSIZED), "Oversized"),
    (Category(Major.MTA, 1), "MTA"),
    (Category(Major.CATCHALL), "Other"),
]
"""Categories and their names in logwatch's summary."""
FINDINGS = Findings(
    (
        Finding(Category(Major.VIRUS), "Eicar-Test-Signature", "clamd"),
        Finding(Category(Major.BANNED), "multipart/mixed | .exe,.exe-ms,a (1).exe", "banned"),
    ),
    spam=SpamScore(2.5, (("BAYES_50", 2.5),), autolearn="ham"),
)


@pytest.fixture
def syslog_lines(tmp_path: Path) -> Iterator[SyslogLines]:
    """What the handler for syslog sends for entries, datagram by datagram."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "log"))
        handler = SyslogHandler(str(tmp_path / "log"), logging.handlers.SysLogHandler.LOG_MAIL, "amavis[77]: ")

        def send(records: Iterable[tuple[int, str]]) -> list[str]:
            lines = []
            for level, text in records:
                handler.handle(logging.LogRecord("test", level, __file__, 1, "%s", (text,), None))
                receiver.setblocking(False)
                while True:
                    try:
                        lines.append(receiver.recv(4096).decode())
                    except BlockingIOError:
                        break
            return lines

        yield send
        handler.close()


def every_kind(make_mail: MakeMail, settings: Settings) -> Iterator[str]:
    """The entries for each category, so often that the numbers tell them apart: passed, and once more blocked."""
    sessions = [
        Session(),
        Session(client=Client(addr="192.0.2.7", port=4711, ident="A191A192074")),
        Session(client=Client(addr="2001:db8::1"), policy_banks=("A", "MYNETS"), originating=True),
    ]
    octets = b"Received: from x (x [8.8.4.4]) by y\r\nMessage-ID: <m@x.example>\r\nSubject: a, Hits: 99\r\n\r\nbody\r\n"
    for number, (category, _) in enumerate(KINDS, start=1):
        for repetition in range(number):
            mail = make_mail(octets, session=sessions[repetition % 3], sender="" if repetition % 2 else "a@x.example")
            recipients = [
                item("bob@example.test", Disposition.RELAYED, main=category, score=2.5, queued_as="Q1"),
                item("u@example.test", Disposition.REJECTED, main=category, blocking=category, local=False),
            ]
            if repetition == 0:
                recipients.append(item("l@example.test", Disposition.DISCARDED, main=category, blocking=category))
            copies = [QuarantineCopy("a/spam-x.gz", "Z")] if repetition % 2 else []
            yield from entries(settings, mail, outcome(*recipients, quarantine=copies), FINDINGS)


@pytest.mark.parametrize("form", ["short", "verbose"])
def test_logwatch_counts_right(
    form: str, make_mail: MakeMail, make_settings: MakeSettings, syslog_lines: SyslogLines
) -> None:
    """Contracts B8.02 to B8.04: each category, passed and blocked, as often as it was logged; nothing unknown."""
    lines = syslog_lines((NOTICE, entry) for entry in every_kind(make_mail, make_settings(log_templ=form)))
    report = read_log(lines)
    expected = {f"{name} {what}": n for n, (_, name) in enumerate(KINDS, start=1) for what in ("passed", "blocked")}
    total = sum(range(1, len(KINDS) + 1))
    found = {name: count for name, count in report.counts.items() if name in expected}
    assert found == expected
    assert report.counts["Passed"] == report.counts["Blocked"] == total
    assert report.counts["Total messages scanned"] == 2 * total
    assert report.unmatched == []


def test_word_that_logwatch_does_not_know(
    make_mail: MakeMail, make_settings: MakeSettings, syslog_lines: SyslogLines
) -> None:
    """Contract B8.03: UNCHECKED-ENCRYPTED is amavisd's word; that logwatch leaves it out shows that it would tell us of
    entries which it does not understand."""
    result = outcome(item("bob@example.test", Disposition.RELAYED, main=Category(Major.UNCHECKED, 1)))
    (entry,) = entries(make_settings(), make_mail(b"\r\n"), result)
    report = read_log(syslog_lines([(NOTICE, entry)]))
    assert report.unmatched == [entry]


def test_long_entries(make_mail: MakeMail, make_settings: MakeSettings, syslog_lines: SyslogLines) -> None:
    """Contract B8.01: an entry that syslog gets in pieces is one again for the parser."""
    result = outcome(*(item(f"user{number}@example.test", Disposition.RELAYED) for number in range(100)))
    (entry,) = entries(make_settings(), make_mail(b"\r\n"), result)
    lines = syslog_lines([(NOTICE, entry)])
    assert len(lines) > 2
    report = read_log(lines)
    assert (report.counts["Clean passed"], report.unmatched) == (1, [])


def test_time_of_sections(syslog_lines: SyslogLines) -> None:
    """Contract B8.08: the parser makes its table of sections, those that took most of the time."""
    timing = Timing()
    time.sleep(0.002)
    timing.lap("unpack")
    timing.beside("virus", 0.004)
    time.sleep(0.002)
    timing.lap("check")
    report = read_log(syslog_lines([(DETAIL, f"(1-01) {timing.report()}")]))
    assert "Scan Timing Percentiles" in report.text
    assert re.search(r"^(unpack|virus|check) \(1\) ", report.text, re.MULTILINE)
    assert report.unmatched == []
