"""Quarantine methods beside files of their own: mailboxes, batches, programs, next hops (contracts B10.01, B10.05)."""

import asyncio
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from acting import INFECTED, cache, soon, stopped

from mailcordon.act.courier import Courier
from mailcordon.act.quarantine import Quarantine
from mailcordon.act.stored_copy import read_file
from mailcordon.config.settings import Settings
from mailcordon.errors import QuarantineError
from mailcordon.mail.category import Destiny
from mailcordon.mail.message import Mail
from mailcordon.mail.release import CopyKind, ReleaseRequest, RequestKind
from mailcordon.mail.verdict import QuarantineCopy
from next_hop import running

MakeMail = Callable[..., Mail]
MakeSettings = Callable[..., Settings]
MESSAGE = b"Subject: x\r\n\r\nFrom me\r\n.dot\r\n>From you\r\n"


async def keep(settings: Settings, mail: Mail, *mailboxes: str) -> tuple[QuarantineCopy, ...]:
    """One copy for each of the mailboxes that wants one of its own."""
    verdicts = [
        stopped(recipient, Destiny.DISCARD, quarantine_to=mailbox)
        for recipient, mailbox in zip(mail.envelope.recipients, mailboxes or ("virus-quarantine",), strict=True)
    ]
    async with cache() as kept:
        return await Quarantine(Courier(kept)).keep(mail, settings, INFECTED, verdicts, soon())


async def test_mailbox_file(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """B10.05: a name that is the same for all mail is a mailbox; concurrent copies do not mix; each is found again."""
    settings = make_settings(virus_quarantine_method="local:boxes/virus.mbox")
    mails = [make_mail(MESSAGE + b"%d\r\n" % number) for number in range(10)]
    copies = await asyncio.gather(*(keep(settings, mail) for mail in mails))
    assert {copies[0] for copies in copies} == {QuarantineCopy("boxes/virus.mbox", "M")}
    path = settings.QUARANTINEDIR / "boxes/virus.mbox"
    assert stat.S_IMODE(path.stat().st_mode) & 0o137 == 0
    for number, mail in enumerate(mails):
        request = ReleaseRequest(
            RequestKind.RELEASE, mail.mail_id, copy_kind=CopyKind.MAILBOX, mail_file="boxes/virus.mbox"
        )
        copy = read_file(request, settings.QUARANTINEDIR, settings.TEMPBASE, subdir_levels=1)
        assert bytes(copy.content.view()).endswith(MESSAGE + b"%d\r\n" % number)
        copy.content.close()


async def test_batch(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """B10.01: SMTP commands in a file, dots doubled."""
    settings = make_settings(virus_quarantine_method="bsmtp:virus-%m.bsmtp")
    mail = make_mail(MESSAGE)
    (copy,) = await keep(settings, mail)
    assert copy == QuarantineCopy(f"{mail.mail_id[0]}/virus-{mail.mail_id}.bsmtp", "B")
    octets = (settings.QUARANTINEDIR / copy.location).read_bytes()
    assert octets.startswith(
        b"EHLO localhost\r\nMAIL FROM:<alice@sender.example>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\nReturn-Path: "
    )
    assert octets.endswith(b"\r\nFrom me\r\n..dot\r\n>From you\r\n.\r\nQUIT\r\n")


@pytest.mark.parametrize(("protocol", "kind"), [("smtp", "M"), ("lmtp", "L")])
async def test_next_hop(make_mail: MakeMail, make_settings: MakeSettings, protocol: str, kind: str) -> None:
    """B10.01, B10.02: the method's own next hop; a mailbox without a domain gets the host's; refused is not kept."""
    async with running(lmtp=protocol == "lmtp") as hop:
        settings = make_settings(virus_quarantine_method=f"{protocol}:[127.0.0.1]:{hop.port}")
        mail = make_mail(MESSAGE, recipients=["a@example.test", "b@example.test"])
        copies = await keep(settings, mail, "virus-quarantine", "vq@example.net")
        assert [(copy.location, copy.kind) for copy in copies] == [
            ("virus-quarantine@gate.example.test", kind),
            ("vq@example.net", kind),
        ]
        assert [taken.recipients for taken in hop.taken] == [
            ["RCPT TO:<virus-quarantine@gate.example.test> NOTIFY=NEVER"],
            ["RCPT TO:<vq@example.net> NOTIFY=NEVER"],
        ]
        hop.answers["RCPT"] = "550 5.1.1 no"
        with pytest.raises(QuarantineError, match="no"):
            await keep(settings, make_mail(MESSAGE))


def program(directory: Path, text: str) -> Path:
    """An executable shell script."""
    path = directory / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


async def test_program(make_mail: MakeMail, make_settings: MakeSettings, tmp_path: Path) -> None:
    """B10.01: the copy on standard input, addresses as arguments that no shell looks at."""
    path = program(tmp_path, f'printf "%s\\n" "$@" >{tmp_path}/arguments; cat >{tmp_path}/copy')
    settings = make_settings(virus_quarantine_method=f"pipe:flags=q argv={path} -f ${{sender}} '${{recipient}}' 'a b'")
    mail = make_mail(MESSAGE * 10_000, sender="$(touch x);a@sender.example")
    (copy,) = await keep(settings, mail)
    assert copy == QuarantineCopy(str(path), " ")
    assert (tmp_path / "arguments").read_text() == "-f\n$(touch x);a@sender.example\nvirus-quarantine\na b\n"
    assert (tmp_path / "copy").read_bytes().endswith(MESSAGE * 10_000)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("exit 0 <&-", None),
        ("cat >/dev/null; echo full >&2; exit 75", "ended with status 75: full"),
        ("exit 1", "ended with status 1"),
        ("exec sleep 60", "has not taken the copy within 1 s"),
        ("kill -9 $$", "ended with status -9"),
    ],
)
async def test_program_that_fails(
    make_mail: MakeMail, make_settings: MakeSettings, tmp_path: Path, text: str, complaint: str | None
) -> None:
    """B10.09: by its exit status, by its silence, by its end; one that reads nothing and is content has the copy."""
    limit = 1 if "sleep" in text else 60
    settings = make_settings(virus_quarantine_method=f"pipe:argv={program(tmp_path, text)}", child_timeout=limit)
    if complaint is None:
        await keep(settings, make_mail(MESSAGE * 10_000))
        return
    with pytest.raises(QuarantineError, match=complaint):
        await keep(settings, make_mail(MESSAGE * 10_000))


async def test_program_that_is_not_there(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    settings = make_settings(virus_quarantine_method="pipe:argv=/nonexistent")
    with pytest.raises(QuarantineError, match="cannot start /nonexistent: No such file"):
        await keep(settings, make_mail(MESSAGE))


@pytest.mark.parametrize(
    "method",
    [
        "pipe:",
        "pipe:argv=relative",
        "pipe:argv='/x",
        "bsmtp:one-file",
        "smtp:",
        "smtp:[127.0.0.1]",
        "local:",
        "local:/x",
        "local:x/",
        "local:../x",
        "other:%m",
    ],
)
def test_methods_that_do_not_work(make_settings: MakeSettings, method: str) -> None:
    """B10.01: found by check-config."""
    with pytest.raises(ValueError, match="virus_quarantine_method"):
        make_settings(virus_quarantine_method=method)
