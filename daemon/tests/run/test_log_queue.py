"""The thread that writes the log beside the event loop (contract B8.01, design rule 7)."""

import errno
import logging
import multiprocessing
import os
from pathlib import Path

import pytest

from mailcordon.run.log import FileHandler
from mailcordon.run.log_queue import logging_to

ENTRIES = 3000


def write(path: Path, word: str, number: int) -> None:
    handler = FileHandler(path, encoding="utf-8")
    with logging_to(handler, logging.INFO, queued=True):
        for count in range(number):
            logging.getLogger("test").info("%s %d %s", word, count, "x" * 300)


def test_all_is_written_in_order_at_the_end(tmp_path: Path) -> None:
    """What was logged just before the end is not lost."""
    path = tmp_path / "log"
    write(path, "entry", 1000)
    assert [line.split()[1] for line in path.read_text().splitlines()] == [str(count) for count in range(1000)]


def test_lines_of_workers_do_not_mix(tmp_path: Path) -> None:
    """Several workers append to one file; each line stays whole, although many are written at a time."""
    path = tmp_path / "log"
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=write, args=(path, word, ENTRIES)) for word in ("one", "two", "three")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    lines = path.read_text().splitlines()
    assert sorted(lines) == sorted(
        f"{word} {count} {'x' * 300}" for word in ("one", "two", "three") for count in range(ENTRIES)
    )


def test_file_that_was_moved_away(tmp_path: Path) -> None:
    """logrotate needs no signal."""
    path = tmp_path / "log"
    handler = FileHandler(path, encoding="utf-8")
    with logging_to(handler, logging.INFO, queued=True):
        path.rename(tmp_path / "log.1")
        logging.getLogger("test").info("hello")
    assert path.read_text() == "hello\n"
    assert (tmp_path / "log.1").read_text() == ""


def test_line_that_was_cut_by_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The next entry begins a line of its own."""
    path = tmp_path / "log"
    handler = FileHandler(path, encoding="utf-8")
    record = logging.LogRecord("test", logging.INFO, __file__, 1, "hello", (), None)
    written = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, octets: written(descriptor, octets[:3]))
    handler.handle_all([record])
    monkeypatch.undo()
    handler.handle_all([record])
    handler.close()
    assert path.read_text() == "hel\nhello\n"
    assert os.strerror(errno.ENOSPC) in capsys.readouterr().err
