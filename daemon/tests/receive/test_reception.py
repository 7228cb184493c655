"""One message on its way in: counted to its end, kept up to the limit only."""

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailcordon.config.message_settings import BareNewlinePolicy
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


def received(octets: bytes, *, step: int, bare_newlines: BareNewlinePolicy) -> Reception:
    """A message that comes in pieces of that length."""
    reception = Reception("1-01", Spool(Path("/nonexistent"), 1 << 20), 0, bare_newlines=bare_newlines)
    for start in range(0, len(octets), step):
        reception.feed(octets[start : start + step])
    return reception


def refusal(octets: bytes, *, step: int, bare_newlines: BareNewlinePolicy) -> str | None:
    """What is said about that message."""
    reception = received(octets + b"\r\n.\r\n", step=step, bare_newlines=bare_newlines)
    return str(reception.refusal) if reception.refusal else None


@given(st.text(st.sampled_from("\r\n.a"), max_size=30).map(str.encode), st.integers(1, 8))
@example(b"a\r", 1)
@example(b"\n.", 1)
def test_bare_newlines_are_found_wherever_the_stream_is_cut(octets: bytes, step: int) -> None:
    """Contract B6.12: smtpd_forbid_bare_newline = reject refuses what has one and only that; `no` refuses nothing."""
    if b"\r\n.\r\n" in b"\r\n" + octets + b"\r\n":
        return  # ends earlier
    rest = octets.replace(b"\r\n", b"")
    expected = "550 5.5.2 Error: bare <CR> or <LF> received" if b"\r" in rest or b"\n" in rest else None
    assert refusal(octets, step=step, bare_newlines="reject") == expected
    assert refusal(octets, step=step, bare_newlines="no") is None


@given(st.text(st.sampled_from("\r\n.a"), max_size=30).map(str.encode), st.integers(1, 8))
@example(b"a\n.\r", 1)
@example(b"\r\r\n\n", 2)
def test_bare_line_feeds_become_line_ends_wherever_the_stream_is_cut(octets: bytes, step: int) -> None:
    """Contract B6.12: smtpd_forbid_bare_newline = normalize changes bare LF, nothing else, and ends nothing early."""
    stuffed = (b"\r\n" + octets + b"\r\n").replace(b"\r\n.", b"\r\n..")[2:]
    reception = received(stuffed + b".\r\n", step=step, bare_newlines="normalize")
    content = reception.seal()
    assert bytes(content.view()) == re.sub(rb"(?<!\r)\n", b"\r\n", octets + b"\r\n")
    assert reception.size == content.size
    assert reception.refusal is None
    content.close()
