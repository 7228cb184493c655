"""A log that cannot be written costs entries, never mail, memory or a flood of complaints (design rule 7)."""

import logging
import logging.handlers
import queue
import socket
import time
from contextlib import suppress
from pathlib import Path

import pytest

from mailcordon.run import log, log_queue
from mailcordon.run.log import FileHandler, SyslogHandler
from mailcordon.run.log_queue import BoundedQueueHandler, Records

MAIL = logging.handlers.SysLogHandler.LOG_MAIL


def record(message: str) -> logging.LogRecord:
    return logging.LogRecord("test", logging.INFO, __file__, 1, message, (), None)


def test_syslog_that_does_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its queue is full after some entries: the next ones are lost without a wait for each; later ones arrive."""
    monkeypatch.setattr(log, "SEND_TIMEOUT", 0.2)
    monkeypatch.setattr(log, "REST", 0.5)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "log"))
        handler = SyslogHandler(str(tmp_path / "log"), MAIL, "amavis[77]: ")
        started = time.monotonic()
        for _ in range(5000):
            handler.handle(record("x" * 900))
        assert time.monotonic() - started < 2
        complaint = "mailcordon: cannot write the log, entries are lost: "
        assert capsys.readouterr().err.splitlines() == [f"{complaint}timed out"]
        receiver.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                receiver.recv(4096)
        time.sleep(0.6)
        handler.handle(record("again"))
        handler.close()
        assert receiver.recv(4096).endswith(b"again")


def test_syslog_that_is_started_anew(tmp_path: Path) -> None:
    """The entry goes to the new one."""
    path = tmp_path / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as first:
        first.bind(str(path))
        handler = SyslogHandler(str(path), MAIL, "amavis[77]: ")
    path.unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as second:
        second.bind(str(path))
        handler.handle(record("hello"))
        handler.close()
        assert second.recv(4096) == b"<22>amavis[77]: hello"


def test_log_file_on_a_full_disk(capsys: pytest.CaptureFixture[str]) -> None:
    """One line on standard error, no traceback."""
    handler = FileHandler("/dev/full", encoding="utf-8")
    for _ in range(10):
        handler.handle(record("hello"))
    handler.close()
    assert capsys.readouterr().err == (
        "mailcordon: cannot write the log, entries are lost: [Errno 28] No space left on device\n"
    )


def texts(waiting: Records, number: int) -> list[str]:
    taken = [waiting.get() for _ in range(number)]
    return [record.getMessage() for record in taken if record]


def test_entries_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is lost is counted, and said once there is room again."""
    monkeypatch.setattr(log_queue, "QUEUE_LIMIT", 3)
    waiting: Records = queue.SimpleQueue()
    handler = BoundedQueueHandler(waiting)
    for number in range(5):
        handler.handle(record(str(number)))
    assert texts(waiting, 3) == ["0", "1", "2"]
    handler.handle(record("5"))
    assert texts(waiting, 2) == ["2 entries are lost, the log was too slow for them", "5"]
    assert waiting.empty()
