"""One message on its way in: counted to its end, kept up to the limit only."""

from pathlib import Path

import pytest

from mailcordon.errors import SpoolError
from mailcordon.receive.reception import Reception
from mailcordon.receive.spool import Spool


def test_what_is_over_the_limit_is_counted_and_not_stored(tmp_path: Path) -> None:
    """B6.06: an endless message costs no disk."""
    spool = Spool(tmp_path, 1 << 20)
    reception = Reception("1-01", spool, 1000)
    for _ in range(100):
        assert reception.feed(b"x" * 98 + b"\r\n") is None
    assert reception.feed(b".\r\nRSET\r\n") == b"RSET\r\n"
    assert reception.too_big
    assert reception.size == 10_000
    assert spool.size <= 1000


def test_what_is_within_the_limit_is_kept_whole(tmp_path: Path) -> None:
    """The harmless twin: a message of exactly the limit, and no limit at all."""
    for limit in (10_000, 0):
        reception = Reception("1-01", Spool(tmp_path, 1 << 20), limit)
        for _ in range(100):
            reception.feed(b"x" * 98 + b"\r\n")
        assert reception.feed(b".\r\n") == b""
        assert not reception.too_big
        content = reception.seal()
        assert bytes(content.view()) == (b"x" * 98 + b"\r\n") * 100
        content.close()


def test_failure_is_remembered_and_the_rest_not_stored(tmp_path: Path) -> None:
    """Design rule 1: a message with a hole is never sealed."""
    directory = tmp_path / "spool"
    spool = Spool(directory, 0)
    reception = Reception("1-01", spool, 0)
    reception.feed(b"first\r\n")
    assert reception.wants_flush
    reception.flush()
    directory.mkdir()
    reception.feed(b"second\r\n")
    assert not reception.wants_flush
    assert reception.feed(b".\r\n") == b""
    assert (reception.size, spool.size) == (15, 0)
    with pytest.raises(SpoolError, match="No such file or directory"):
        reception.seal()
