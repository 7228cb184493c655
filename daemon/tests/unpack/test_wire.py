"""What goes over the socket to a decoder process and back (design rule 5)."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcordon.errors import ProtocolError
from mailcordon.unpack.decoding.type_map import built_in_rules
from mailcordon.unpack.decoding.wire import job_of_line, job_to_line, record_of_line, record_to_line
from mailcordon.unpack.job import Job, Looked, Member, OpenedBy, PartFile, Problem, ProblemKind, Quota, Record

DIRECTORY = Path("/nowhere")
JOB = Job(
    DIRECTORY,
    (PartFile("1.2", DIRECTORY / "p001", ("x\udcff.zip", "ü"), "application/zip"),),
    Quota(14, 1500, 1 << 30, 72.5),
    1 << 30,
    frozenset({"asc", "uue"}),
)


def test_job() -> None:
    """It comes out as it went in."""
    assert job_of_line(job_to_line(JOB)) == JOB


@pytest.mark.parametrize(
    "record",
    [
        Looked("1.2", ("exe", "exe-ms"), "PE32 executable", "B"),
        Member("1.2.1", "../\udcff\n\0x", 5, DIRECTORY / "p002", "text/plain", ""),
        Member("1.2.1", "", 0, None, "", "DC"),
        Problem(ProblemKind.OVER_LIMITS, "1", "Maximum number of files (3) exceeded"),
        OpenedBy("1.2", "libarchive", keep=True),
    ],
)
def test_records(record: Record) -> None:
    """Names may be anything that a sender can write."""
    assert record_of_line(record_to_line(record), DIRECTORY) == record


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"x",
        b"[]",
        b"7",
        b'["looked"]',
        b'["unknown", "1"]',
        b'[["looked"], "1", [], "", ""]',
        b'["looked", "2", [], "", ""]',
        b'["looked", "1", ["../x"], "", ""]',
        b'["looked", "1", "exe", "", ""]',
        b'["looked", "1", [], "", "X"]',
        b'["member", "1.1", "x", -1, null, "", ""]',
        b'["member", "1.1", "x", true, null, "", ""]',
        b'["member", "1.1", "x", 1, "../p002", "", ""]',
        b'["member", "1.1", "x", 1, "/etc/passwd", "", ""]',
        b'["problem", "DEFECT", "1", "x"]',
        b'["opened", "1", 7, true]',
        b"[" * 100_000,
        b"\xff",
    ],
)
def test_what_is_no_record(line: bytes) -> None:
    """Whatever a decoder process says that was taken over."""
    with pytest.raises(ProtocolError):
        record_of_line(line, DIRECTORY)


def test_all_short_types() -> None:
    """B12.07: whatever the table says of a file gets through, `pgp.enc` for one."""
    types = tuple(dict.fromkeys(short_type for rule in built_in_rules() for short_type in rule.types))
    record = Looked("1.2", types, "data")
    assert record_of_line(record_to_line(record).rstrip(b"\n"), DIRECTORY) == record


def test_texts_are_one_line() -> None:
    """They go to the log."""
    record = record_of_line(record_to_line(Problem(ProblemKind.UNREADABLE, "1", "a\r\nb\x1b")), DIRECTORY)
    assert record == Problem(ProblemKind.UNREADABLE, "1", "a??b?")


@given(st.binary(max_size=200))
def test_any_octets(line: bytes) -> None:
    """A record or ProtocolError."""
    with contextlib.suppress(ProtocolError):
        record_of_line(line, DIRECTORY)
