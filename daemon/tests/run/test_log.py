"""Form of log lines (B8.01, features 16.02, 16.05)."""

import logging
import logging.handlers
import re
import socket
import sys
from pathlib import Path

import pytest

from mailcordon.log_levels import DETAIL, NOTICE
from mailcordon.run.log import LINE_LIMIT, LineFormatter, SyslogHandler, TimestampFormatter, split_line, threshold


def record(level: int, message: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord("test", level, __file__, 1, message, args, None)


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (logging.INFO, "(1-01) text"),
        (NOTICE, "(1-01) text"),
        (logging.WARNING, "(1-01) (!)text"),
        (logging.ERROR, "(1-01) (!!)text"),
        (logging.CRITICAL, "(1-01) (!!)text"),
    ],
)
def test_alert_marks(level: int, expected: str) -> None:
    """B8.01: `(!)` for level -1, `(!!)` below, after the id of the message."""
    assert LineFormatter().format(record(level, "(%s) text", "1-01")) == expected


def test_nothing_from_a_message_starts_a_line() -> None:
    """Design rule 5: line breaks in data become escapes."""
    assert LineFormatter().format(record(NOTICE, "subject: %s", "a\r\nforged")) == "subject: a\\r\\nforged"


def test_traceback_is_one_line() -> None:
    """A defect is reported in one entry."""
    try:
        int("x")
    except ValueError:
        entry = logging.LogRecord("test", logging.ERROR, __file__, 1, "(1-01) failed", None, sys.exc_info())
    line = LineFormatter().format(entry)
    assert line.startswith("(1-01) (!!)failed: Traceback")
    assert "\n" not in line


def test_long_lines_are_continued() -> None:
    """B8.01: at most 980 characters, `...` at the cut and after it, the id on every piece."""
    pieces = list(split_line("(1-01) " + "x" * 2500))
    assert all(len(piece) <= LINE_LIMIT for piece in pieces)
    assert [piece.startswith("(1-01) ") for piece in pieces] == [True] * len(pieces)
    assert pieces[0].endswith("...")
    assert pieces[1].startswith("(1-01) ...")
    assert sum(piece.count("x") for piece in pieces) == 2500
    assert list(split_line("short")) == ["short"]


def test_timestamp_has_milliseconds() -> None:
    """Features 16.02."""
    line = TimestampFormatter("amavis").format(record(NOTICE, "text"))
    assert re.fullmatch(r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d\.\d{3} amavis\[\d+\]: text", line)


# The level of amavisd, Python's level for it, what syslog calls it
LEVELS = [
    (-3, logging.CRITICAL, "crit"),
    (-2, logging.ERROR, "err"),
    (-1, logging.WARNING, "warning"),
    (0, NOTICE, "notice"),
    (1, logging.INFO, "info"),
    (2, DETAIL, "info"),
    (3, logging.DEBUG, "debug"),
    (4, logging.DEBUG, "debug"),
    (5, logging.DEBUG, "debug"),
]


@pytest.mark.parametrize(("log_level", "python_level", "priority"), LEVELS)
def test_level_table(log_level: int, python_level: int, priority: str, tmp_path: Path) -> None:
    """Features 16.05: which priority entries of each level have, and that `log_level` shows them and all above."""
    assert threshold(log_level) == python_level
    assert threshold(log_level, to_terminal=True) == logging.DEBUG
    number = logging.handlers.SysLogHandler.priority_names[priority]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "log"))
        handler = SyslogHandler(str(tmp_path / "log"), logging.handlers.SysLogHandler.LOG_MAIL, "amavis[77]: ")
        handler.handle(record(python_level, "text"))
        handler.close()
        assert receiver.recv(4096).startswith(f"<{2 * 8 + number}>amavis[77]: ".encode())


def test_syslog_datagram(tmp_path: Path) -> None:
    """B8.01: facility mail, priority notice for level 0, ident with pid, long entries in several datagrams."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "log"))
        handler = SyslogHandler(str(tmp_path / "log"), logging.handlers.SysLogHandler.LOG_MAIL, "amavis[77]: ")
        handler.handle(record(NOTICE, "(1-01) hello"))
        handler.handle(record(logging.WARNING, "(1-01) " + "y" * 1500))
        handler.close()
        mail_notice, mail_warning = 2 * 8 + 5, 2 * 8 + 4
        assert receiver.recv(4096) == f"<{mail_notice}>amavis[77]: (1-01) hello".encode()
        pieces = [receiver.recv(4096), receiver.recv(4096)]
        assert all(piece.startswith(f"<{mail_warning}>amavis[77]: (1-01) ".encode()) for piece in pieces)
