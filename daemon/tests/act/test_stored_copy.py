"""Reading copies back from quarantine (contracts B1.27 to B1.30, B10.05)."""

import gzip
import io
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcordon.act.mailbox_file import append, messages_in
from mailcordon.act.stored_copy import StoredCopy, read_file
from mailcordon.errors import QuarantineError, ReleaseError
from mailcordon.mail.release import CopyKind, ReleaseRequest, RequestKind

MAIL_ID = "kg2P0rP9Lpu3"
NOW = datetime(2026, 11, 22, 12, 0, 0).astimezone()
LEADING = (
    b"Return-Path: <a@sender.example>\r\nDelivered-To: virus-quarantine\r\nX-Envelope-From: <a@sender.example>\r\n"
    b"X-Envelope-To: <b@example.test>,\r\n <c@example.test>\r\nX-Envelope-To-Blocked: <c@example.test>\r\n"
    b"X-Quarantine-ID: <" + MAIL_ID.encode() + b">\r\n"
)
ORIGINAL = b"Subject: x\r\n\r\nbody\r\nFrom here on\r\n>From there\r\n"


def read(place: Path, kind: CopyKind | None = None, mail_file: str | None = None, *, levels: int = 1) -> StoredCopy:
    request = ReleaseRequest(RequestKind.RELEASE, MAIL_ID, copy_kind=kind, mail_file=mail_file)
    return read_file(request, place, place, subdir_levels=levels)


def octets_of(copy: StoredCopy) -> bytes:
    try:
        return bytes(copy.content.view())
    finally:
        copy.content.close()


@pytest.mark.parametrize(
    ("name", "kind", "mail_file"),
    [
        ("k/kg2P0rP9Lpu3", None, None),
        ("kg2P0rP9Lpu3", CopyKind.FILE, None),
        ("k/kg2P0rP9Lpu3.gz", CopyKind.GZIP, None),
        ("k/virus-kg2P0rP9Lpu3", None, None),
        ("k/spam-kg2P0rP9Lpu3.gz", None, "kg2P0rP9Lpu3"),
        ("k/virus-kg2P0rP9Lpu3", None, "virus-kg2P0rP9Lpu3"),
        ("W48/spam/k/x.gz", CopyKind.FILE, "W48/spam/k/x.gz"),
    ],
)
def test_where_it_is_looked_for(tmp_path: Path, name: str, kind: CopyKind | None, mail_file: str | None) -> None:
    """B1.27, features 12.06: as named, in the directory of the id, by the names that the packaged methods give."""
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    octets = LEADING + ORIGINAL
    path.write_bytes(gzip.compress(octets) if name.endswith(".gz") else octets)
    copy = read(tmp_path, kind, mail_file)
    assert copy.location == name
    assert copy.sender == "a@sender.example"
    assert copy.recipients == ("c@example.test",)
    assert copy.original_start == len(LEADING)
    assert octets_of(copy) == octets


def test_copy_of_amavisd_has_lf(tmp_path: Path) -> None:
    """What amavisd-new has written goes out with CR LF; a lone CR stays."""
    octets = (LEADING + b"Subject: x\r\n\r\na\rb\r\n").replace(b"\r\n", b"\n")
    (tmp_path / MAIL_ID).write_bytes(octets)
    assert octets_of(read(tmp_path)) == LEADING + b"Subject: x\r\n\r\na\rb\r\n"


def test_bare_line_ends_stay(tmp_path: Path) -> None:
    """Design rule 3: our own copies are octet for octet what came."""
    octets = LEADING + b"Subject: x\r\n\r\na\nb\rc\r\n"
    (tmp_path / MAIL_ID).write_bytes(octets)
    assert octets_of(read(tmp_path)) == octets


@pytest.mark.parametrize(
    ("fields", "sender", "recipients"),
    [
        (b"Return-Path: <r@s.example>\r\n", "r@s.example", ()),
        (b"X-Envelope-From: <>\r\nReturn-Path: <r@s.example>\r\n", "", ()),
        (b"X-Envelope-To: <a@b.example>\r\n", "", ("a@b.example",)),
    ],
)
def test_envelope(tmp_path: Path, fields: bytes, sender: str, recipients: tuple[str, ...]) -> None:
    """B1.30: what is taken where a field is missing."""
    (tmp_path / MAIL_ID).write_bytes(fields + b"X-Quarantine-ID: <kg2P0rP9Lpu3>\r\n" + ORIGINAL)
    copy = read(tmp_path)
    copy.content.close()
    assert (copy.sender, copy.recipients) == (sender, recipients)


def test_several_files(tmp_path: Path) -> None:
    """B1.27: nobody guesses which one is meant."""
    (tmp_path / "k").mkdir()
    for name in ("virus-kg2P0rP9Lpu3", "spam-kg2P0rP9Lpu3.gz"):
        (tmp_path / "k" / name).write_bytes(LEADING + ORIGINAL)
    with pytest.raises(ReleaseError, match="several files"):
        read(tmp_path)


@pytest.fixture
def mailbox(tmp_path: Path) -> Path:
    path = tmp_path / "box"
    path.write_bytes(b"")
    return path


def test_mailbox(tmp_path: Path, mailbox: Path) -> None:
    """B10.05, B1.26: appended with `>From `, found by its id, and the same again; two with one id are refused."""
    other = LEADING.replace(MAIL_ID.encode(), b"otherotherid") + ORIGINAL
    append(mailbox.parent, PurePosixPath("box"), [other], sender="x@y.example", now=NOW)
    octets = LEADING + ORIGINAL
    append(mailbox.parent, PurePosixPath("box"), [octets[:100], octets[100:]], sender="", now=NOW)
    append(mailbox.parent, PurePosixPath("box"), [other], sender="x y", now=NOW)
    text = mailbox.read_bytes()
    assert text.startswith(b"From x@y.example  Sun Nov 22 12:00:00 2026\n")
    assert text.count(b"\n>From here on\n>>From there\n\n") == 3
    assert b"\r" not in text
    assert octets_of(read(tmp_path, CopyKind.MAILBOX, "box")) == octets
    append(mailbox.parent, PurePosixPath("box"), [octets], sender="", now=NOW)
    with pytest.raises(ReleaseError, match=r"Multiple \(2 or more\)"):
        read(tmp_path, CopyKind.MAILBOX, "box")


def test_mailbox_is_never_half_written(mailbox: Path, tmp_path: Path) -> None:
    """B10.09: when it fails, the file is as it was; what is no plain file is left alone."""
    append(mailbox.parent, PurePosixPath("box"), [b"one\r\n"], sender="", now=NOW)
    before = mailbox.read_bytes()

    def broken() -> Iterator[bytes]:
        yield b"two\r\n"
        raise OSError(28, "No space left on device")

    with pytest.raises(QuarantineError, match="No space left"):
        append(mailbox.parent, PurePosixPath("box"), broken(), sender="", now=NOW)
    assert mailbox.read_bytes() == before
    link = tmp_path / "link"
    link.symlink_to(mailbox)
    with pytest.raises(QuarantineError):
        append(tmp_path, PurePosixPath("link"), [b"x\r\n"], sender="", now=NOW)


lines = st.lists(st.sampled_from([b"From x\n", b">From y\n", b"\n", b"text\n", b">>From\n", b" From z\n"]), max_size=12)


@given(st.lists(lines, max_size=4))
def test_any_messages_come_out_as_they_went_in(messages: list[list[bytes]]) -> None:
    """Whatever looks like the start of a message within one."""
    file = io.BytesIO()
    for message in messages:
        file.write(b"From a  Sun Nov 22 12:00:00 2026\n")
        file.writelines(b">" + line if line.lstrip(b">").startswith(b"From ") else line for line in message)
        file.write(b"\n")
    file.seek(0)
    assert [list(found) for found in messages_in(file)] == messages
