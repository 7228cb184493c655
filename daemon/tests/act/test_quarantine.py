"""Quarantine copies (B10, features 12a)."""

import asyncio
import errno
import gzip
import hashlib
import os
import re
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from acting import INFECTED, SPAM, VIRUS, cache, passed, soon, stopped

from mailcordon.act import quarantine as quarantine_module
from mailcordon.act.courier import Courier
from mailcordon.act.quarantine import Quarantine
from mailcordon.act.quarantine_file import relative_path, remove_leftovers, store
from mailcordon.config.settings import Settings
from mailcordon.errors import QuarantineError
from mailcordon.mail.category import Category, Destiny, Major
from mailcordon.mail.finding import Finding, Findings, SpamScore
from mailcordon.mail.header import HeaderSection
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import QuarantineCopy, Verdict
from next_hop import running

MakeMail = Callable[..., Mail]
MakeSettings = Callable[..., Settings]
MESSAGE = b"From: a\r\nX-Quarantine-ID: <forged>\r\n\r\nbody\n.\r\n\xff no end"
SPAMMY = Findings(spam=SpamScore(8.25, (("GTUBE", 8.0), ("NO_POINTS", None)), autolearn="no"))


async def keep(
    settings: Settings, mail: Mail, verdicts: list[Verdict], findings: Findings = INFECTED
) -> tuple[QuarantineCopy, ...]:
    async with cache() as kept:
        quarantine = Quarantine(Courier(kept))
        return await quarantine.keep(mail, settings, findings, verdicts, soon())


def virus_for(address: str, destiny: Destiny = Destiny.DISCARD) -> Verdict:
    return stopped(address, destiny, quarantine_to="virus-quarantine")


def files_in(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


async def test_virus_file_fields_and_modes(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """B10.01, B10.04 to B10.06, B10.08: place, modes, order of the fields, the original octet for octet."""
    settings = make_settings()
    mail = make_mail(MESSAGE, sender="alice@sender.example", recipients=["bob@example.test", "eve@example.test"])
    old_umask = os.umask(0o077)
    try:
        copies = await keep(settings, mail, [virus_for("bob@example.test"), passed("eve@example.test")])
    finally:
        os.umask(old_umask)
    location = f"{mail.mail_id[0]}/virus-{mail.mail_id}"
    assert copies == (QuarantineCopy(location, "F"),)
    path = settings.QUARANTINEDIR / location
    assert files_in(settings.QUARANTINEDIR) == [path]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o750
    octets = path.read_bytes()
    assert octets.endswith(b"\r\n" + MESSAGE)
    fields = [(field.name, field.text) for field in HeaderSection.of(octets).fields]
    assert fields[:7] == [
        ("Return-Path", "<alice@sender.example>"),
        ("Delivered-To", "virus-quarantine"),
        ("X-Envelope-From", "<alice@sender.example>"),
        ("X-Envelope-To", "<bob@example.test>, <eve@example.test>"),
        ("X-Envelope-To-Blocked", "<bob@example.test>"),
        ("X-Quarantine-ID", f"<{mail.mail_id}>"),
        ("X-Amavis-Alert", "INFECTED, message contains virus: Eicar-Test-Signature"),
    ]
    assert fields[7][0] == "Received"
    assert [name for name, _ in fields[8:]] == ["From", "X-Quarantine-ID"]


async def test_spam_file_is_gzip_with_levels(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """B10.06 (tag= tag2= kill=), features 12.04: valid gzip."""
    settings = make_settings()
    mail = make_mail(MESSAGE)
    verdict = stopped(
        "bob@example.test",
        Destiny.DISCARD,
        category=SPAM,
        quarantine_to="spam-quarantine",
        score=8.25,
        tag_level=2.0,
        tag2_level=6.31,
        kill_level=None,
    )
    (copy,) = await keep(settings, mail, [verdict], SPAMMY)
    assert copy == QuarantineCopy(f"{mail.mail_id[0]}/spam-{mail.mail_id}.gz", "Z")
    octets = gzip.decompress((settings.QUARANTINEDIR / copy.location).read_bytes())
    assert octets.endswith(MESSAGE)
    spam = {field.name: field.text for field in HeaderSection.of(octets).fields if field.name.startswith("X-Spam")}
    assert list(spam) == ["X-Spam-Flag", "X-Spam-Score", "X-Spam-Level", "X-Spam-Status"]
    assert spam["X-Spam-Flag"] == "YES"
    assert spam["X-Spam-Score"] == "8.25"
    assert spam["X-Spam-Level"] == "********"
    assert spam["X-Spam-Status"] == ("Yes, score=8.25 tag=2 tag2=6.31 kill=x tests=[GTUBE=8, NO_POINTS] autolearn=no")


async def test_copy_tells_of_the_client(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """B16.10: what p0f says, below the alert (B10.06); a release takes it out again (B1.31)."""
    settings = make_settings()
    findings = replace(INFECTED, os_fingerprint="Windows XP; dist: 9")
    (copy,) = await keep(settings, make_mail(MESSAGE), [virus_for("bob@example.test")], findings)
    fields = HeaderSection.of((settings.QUARANTINEDIR / copy.location).read_bytes()).fields
    names = [field.name for field in fields]
    assert names.index("X-Amavis-OS-Fingerprint") == names.index("X-Amavis-Alert") + 1
    assert "Windows XP; dist: 9" in [field.text for field in fields]


async def test_nobody_asks_nothing_is_kept(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """The harmless twin: clean mail and blocked mail without a quarantine leave no file."""
    settings = make_settings()
    verdicts = [passed("bob@example.test"), stopped("eve@example.test", Destiny.DISCARD)]
    assert await keep(settings, make_mail(MESSAGE), verdicts) == ()
    assert files_in(settings.QUARANTINEDIR) == []


async def test_one_copy_for_all_who_ask(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    settings = make_settings()
    verdicts = [virus_for("a@example.test"), virus_for("b@example.test"), virus_for("c@example.test")]
    copies = await keep(settings, make_mail(MESSAGE, recipients=["a@example.test"]), verdicts)
    assert len(copies) == len(files_in(settings.QUARANTINEDIR)) == 1
    blocked = HeaderSection.of((settings.QUARANTINEDIR / copies[0].location).read_bytes()).text("X-Envelope-To-Blocked")
    assert blocked == "<a@example.test>, <b@example.test>, <c@example.test>"


async def test_one_copy_for_each_category(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    settings = make_settings()
    spam = stopped("b@example.test", Destiny.DISCARD, category=SPAM, quarantine_to="spam-quarantine", score=9.0)
    copies = await keep(settings, make_mail(MESSAGE), [virus_for("a@example.test"), spam])
    assert [copy.kind for copy in copies] == ["F", "Z"]
    assert len(files_in(settings.QUARANTINEDIR)) == 2


async def test_local_mailboxes_of_one_method_share_a_file(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """B10.02: aliases are no names of files; a second copy under the first one's name would be a failure."""
    settings = make_settings()
    other = stopped("b@example.test", Destiny.DISCARD, quarantine_to="own-quarantine")
    (copy,) = await keep(settings, make_mail(MESSAGE), [virus_for("a@example.test"), other])
    header = HeaderSection.of((settings.QUARANTINEDIR / copy.location).read_bytes())
    assert header.text("Delivered-To") == "virus-quarantine, own-quarantine"


async def test_archive_keeps_what_passes(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """Contract B10.01, B10.02: beside the copy for what was found; the twin without a wish leaves nothing."""
    settings = make_settings(archive_quarantine_method="local:archive-%m")
    mail = make_mail(MESSAGE)
    verdicts = [passed("a@example.test", archive_to="archive-quarantine"), virus_for("b@example.test")]
    copies = await keep(settings, mail, verdicts)
    assert [(copy.location[2:], copy.is_archive) for copy in copies] == [
        (f"virus-{mail.mail_id}", False),
        (f"archive-{mail.mail_id}", True),
    ]
    octets = (settings.QUARANTINEDIR / copies[1].location).read_bytes()
    assert HeaderSection.of(octets).text("Delivered-To") == "archive-quarantine"
    assert octets.endswith(MESSAGE)
    assert await keep(settings, mail, [passed("a@example.test")]) == ()
    waiting = stopped("a@example.test", Destiny.TEMPFAIL, archive_to="archive-quarantine")
    assert await keep(settings, mail, [waiting]) == ()


async def test_mail_that_comes_again_is_not_kept(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    settings = make_settings()
    assert await keep(settings, make_mail(MESSAGE), [virus_for("a@example.test", Destiny.TEMPFAIL)]) == ()


async def test_failure_is_an_error_that_names_file_and_reason(
    make_mail: MakeMail, make_settings: MakeSettings, tmp_path: Path
) -> None:
    """B10.09: QUARANTINEDIR missing, or no directory at all; the message is one line."""
    settings = make_settings()
    settings.QUARANTINEDIR.rmdir()
    for prepare in (lambda: None, lambda: settings.QUARANTINEDIR.write_bytes(b"a file")):
        prepare()
        with pytest.raises(QuarantineError, match=re.escape(str(settings.QUARANTINEDIR))) as caught:
            await keep(settings, make_mail(MESSAGE), [virus_for("a@example.test")])
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("number", "full"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EIO, False)])
async def test_full_disk_is_told_from_other_failures(
    make_mail: MakeMail, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch, number: int, *, full: bool
) -> None:
    """B10.09: the client hears 452 for a full disk. The campaign in tests/faults fills a real one."""

    def fail(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    settings = make_settings()
    with pytest.raises(QuarantineError) as caught:
        await keep(settings, make_mail(MESSAGE), [virus_for("a@example.test")])
    assert caught.value.storage_full is full
    assert files_in(settings.QUARANTINEDIR) == []


async def test_cancelled_copy_is_finished_first(
    make_mail: MakeMail, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread reads the spool, so `keep` may not return before it; a message past its time is cancelled."""
    entered, go_on = threading.Event(), threading.Event()

    def slow_store(directory: Path, relative: PurePosixPath, chunks: Iterable[bytes]) -> None:
        entered.set()
        assert go_on.wait(20)
        store(directory, relative, chunks)

    monkeypatch.setattr(quarantine_module, "store", slow_store)
    settings = make_settings()
    keeping = asyncio.create_task(keep(settings, make_mail(MESSAGE), [virus_for("a@example.test")]))
    await asyncio.to_thread(entered.wait, 20)
    keeping.cancel()
    await asyncio.sleep(0.05)
    assert not keeping.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await keeping
    assert len(files_in(settings.QUARANTINEDIR)) == 1


async def test_copy_to_a_mail_address(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """B10.02: a target with `@` is mailed; refused there, the mail is not safe."""
    async with running() as hop:
        settings = make_settings(notify_method=hop.method, virus_quarantine_to="trap@example.test")
        verdict = stopped("a@example.test", Destiny.DISCARD, quarantine_to="trap@example.test")
        copies = await keep(settings, make_mail(MESSAGE), [verdict])
        assert copies == (QuarantineCopy("trap@example.test", "M"),)
        assert hop.taken[0].recipients == ["RCPT TO:<trap@example.test> NOTIFY=NEVER"]
        assert hop.taken[0].octets.endswith(MESSAGE + b"\r\n")
        assert hop.taken[0].octets.startswith(b"Return-Path: <alice@sender.example>\r\nDelivered-To: trap@")
        hop.answers["end"] = "550 5.7.1 no"
        with pytest.raises(QuarantineError, match=r"trap@example\.test: 550 5\.7\.1 from MTA"):
            await keep(settings, make_mail(MESSAGE), [verdict])
    assert files_in(settings.QUARANTINEDIR) == []


async def test_addresses_cannot_forge_fields(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    settings = make_settings()
    mail = make_mail(MESSAGE, sender="a\r\nX-Quarantine-ID: <evil>@b")
    findings = Findings((Finding(VIRUS, "Bad\r\n\r\nbody\r\nName", "clamd"),))
    (copy,) = await keep(settings, mail, [virus_for("bob@example.test")], findings)
    header = HeaderSection.of((settings.QUARANTINEDIR / copy.location).read_bytes())
    assert header.text("X-Quarantine-ID") == f"<{mail.mail_id}>"
    assert header.text("From") == "a"


async def test_international_address_stays_readable(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    settings = make_settings()
    (copy,) = await keep(settings, make_mail(MESSAGE), [virus_for("jörg@exämple.test")])
    octets = (settings.QUARANTINEDIR / copy.location).read_bytes()
    assert "X-Envelope-To: <jörg@exämple.test>\r\n".encode() in octets


@pytest.mark.parametrize(
    ("template", "levels", "expected"),
    [
        ("virus-%m", 0, "virus-{m}"),
        ("virus-%m", 1, "{c}/virus-{m}"),
        ("Week%P/spam/%m.gz", 1, "Week37/spam/{c}/{m}.gz"),
        ("%n-%i", 0, "04711-01-{i}"),
        ("100%%-%x-%m", 0, "100%-%x-{m}"),
        ("%b", 0, "{b}"),
        ("%%m", 0, "%m"),
    ],
)
def test_name_template(make_mail: MakeMail, template: str, levels: int, expected: str) -> None:
    """B10.03, B10.04, features 12.01, 12.02, 12.06: each placeholder; an unknown one stays."""
    mail = make_mail(MESSAGE)
    body = MESSAGE.partition(b"\r\n\r\n")[2]
    values = {
        "m": mail.mail_id,
        "c": mail.mail_id[0],
        "i": mail.received_at.strftime("%Y%m%dT%H%M%S"),
        "b": hashlib.sha256(body).hexdigest(),
    }
    assert str(relative_path(template, mail, subdir_levels=levels, partition_tag="37")) == expected.format(**values)


@pytest.mark.parametrize("template", ["", "../%m", "/tmp/%m", "a/../../%m", "x\x00%m"])
def test_template_cannot_leave_the_directory(make_mail: MakeMail, template: str) -> None:
    with pytest.raises(QuarantineError, match="below QUARANTINEDIR"):
        relative_path(template, make_mail(MESSAGE), subdir_levels=1, partition_tag="0")


def test_template_directories_are_made(tmp_path: Path) -> None:
    """Features 12.03: a missing directory never loses mail."""
    store(tmp_path, PurePosixPath("Week07/spam/k/file"), [b"x"])
    for directory in ("Week07", "Week07/spam", "Week07/spam/k"):
        assert stat.S_IMODE((tmp_path / directory).stat().st_mode) == 0o750


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """B10.05."""
    (tmp_path / "taken").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("taken", "link"):
        with pytest.raises(QuarantineError, match="File exists"):
            store(tmp_path, PurePosixPath(name), [b"new"])
    assert (tmp_path / "taken").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "taken"]


def test_failure_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"half"
        raise OSError(28, "No space left on device")

    with pytest.raises(QuarantineError, match="No space left on device"):
        store(tmp_path, PurePosixPath("file"), chunks())
    assert list(tmp_path.iterdir()) == []


async def test_mailbox_without_a_method_is_an_error(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """UNCHECKED is not kept as packaged: a verdict that asks for it nevertheless fails, instead of losing the copy."""
    verdict = stopped("a@example.test", Destiny.DISCARD, category=Category(Major.UNCHECKED), quarantine_to="x")
    with pytest.raises(QuarantineError, match="no quarantine method for Unchecked mail to x"):
        await keep(make_settings(), make_mail(MESSAGE), [verdict])


def test_leftovers_of_killed_processes_go(tmp_path: Path) -> None:
    """Contract B10.09: only unfinished files, only old ones; complete copies and files of others stay."""
    directory = tmp_path / "spam" / "k"
    directory.mkdir(parents=True)

    def killed() -> Iterator[bytes]:
        yield b"x"
        unfinished = next(path for path in directory.iterdir() if path.suffix == ".tmp")
        os.link(unfinished, directory / f".other.gz.{'0' * 12}.tmp")

    store(tmp_path, PurePosixPath("spam/k/copy"), killed())
    kept = ["copy", ".copy.tmp", ".copy.0123456789ab.tmp.gz", "copy.0123456789ab.tmp"]
    for name in kept[1:]:
        (directory / name).write_bytes(b"x")
    assert remove_leftovers(tmp_path, older_than=3600) == 0
    for path in directory.iterdir():
        os.utime(path, (0, 0))
    (directory / f".young.{'1' * 12}.tmp").write_bytes(b"x")
    assert remove_leftovers(tmp_path, older_than=3600) == 1
    assert sorted(path.name for path in directory.iterdir()) == sorted([*kept, f".young.{'1' * 12}.tmp"])
