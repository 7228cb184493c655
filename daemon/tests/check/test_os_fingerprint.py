"""Asking p0f about clients (B16.10, features 15.07, 15.08, 18.16): real programs, and programs that are not there."""

import asyncio
import logging
import socket
import subprocess
import sys
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import pytest
import uvloop
from checking import inputs

from fingerprinting import P0f, Seen
from mailcordon.check.os_fingerprint import Fingerprints
from mailcordon.check.p0f_socket import P0fSocket
from mailcordon.check.registry import Checks
from mailcordon.config.settings import Settings
from mailcordon.mail.envelope import Client, Session
from mailcordon.mail.message import Mail
from mailcordon.mail.timing import Timing
from samples import plain
from servers import Clamd, Spamd

MakeSettings = Callable[..., Settings]
MakeMail = Callable[..., Mail]
PATIENCE = 30.0
"""Seconds; what an answer takes on a busy machine is not what these tests are about."""


def session(address: str | None = "192.0.2.7", port: int | None = 4711, **more: object) -> Session:
    return Session(**{"peer_addr": "127.0.0.1", "client": Client(addr=address, port=port), **more})  # type: ignore[arg-type]


async def asked(settings: Settings, mail: Mail, seconds: float = PATIENCE) -> str | None:
    """The answer of whom the settings name."""
    task = Fingerprints(timeout_seconds=seconds).ask(mail, settings)
    assert task is not None
    return await task


async def test_analyzer(p0f: P0f, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """Contract B16.10, features 15.07: clients behind one address, each with its own result by its port."""
    near, far = p0f.connect("127.77.0.1"), p0f.connect("127.77.0.1", ttl=57)
    for host in ("127.0.0.1", "localhost", "*"):
        settings = make_settings(os_fingerprint_method=f"p0f:{host}:{p0f.analyzer_port}")
        first, second = [
            await asked(settings, make_mail(plain(), session=session(seen.address, seen.port))) for seen in (near, far)
        ]
        assert first is not None
        assert second is not None
        assert (first.split()[0], second.split()[0]) == ("Linux", "Linux")
        assert "; dist: 0;" in first
        assert "; dist: 7;" in second


async def test_analyzer_that_does_not_know_the_client(
    p0f: P0f, make_settings: MakeSettings, make_mail: MakeMail, caplog: pytest.LogCaptureFixture
) -> None:
    """It answers with nothing, which is no failure; so it does without a port, by which it looks."""
    settings = make_settings(os_fingerprint_method=f"p0f:127.0.0.1:{p0f.analyzer_port}")
    seen = p0f.connect("127.77.0.2")
    for client in (session("127.77.0.3"), session(seen.address, None), session("2001:db8::1")):
        assert await asked(settings, make_mail(plain(), session=client)) is None
    assert not caplog.records


@pytest.mark.parametrize("spelling", ["127.77.0.4", "::ffff:127.77.0.4"])
async def test_socket_of_version_3(p0f: P0f, make_settings: MakeSettings, make_mail: MakeMail, spelling: str) -> None:
    """Features 15.08, 18.16: by address, also of an IPv4 client on an IPv6 socket; in the analyzer's words."""
    seen = p0f.connect("127.77.0.4")
    settings = make_settings(os_fingerprint_method=f"p0f:{p0f.path}")
    text = await asked(settings, make_mail(plain(), session=session(spelling, seen.port)))
    assert text is not None
    assert text.startswith("Linux ")
    assert "; dist: 0" in text
    assert "; params: " in text
    for unknown in ("127.77.0.5", "2001:db8::1"):
        assert await asked(settings, make_mail(plain(), session=session(unknown))) is None


async def test_many_questions_at_a_time(p0f: P0f, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """More than p0f serves at a time; each gets an answer, and all the same."""
    seen = p0f.connect("127.77.0.6")
    mail = make_mail(plain(), session=session(seen.address, seen.port))
    fingerprints = Fingerprints(timeout_seconds=PATIENCE)
    for method in (f"p0f:{p0f.path}", f"p0f:127.0.0.1:{p0f.analyzer_port}"):
        settings = make_settings(os_fingerprint_method=method)
        tasks = [fingerprints.ask(mail, settings) for _ in range(60)]
        answers = await asyncio.gather(*(task for task in tasks if task))
        assert len(answers) == 60
        (text,) = set(answers)
        assert text is not None
        assert text.startswith("Linux ")


def test_on_uvloop(p0f: P0f, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """Workers run on it; also with nobody there."""
    seen = p0f.connect("127.77.0.7")
    mail = make_mail(plain(), session=session(seen.address, seen.port))
    methods = [f"p0f:{p0f.path}", f"p0f:localhost:{p0f.analyzer_port}", "p0f:127.0.0.1:1", "p0f:/nowhere"]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        texts = [runner.run(asked(make_settings(os_fingerprint_method=method), mail)) for method in methods]
    assert [text and text.split()[0] for text in texts] == ["Linux", "Linux", None, None]


@pytest.mark.parametrize(
    "client",
    [
        session(None),
        session("0.0.0.0"),
        session("::"),
        session("unknown"),
        session(originating=True),
        session(peer_addr=None),
    ],
    ids=["not told", "unspecified", "unspecified v6", "no address", "our own side", "no host that brought it"],
)
async def test_nobody_is_asked(make_settings: MakeSettings, make_mail: MakeMail, client: Session) -> None:
    """Contract B16.10: without an address, for mail from our own side, and where there is nobody to ask."""
    settings = make_settings(os_fingerprint_method="p0f:*:2345")
    assert Fingerprints(timeout_seconds=1).ask(make_mail(plain(), session=client), settings) is None


async def test_nobody_is_asked_without_a_method(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    settings = make_settings()
    assert not settings.asks_for_fingerprints
    assert Fingerprints(timeout_seconds=1).ask(make_mail(plain(), session=session()), settings) is None


def test_a_bank_alone_asks(make_settings: MakeSettings) -> None:
    """Contract B4.07: the method is a member of policy banks."""
    settings = make_settings(policy_bank={"MX": {"os_fingerprint_method": "p0f:127.0.0.1:2345"}})
    assert settings.asks_for_fingerprints
    off = make_settings(policy_bank={"MX": {"os_fingerprint_method": ""}})
    assert not off.asks_for_fingerprints


async def test_complaints(
    make_settings: MakeSettings, make_mail: MakeMail, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A p0f that is down costs the mail nothing but the fingerprint, and the log one warning a minute."""
    mail = make_mail(plain(), session=session())
    fingerprints = Fingerprints(timeout_seconds=PATIENCE)
    caplog.set_level(logging.WARNING)
    for method in ("p0f:127.0.0.1:1", f"p0f:{tmp_path}/nobody", "p0f:127.0.0.1:1"):
        task = fingerprints.ask(mail, make_settings(os_fingerprint_method=method))
        assert task is not None
        assert await task is None
    (record,) = caplog.records
    assert record.getMessage() == "(04711-01) os_fingerprint: p0f:127.0.0.1:1 FAILED - Connection refused"


async def test_silence(make_mail: MakeMail, make_settings: MakeSettings, caplog: pytest.LogCaptureFixture) -> None:
    """Contract B16.10: a wait that ends; then the mail goes on without, and what comes later is nobody's."""
    mail = make_mail(plain(), session=session())
    object.__setattr__(mail, "timing", timing := Timing())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        settings = make_settings(os_fingerprint_method=f"p0f:127.0.0.1:{silent.getsockname()[1]}")
        assert settings.os_fingerprint_timeout == 0.05
        assert await asked(settings, mail, 0.05) is None
    assert "no answer within 0.05 s" in caplog.text
    assert sections(timing) == ["os_fingerprint"]


async def test_socket_that_hangs(tmp_path: Path, make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """Nobody accepts; questions that wait for their turn end in time, too, and leave no connection behind."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen(1)
        settings = make_settings(os_fingerprint_method=f"p0f:{tmp_path}/socket")
        fingerprints = Fingerprints(timeout_seconds=0.05)
        mail = make_mail(plain(), session=session())
        tasks = [fingerprints.ask(mail, settings) for _ in range(10)]
        assert await asyncio.gather(*(task for task in tasks if task)) == [None] * 10


async def test_cancelled_question(tmp_path: Path, p0f: P0f) -> None:
    """A mail whose checks have failed gives up its question, and the next one has its turn."""
    seen: Seen = p0f.connect("127.77.0.8")
    server = P0fSocket(p0f.path)
    first = asyncio.create_task(server.ask(ip_address(seen.address)))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert (await server.ask(ip_address(seen.address))).startswith("Linux ")


async def test_only_the_spam_check_waits(
    clamd: Clamd, exact_spamd: Spamd, make_settings: MakeSettings, make_mail: MakeMail
) -> None:
    """Contract B16.10: asked beside other checks; here the answer comes when the virus check is done."""
    settings = make_settings(
        bypass_virus_checks=False,
        bypass_spam_checks=False,
        av_scanners=[{"name": "clamd", "protocol": "clamd", "socket": clamd.path}],
        spam_scanners=[{"name": "sa", "protocol": "spamd", "socket": exact_spamd.path}],
    )
    mail = make_mail(plain())
    timing = Timing()
    object.__setattr__(mail, "timing", timing)

    async def after_viruses() -> str | None:
        while "virus" not in sections(timing):  # noqa: ASYNC110 - nobody sets an event for it
            await asyncio.sleep(0.01)
        assert "spam" not in sections(timing)
        return "Linux"

    checks = Checks(settings)
    async with asyncio.timeout(PATIENCE):
        found = await checks.run(*inputs(mail, settings), asyncio.create_task(after_viruses()))
    await checks.close()
    assert found.os_fingerprint == "Linux"
    assert found.virus_checked
    assert found.spam is not None
    assert "spam" in sections(timing)


def sections(timing: Timing) -> list[str]:
    return [name for name, _, _ in timing.sections]


def test_costs_nothing_where_nobody_is_asked() -> None:
    """A worker that asks nobody has not even loaded what would."""
    names = ("mailcordon.check.os_fingerprint", "mailcordon.check.p0f_socket")
    code = f"import sys, mailcordon.run.worker; sys.exit(not sys.modules.keys().isdisjoint({names}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
