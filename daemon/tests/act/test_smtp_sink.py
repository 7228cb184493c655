"""Against Postfix's own smtp-sink: bulk, kept sessions, and its ways to misbehave (B7, features 13a)."""

import asyncio
import contextlib
import os
import shutil
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from acting import PATIENT, passed

from mailcordon.act.dispatch import Actor
from mailcordon.config.policy import policies_for
from mailcordon.config.settings import Settings
from mailcordon.mail.envelope import Session
from mailcordon.mail.finding import Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import Outcome

MakeMail = Callable[..., Mail]
MakeSettings = Callable[..., Settings]
RECIPIENTS = ["a@example.test", "b@example.test"]
LMTP = Session(protocol="LMTP")


def sink_command() -> str:
    command = shutil.which("smtp-sink", path=f"{os.environ['PATH']}:/usr/sbin")
    assert command, "smtp-sink is missing: apt-get install postfix"
    return command


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def sink(*options: str) -> AsyncIterator[str]:
    """A running smtp-sink; gives its delivery method."""
    port = free_port()
    # As root it demands an account to run as; the dump goes where only root may write.
    account = ("-u", "root") if os.getuid() == 0 else ()
    process = await asyncio.create_subprocess_exec(sink_command(), *account, *options, f"127.0.0.1:{port}", "100")
    try:
        for _ in range(500):
            if await _listens(port):
                break
            await asyncio.sleep(0.02)
        yield f"{'lmtp' if '-L' in options else 'smtp'}:[127.0.0.1]:{port}"
    finally:
        process.terminate()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


def only_file(directory: Path) -> bytes:
    (path,) = (entry for entry in directory.iterdir() if entry.is_file())
    return path.read_bytes()


@contextlib.asynccontextmanager
async def acting(settings: Settings) -> AsyncIterator[Actor]:
    actor = Actor(settings, PATIENT)
    try:
        yield actor
    finally:
        await actor.close()


async def deliver(actor: Actor, settings: Settings, mail: Mail) -> Outcome:
    verdicts = [passed(recipient) for recipient in mail.envelope.recipients]
    return await actor.act(mail, settings, Findings(), verdicts, policies_for(settings, mail.envelope.recipients))


@pytest.mark.parametrize("options", [(), ("-L",), ("-p",), ("-e",)], ids=["smtp", "lmtp", "no-pipelining", "no-esmtp"])
async def test_bulk(make_settings: MakeSettings, make_mail: MakeMail, options: tuple[str, ...]) -> None:
    """200 messages, ten at a time, over at most ten connections; each transaction is on a new or a kept session."""
    async with sink(*options) as method:
        settings = make_settings(forward_method=method)
        async with acting(settings) as actor:
            for _ in range(20):
                mails = [
                    make_mail(b"Subject: x\r\n\r\n.\r\nbody\r\n", recipients=RECIPIENTS, session=LMTP)
                    for _ in range(10)
                ]
                outcomes = await asyncio.gather(*(deliver(actor, settings, mail) for mail in mails))
                assert all(item.reply.ok for outcome in outcomes for item in outcome.recipients)
            counters = actor.counters
            assert counters.transact == 200
            assert counters.new + counters.reuse_recent == 200
            assert counters.new <= 10
            assert counters.reuse_fail == 0


async def test_large_message(make_settings: MakeSettings, make_mail: MakeMail, tmp_path: Path) -> None:
    """3 MB of text with dots and 8-bit octets arrives octet for octet, as smtp-sink's dump shows."""
    line = b".start with a dot, then \xff\xfe 8-bit octets inside\r\n.\r\n"
    octets = b"Subject: large\r\n\r\n" + line * 70_000
    async with sink("-D", str(tmp_path / "dump.%M")) as method:
        settings = make_settings(forward_method=method)
        async with acting(settings) as actor:
            outcome = await deliver(actor, settings, make_mail(octets, session=LMTP))
    assert outcome.reply.ok
    assert len(octets) > 3_000_000
    # smtp-sink writes LF for each line end (and drops every CR, so that there is none but at line ends).
    assert only_file(tmp_path).rstrip(b"\n").endswith(octets.replace(b"\r\n", b"\n").rstrip(b"\n"))


@pytest.mark.parametrize(("options", "reply"), [(("-8",), "550 5.6.3 Conversion to 7BIT required"), ((), "250 2.6.0")])
async def test_8bit_mail(
    make_settings: MakeSettings, make_mail: MakeMail, options: tuple[str, ...], reply: str
) -> None:
    """Contract B7.06; -8 offers no 8BITMIME. Mail of 7-bit octets passes whatever its BODY parameter says."""
    async with sink(*options) as method:
        settings = make_settings(forward_method=method)
        async with acting(settings) as actor:
            for octets, expected in ((b"\r\ncaf\xc3\xa9\r\n", reply), (b"\r\ncafe\r\n", "250 2.6.0")):
                mail = make_mail(octets, session=LMTP)
                mail = replace(mail, envelope=replace(mail.envelope, body_type="8BITMIME"))
                outcome = await deliver(actor, settings, mail)
                assert str(outcome.recipients[0].reply).startswith(expected)
            # The refusal took a session, but no transaction.
            assert actor.counters.transact == (1 if options else 2)


def misbehaviour() -> Iterator[tuple[tuple[str, ...], str]]:
    for command in ("mail", "rcpt", "data", "."):
        yield ("-q", command), "4"
        yield ("-r", command), "4"
        yield ("-f", command), "5"
    for command in ("connect", "ehlo,helo"):
        yield ("-q", command), "4"
        yield ("-r", command), "4"


@pytest.mark.parametrize(("options", "code"), list(misbehaviour()))
async def test_misbehaving_sink(
    make_settings: MakeSettings, make_mail: MakeMail, options: tuple[str, ...], code: str
) -> None:
    """-q hangs up, -r answers 4xx, -f answers 5xx: nothing is reported delivered, only 5xx is for good."""
    async with sink(*options) as method:
        settings = make_settings(forward_method=method)
        async with acting(settings) as actor:
            outcome = await deliver(actor, settings, make_mail(b"x\r\n", recipients=RECIPIENTS, session=LMTP))
    assert [str(item.reply)[0] for item in outcome.recipients] == [code] * 2, outcome.reply
