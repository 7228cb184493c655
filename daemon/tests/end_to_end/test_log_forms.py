"""What a running daemon logs about messages (features 16.02, 16.05, 16.09; contracts B8.07 to B8.09)."""

import json
import re

from logwatch import read_log
from samples import eicar

from .daemon import Daemon, text_mail, wait_until

NEW_HERE = ("listening on ", "logging initialized, log level 2, logfile: ")
"""Lines that no parser can know: it reads what went through syslog."""


def test_time_and_entries_of_recipients(daemon: Daemon) -> None:
    """Contracts B8.06, B8.08: at level 2 the time of each section, and an entry for each recipient where asked for."""
    daemon.configure("30-log", 'log_level = 2\nlog_recip_templ = "short"\nlog_templ = "verbose"')
    daemon.start()
    assert daemon.send(text_mail(b"hello", "timed"), ("bob@example.test", "eve@example.test")).startswith("250 ")
    wait_until(lambda: "TIMING" in daemon.log(), "the last entry")
    match = re.search(r"\(\S+\) TIMING \[total \d+ ms\] - (.*)\n", daemon.log())
    assert match
    sections = re.findall(r"([a-z]+): [\d.]+ \(\d+%\)", match[1])
    assert {"unpack", "virus", "header", "check", "judge", "quarantine", "forward", "rundown"} <= set(sections)
    assert [s for s in sections if s in {"unpack", "check", "judge", "forward"}] == [
        "unpack",
        "check",
        "judge",
        "forward",
    ]
    assert re.search(
        r"Passed CLEAN, <alice@sender\.example> -> <eve@example\.test>, Hits: -, .*, L/0/0/0\n", daemon.log()
    )
    assert ', Subject: "test", From: alice@sender.example, ' in daemon.log()


def test_no_time_below_level_two(daemon: Daemon) -> None:
    """The twin: at level 1 there is no such line, and no entry for single recipients as packaged."""
    daemon.configure("30-log", "log_level = 1")
    daemon.start()
    assert daemon.send(text_mail(b"hello", "untimed")).startswith("250 ")
    wait_until(lambda: "Passed CLEAN" in daemon.log(), "the main entry")
    assert daemon.send(text_mail(b"hello", "another")).startswith("250 ")
    wait_until(lambda: daemon.log().count("Passed CLEAN") == 2, "the second main entry")
    assert "TIMING" not in daemon.log()
    assert "L/0/0/0" not in daemon.log()


def test_json(daemon: Daemon) -> None:
    """Contract B8.09: an object for each message in a file of its own, beside the log."""
    path = daemon.home / "messages.json"
    daemon.configure("30-log", f'log_json = "{path}"')
    daemon.start()
    assert daemon.send(text_mail(b"hello", "one")).startswith("250 ")
    assert daemon.send(eicar()).startswith("250 ")
    wait_until(lambda: path.exists() and len(path.read_text().splitlines()) == 2, "two objects")
    clean, infected = sorted(map(json.loads, path.read_text().splitlines()), key=lambda found: found["content_type"])
    assert (clean["content_type"], clean["action"], clean["message_id"]) == ("Clean", ["PASS"], "<one@sender.example>")
    assert (infected["content_type"], infected["action"]) == ("Virus", ["DISCARD"])
    assert infected["log_id"] in daemon.log()
    assert "Passed CLEAN" in daemon.log()


def test_failing_template_costs_its_entry_only(daemon: Daemon) -> None:
    """Contract B8.07, design rule 1: the mail is delivered, the short form is written, and the log says why."""
    daemon.configure("30-log", 'log_templ = "{{ size / 0 }}"')
    daemon.start()
    assert daemon.send(text_mail(b"hello", "failing")).startswith("250 ")
    wait_until(lambda: "Passed CLEAN" in daemon.log(), "the main entry")
    assert re.search(r"\(\S+\) \(!\)log_templ FAILED: ZeroDivisionError: ", daemon.log())


def test_logwatch_reads_the_log(daemon: Daemon) -> None:
    """Contracts B8.02 to B8.04, B8.08: a parser for amavisd-new understands the log from the start on, and counts what
    was sent; what it does not know is what amavisd has not."""
    daemon.configure("30-log", "log_level = 2")
    daemon.start()
    for number in range(3):
        assert daemon.send(text_mail(b"hello", f"clean{number}")).startswith("250 ")
    assert daemon.send(eicar()).startswith("250 ")
    assert daemon.send(b"Subject: no date, no author\r\n\r\nhello\r\n").startswith("250 ")
    wait_until(lambda: daemon.log().count("TIMING") == 5, "five messages")
    report = read_log(daemon.log().splitlines())
    counts = {name: report.counts.get(name) for name in ("Clean passed", "Malware blocked", "Bad header passed")}
    assert counts == {"Clean passed": 3, "Malware blocked": 1, "Bad header passed": 1}
    assert report.counts["Total messages scanned"] == 5
    assert [line for line in report.unmatched if not line.startswith(NEW_HERE)] == []
    for fact in ("compatible mailcordon-", "clamd", "20-test.toml", "jinja2", "Scan Timing"):
        assert fact in report.text
