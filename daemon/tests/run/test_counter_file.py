"""The memory in which workers show their counters and messages (B17.05, B17.08, B17.09)."""

import logging
import os
from pathlib import Path

import pytest

from mailcordon.log_levels import DETAIL, NOTICE
from mailcordon.mail.timing import Timing
from mailcordon.run.counter_file import CAPACITY, FILE_SIZE, OVERFLOW, PLACES, CounterFile, counters_in, messages_in
from mailcordon.run.counting_log import CountingHandler


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "counters"


def test_what_was_published_is_read(path: Path) -> None:
    file = CounterFile.create(path)
    file.counts["InMsgs"] += 2
    assert counters_in(path.read_bytes()) == {}, "not yet"
    file.publish()
    file.counts["InMsgs"] += 1
    file.counts["TimeElapsedTotal"] += 0.25
    file.counts["virus.byname.Würmchen"] += 1
    file.publish()
    assert counters_in(path.read_bytes()) == {"InMsgs": 3, "TimeElapsedTotal": 0.25, "virus.byname.Würmchen": 1}
    assert path.stat().st_mode & 0o777 == 0o640
    file.close()


def test_all_room_is_taken_at_once(path: Path) -> None:
    """A full disk must not end a worker that writes to its memory."""
    CounterFile.create(path).close()
    status = path.stat()
    assert status.st_size == FILE_SIZE
    assert status.st_blocks * 512 >= FILE_SIZE


def test_more_names_than_there_is_room_for(path: Path) -> None:
    file = CounterFile.create(path)
    for round_number in (1, 2):
        for number in range(CAPACITY + 50):
            file.counts[f"virus.byname.{number}"] += 1
        file.publish()
        found = counters_in(path.read_bytes())
        assert len(found) == CAPACITY
        assert found["virus.byname.0"] == round_number
        assert found[OVERFLOW] == 51 * round_number
        assert sum(found.values()) == (CAPACITY + 50) * round_number
    file.close()


def test_messages_in_progress(path: Path) -> None:
    """B17.08: the state follows the sections of the timing."""
    file = CounterFile.create(path)
    first, second = Timing(), Timing()
    for section in ("receive", "unpack", "parts_decode"):
        second.lap(section)
    file.publish({"04711-01": first, "04711-02": second})
    found = list(messages_in(path.read_bytes()))
    assert [(message.log_id, message.state) for message in found] == [("04711-01", "d"), ("04711-02", "V")]
    assert found[1].since >= found[1].began
    second.beside("virus", 0.1)
    second.lap("check")
    file.publish({"04711-02": second})
    assert [message.state for message in messages_in(path.read_bytes())] == ["r"]
    file.publish({})
    assert list(messages_in(path.read_bytes())) == []
    file.close()


def test_more_messages_than_there_are_places(path: Path) -> None:
    file = CounterFile.create(path)
    file.publish({str(number): Timing() for number in range(PLACES + 9)})
    assert len(list(messages_in(path.read_bytes()))) == PLACES
    file.close()


@pytest.mark.parametrize("octets", [b"", b"x" * FILE_SIZE, os.urandom(FILE_SIZE), bytes(FILE_SIZE)])
def test_no_such_file(octets: bytes) -> None:
    assert counters_in(octets) == {}
    assert list(messages_in(octets)) == []


def test_log_entries_are_counted() -> None:
    """B17.05: by priority, and by level from 0 on (features 16.05)."""
    file = CounterFile()
    handler = CountingHandler(file)
    for level in (logging.CRITICAL, logging.ERROR, logging.WARNING, NOTICE, logging.INFO, DETAIL, logging.DEBUG):
        handler.handle(logging.LogRecord("x", level, "x", 1, "x", (), None))
    assert {name: count for name, count in file.counts.items() if count} == {
        "LogEntries": 7,
        "LogEntriesCrit": 1,
        "LogEntriesErr": 1,
        "LogEntriesWarning": 1,
        "LogEntriesNotice": 1,
        "LogEntriesLevel0": 1,
        "LogEntriesInfo": 2,
        "LogEntriesLevel1": 1,
        "LogEntriesLevel2": 1,
        "LogEntriesDebug": 1,
        "LogEntriesLevel3": 1,
    }
