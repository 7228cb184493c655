"""The list of what is in quarantine, by its files (contracts B10.01 to B10.06; features 12.01, 12.06)."""

import gzip
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailcordon.act.quarantine_list import kept_below
from mailcordon.mail.kept import AddressPattern, KeptMail, WantedMails

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


def copy_of(
    mail_id: str,
    *,
    age: int = 0,
    sender: str = "a@sender.example",
    recipients: str = "<b@example.test>,\r\n <c@example.test>",
    more: str = "",
    subject: str = "Offer",
) -> bytes:
    """A copy as the daemon keeps it; `age`: hours before noon."""
    received = f"{NOON - timedelta(hours=age):%a, %d %b %Y %H:%M:%S} +0000"
    return (
        f"Return-Path: <{sender}>\r\nDelivered-To: virus-quarantine\r\nX-Envelope-From: <{sender}>\r\n"
        f"X-Envelope-To: {recipients}\r\nX-Envelope-To-Blocked: <c@example.test>\r\nX-Quarantine-ID: <{mail_id}>\r\n"
        f"{more}Received: from x by y;\r\n {received}\r\nSubject: {subject}\r\nFrom: A <a@sender.example>\r\n"
        "Message-ID: <1@x>\r\nReceived: elsewhere; Mon, 1 Jan 2001 00:00:00 +0000\r\n\r\nbody\r\n"
    ).encode("utf-8", "surrogateescape")


@pytest.fixture
def place(tmp_path: Path) -> Callable[[str, bytes], Path]:
    """Puts a file into the quarantine."""

    def put(name: str, octets: bytes) -> Path:
        path = tmp_path / "virusmails" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(octets)
        return path

    put("README", b"no copy\n")
    put(".spam-x.gz.0123456789ab.tmp", copy_of("unfinished00"))
    return put


def listed(top: Path, wanted: WantedMails | None = None, problems: list[str] | None = None) -> list[KeptMail]:
    found: list[str] = []
    mails = list(kept_below(top / "virusmails", wanted or WantedMails(limit=100), found.append))
    if problems is None:
        assert found == []
    else:
        problems += found
    return mails


def ids(mails: list[KeptMail]) -> list[str]:
    return [mail.mail_id for mail in mails]


def test_each_kind_of_copy(tmp_path: Path, place: Callable[[str, bytes], Path]) -> None:
    """B10.01, B10.04, B10.05, features 12.01, 12.06: files, packed ones, batches, mailboxes, in subdirectories too."""
    found = "X-Amavis-Alert: INFECTED, message contains virus: E\r\n"
    place("k/virus-kg2P0rP9Lpu3", copy_of("kg2P0rP9Lpu3", more=found))
    spam = "X-Spam-Flag: YES\r\nX-Spam-Score: 7.5\r\nX-Spam-Status: Yes, score=7.5 tag=2 tag2=6.3 kill=6.9\r\n"
    place("W47/spam/s/sg2P0rP9Lpu3.gz", gzip.compress(copy_of("sg2P0rP9Lpu3", age=1, more=spam)))
    batch = (
        b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n" + copy_of("bg2P0rP9Lpu3", age=2) + b".\r\nQUIT\r\n"
    )
    place("unchecked-bg2P0rP9Lpu3", batch)
    boxed = b"".join(
        b"From a@b  Sun Nov 22 12:00:00 2026\n" + copy_of(mail_id, age=age).replace(b"\r\n", b"\n") + b"\n"
        for mail_id, age in (("mg2P0rP9Lpu3", 4), ("ng2P0rP9Lpu3", 3))
    )
    place("banned.mbox", boxed)
    mails = listed(tmp_path)
    assert [(mail.mail_id, mail.quar_type, mail.content, mail.location) for mail in mails] == [
        ("kg2P0rP9Lpu3", "F", "V", "k/virus-kg2P0rP9Lpu3"),
        ("sg2P0rP9Lpu3", "Z", "S", "W47/spam/s/sg2P0rP9Lpu3.gz"),
        ("bg2P0rP9Lpu3", "B", "U", "unchecked-bg2P0rP9Lpu3"),
        ("ng2P0rP9Lpu3", "M", "C", "banned.mbox"),
        ("mg2P0rP9Lpu3", "M", "C", "banned.mbox"),
    ]
    virus, packed, *_ = mails
    assert (virus.received_at, virus.sender, virus.subject) == (NOON, "a@sender.example", "Offer")
    assert [(one.address, one.blocked) for one in virus.recipients] == [
        ("b@example.test", False),
        ("c@example.test", True),
    ]
    assert (packed.score, packed.size, virus.score) == (7.5, None, None)
    assert virus.size == len((tmp_path / "virusmails/k/virus-kg2P0rP9Lpu3").read_bytes())
    assert sorted(ids(listed(tmp_path, WantedMails()))) == sorted(ids(mails))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (WantedMails(since=NOON - timedelta(hours=2)), "abc"),
        (WantedMails(until=NOON - timedelta(hours=2)), "d"),
        (WantedMails(sender=AddressPattern("<A@Sender.Example>")), "abd"),
        (WantedMails(sender=AddressPattern("<>")), "c"),
        (WantedMails(sender=AddressPattern("@sender.example")), "abd"),
        (WantedMails(recipient=AddressPattern("?@EXAMPLE.test")), "abc"),
        (WantedMails(recipient=AddressPattern("*@*example")), "d"),
        (WantedMails(recipient=AddressPattern("example.test")), ""),
        (WantedMails(contents=frozenset("VB")), "a"),
        (WantedMails(contents=frozenset("C")), "bcd"),
        (WantedMails(subject="GRÜSSE"), "b"),
        (WantedMails(mail_id="c" + "0" * 11), "c"),
        (WantedMails(mail_id="nosuchidhere"), ""),
        (WantedMails(partition_tag=""), "abcd"),
        (WantedMails(partition_tag="25"), ""),
        (WantedMails(limit=2), "ab"),
        (WantedMails(limit=1, subject="Offer"), "a"),
    ],
)
def test_filters(tmp_path: Path, place: Callable[[str, bytes], Path], wanted: WantedMails, expected: str) -> None:
    virus = "X-Amavis-Alert: INFECTED, message contains virus: E\r\n"
    place("virus-a", copy_of("a" + "0" * 11, more=virus))
    place("b", copy_of("b" + "0" * 11, age=1, subject="=?utf-8?q?Gr=C3=BC=C3=9Fe_an_alle?="))
    place("c", copy_of("c" + "0" * 11, age=2, sender=""))
    place("d", copy_of("d" + "0" * 11, age=3, recipients="<z@other.example>"))
    assert sorted(mail.mail_id[0] for mail in listed(tmp_path, wanted)) == list(expected)


def test_latest_of_many(tmp_path: Path, place: Callable[[str, bytes], Path]) -> None:
    """Files that cannot be among the latest are not opened: one that is old and unreadable does no harm."""
    for number in range(20):
        path = place(f"{number % 3}/x{number:02}", copy_of(f"{number:012}", age=number))
        os.utime(path, (NOON.timestamp(), NOON.timestamp() - 3600 * number + 60))
    assert ids(listed(tmp_path, WantedMails(limit=3))) == [f"{number:012}" for number in range(3)]
    broken = place("old.gz", b"\x1f\x8bnot packed")
    os.utime(broken, (0, 0))
    assert ids(listed(tmp_path, WantedMails(limit=3, since=NOON - timedelta(hours=1)))) == [
        "000000000000",
        "000000000001",
    ]


def test_what_cannot_be_read_is_told(tmp_path: Path, place: Callable[[str, bytes], Path]) -> None:
    """One line for each; links are never followed."""
    place("k/good", copy_of("kg2P0rP9Lpu3"))
    place("bad.gz", gzip.compress(copy_of("zg2P0rP9Lpu3"))[:40])
    (tmp_path / "outside").write_bytes(copy_of("og2P0rP9Lpu3"))
    (tmp_path / "virusmails/link").symlink_to(tmp_path / "outside")
    (tmp_path / "virusmails/loop").symlink_to(tmp_path / "virusmails")
    os.mkfifo(tmp_path / "virusmails/fifo")
    problems: list[str] = []
    assert ids(listed(tmp_path, problems=problems)) == ["kg2P0rP9Lpu3"]
    assert problems == [
        f"{tmp_path}/virusmails/bad.gz: Compressed file ended before the end-of-stream marker was reached"
    ]
    with pytest.raises(OSError, match="No such file"):
        list(kept_below(tmp_path / "missing", WantedMails(), problems.append))


def test_hostile_copy(tmp_path: Path, place: Callable[[str, bytes], Path]) -> None:
    """Design rule 5: octets that are no text, a header section without an end, no date, a file that unpacks to much."""
    place("a", copy_of("ag2P0rP9Lpu3", sender="\udcff\x1b[2J@x", subject="\x1b]0;x\x07"))
    place("b", copy_of("bg2P0rP9Lpu3").replace(b"2026", b"99999999") + b"X" * 300_000)
    place("c.gz", gzip.compress(copy_of("cg2P0rP9Lpu3") + bytes(50_000_000)))
    mails = {mail.mail_id: mail for mail in listed(tmp_path)}
    assert mails["ag2P0rP9Lpu3"].sender == "\udcff\x1b[2J@x"
    assert mails["ag2P0rP9Lpu3"].subject == "?]0;x?"
    assert set(mails) == {"ag2P0rP9Lpu3", "bg2P0rP9Lpu3", "cg2P0rP9Lpu3"}


def test_patterns_take_no_time() -> None:
    """A pattern of many stars against a long address."""
    assert not AddressPattern("*a" * 20 + "*b").matches("a" * 2000)
    assert AddressPattern("*a" * 20 + "*b").matches("a" * 2000 + "B")
    assert AddressPattern("a?c*[x]*").matches("ABC1[X]2")
    assert not AddressPattern("a?c").matches("abcd")
