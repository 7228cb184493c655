"""Mail at which a scanner does not come to an end while it scans other mail: a limit, not a failure (B13.04, B18.07,
features 7.04, 7.10; issue 6: never in a retry loop)."""

import asyncio
import io
import logging
import zipfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from scanning import attached

from mailcordon.check.base import VirusScanner
from mailcordon.check.clamd import ClamdClient
from mailcordon.check.clamd_scanner import ClamdScanner
from mailcordon.check.command_scanner import ARGUMENT_SPACE, CommandScanner
from mailcordon.check.overtaking import FIRST_ANSWER, Overtaking
from mailcordon.check.scan_input import File
from mailcordon.check.virus import VirusCheck
from mailcordon.config.av_scanner import AvScanner
from mailcordon.config.types import SocketAddress
from mailcordon.errors import EndlessScanError, ProtocolError, ScannerError
from mailcordon.mail.category import OVER_LIMITS
from mailcordon.mail.message import Mail
from mailcordon.mail.part import Part
from samples import eicar, plain, with_attachment
from servers import SIGNATURE, Clamd

MakeMail = Callable[..., Mail]
MakeScanner = Callable[..., CommandScanner]

SECONDS = 5.0
"""In which clamd does not come to an end with `bomb`, and in which many trifles are scanned."""


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """A zip with 100,000 members; clamd takes minutes for it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number in range(100_000):
            archive.writestr(str(number), b"")
    return stream.getvalue()


@pytest.fixture(scope="module")
def busy_clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clamd]:
    """One that is killed in the end: it is still at work then."""
    server = Clamd(tmp_path_factory.mktemp("clamd"))
    server.start()
    yield server
    server.kill()


def entry(name: str, *sockets: str) -> AvScanner:
    return AvScanner.model_validate({"name": name, "protocol": "clamd", "socket": list(sockets)})


def check(scanner: VirusScanner, *backup: VirusScanner) -> VirusCheck:
    return VirusCheck([scanner], backup, failure_is_fatal=True)


def is_there(process: str) -> bool:
    return Path("/proc", process).exists()


def root_of(mail: Mail) -> Part:
    return Part("1", 0, mail.header.body_start, mail.size)


async def test_the_mail_is_over_limits(
    busy_clamd: Clamd, bomb: bytes, make_mail: MakeMail, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """By both ways to hand something over. A virus beside the bomb is found, whichever comes first; several servers
    share the time, and none of them is left alone for the next mail; a backup scanner that comes to an end has a say.
    """
    path = tmp_path / "p001"
    path.write_bytes(bomb)
    virus = tmp_path / "p002"
    virus.write_bytes(eicar())
    items = [File(path, attached("1.1", path)), File(virus, attached("1.2", virus))]
    on_unix, on_tcp = (
        ClamdClient("test", address, SECONDS)
        for address in (SocketAddress(path=busy_clamd.path), SocketAddress(host="127.0.0.1", port=busy_clamd.port))
    )
    mail = make_mail(with_attachment(bomb, "x.zip"))
    alone = ClamdScanner(entry("alone", busy_clamd.path), SECONDS)
    shared = ClamdScanner(entry("shared", busy_clamd.path, f"127.0.0.1:{busy_clamd.port}"), 2 * SECONDS)
    with caplog.at_level(logging.INFO):
        beside, streamed, unchecked, twice = await asyncio.gather(
            on_unix.scan(items),
            on_tcp.scan(items),
            check(alone).run(mail, root_of(mail), ()),
            check(shared).run(mail, root_of(mail), ()),
        )
    assert [finding.name for finding in (*beside, *streamed)] == [SIGNATURE] * 2
    assert beside[0].part == items[1].part
    (finding,) = unchecked.found
    reason = f"not done with this mail within {SECONDS:g} s"
    assert (finding.category, finding.name) == (OVER_LIMITS, f"alone: {reason}")
    assert not unchecked.virus_checked
    assert [(finding.category, finding.source) for finding in twice.found] == [(OVER_LIMITS, "shared")]
    assert f"({mail.log_id}) run_av (alone) FAILED - {reason}" in caplog.messages
    assert all(place.rests_until == 0 for place in shared._servers._places)
    for client in (on_unix, on_tcp, alone, shared):
        await client.close()


async def test_a_clamd_that_hangs_is_a_failure(own_clamd: Clamd, make_mail: MakeMail) -> None:
    """Design rule 2: nobody else's mail is scanned either, so this one waits."""
    mail = make_mail(plain())
    scanner = ClamdScanner(entry("test", own_clamd.path), 2)
    await scanner.ping()
    own_clamd.suspend()
    with pytest.raises(ScannerError, match="ALL VIRUS SCANNERS FAILED"):
        await check(scanner).run(mail, root_of(mail), ())
    own_clamd.resume()
    assert (await check(scanner).run(mail, root_of(mail), ())).found == ()
    await scanner.close()


@pytest.fixture
def program(tmp_path: Path) -> MakeScanner:
    """A scanner that is that shell script; `$1` is the directory, `$2` a place for traces."""

    def make(script: str, *arguments: str, seconds: float = SECONDS) -> CommandScanner:
        path = tmp_path / "scanner"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        (tmp_path / "base").mkdir(exist_ok=True)
        words = arguments or ("{}", str(tmp_path))
        values = {"name": "script", "protocol": "command", "command": str(path), "arguments": list(words)}
        rules = {"clean": [0], "infected": [1], "virus_name": "(.*) FOUND", "processes": 1}
        return CommandScanner(
            AvScanner.model_validate({**values, **rules}),
            str(path),
            seconds,
            base=tmp_path / "base",
            environment={"PATH": "/usr/bin:/bin"},
        )

    return make


async def test_a_program_that_does_not_end_with_one_mail(
    program: MakeScanner, make_mail: MakeMail, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The mail is over limits, though no other process may be started for mail meanwhile; nothing is left of any."""
    scanner = program('echo $$ >>"$2/pids"; if grep -q "a bomb" "$1/email.txt"; then sleep 600; fi; exit 0')
    mail = make_mail(plain(b"This is a bomb.\r\n"))
    with caplog.at_level(logging.INFO):
        (finding,) = (await check(scanner).run(mail, root_of(mail), ())).found
    reason = f"not done with this mail within {SECONDS:g} s"
    assert (finding.category, finding.name) == (OVER_LIMITS, f"script: {reason}")
    assert f"({mail.log_id}) run_av (script) FAILED - {reason}" in caplog.messages
    pids = (tmp_path / "pids").read_text().split()
    assert len(pids) == 3
    assert not any(map(is_there, pids))
    assert list((tmp_path / "base").iterdir()) == []


@pytest.mark.parametrize(
    "script",
    [
        "sleep 600",
        'if [ -e "$2/again" ]; then exit 2; fi; touch "$2/again"; sleep 600',
        'if [ -e "$2/again" ]; then echo Evil FOUND; exit 1; fi; touch "$2/again"; sleep 600',
    ],
    ids=["it hangs", "others fail", "it finds something anywhere"],
)
async def test_a_program_that_hangs_is_a_failure(
    script: str, program: MakeScanner, make_mail: MakeMail, tmp_path: Path
) -> None:
    """Design rule 2: as with clamd."""
    mail = make_mail(plain())
    with pytest.raises(ScannerError, match="ALL VIRUS SCANNERS FAILED"):
        await check(program(script, seconds=1)).run(mail, root_of(mail), ())
    assert list((tmp_path / "base").iterdir()) == []


async def test_a_virus_in_another_run_counts(program: MakeScanner, make_mail: MakeMail, tmp_path: Path) -> None:
    """B14.03: any infected, infected; also when the next run does not end."""
    mark = tmp_path / "again"
    scanner = program(
        f'if [ -e "{mark}" ]; then sleep 600; fi; touch "{mark}"; echo Evil FOUND; exit 1', "{}/*", seconds=3
    )
    mail = make_mail(plain())
    root = root_of(mail)
    for number in range(ARGUMENT_SPACE // len(str(tmp_path))):
        path = tmp_path / f"part{number}"
        path.touch()
        root.children.append(attached(f"1.{number}", path))
    assert [finding.name for finding in (await check(scanner).run(mail, root, ())).found] == ["Evil"]


async def test_another_scanner_that_comes_to_an_end_decides(clamd: Clamd, make_mail: MakeMail) -> None:
    mail = make_mail(plain(eicar()))
    backup = ClamdScanner(entry("backup", clamd.path), 20)
    findings = await check(_Endless(), backup).run(mail, root_of(mail), ())
    assert [finding.source for finding in findings.found] == ["backup"]
    await backup.close()


async def test_each_scanner_has_a_share_of_what_remains(make_mail: MakeMail) -> None:
    """B18.07, features 7.04: so the mail is judged in its time, whatever was before the scan; a bit is always left."""
    mail = make_mail(plain())
    for spent, share in ((0, 60), (50, 30), (99, 6), (200, 6)):
        late = replace(mail, received_at=mail.received_at - timedelta(seconds=spent))
        first, second = _Endless(), _Endless()
        endless = VirusCheck([first], [second], failure_is_fatal=True, message_seconds=100)
        assert len((await endless.run(late, root_of(late), ())).found) == 2
        assert [*first.shares, *second.shares] == pytest.approx([share, share], abs=5)


class _Endless(ClamdScanner):
    """In place of one that has just been at a bomb for its whole time."""

    def __init__(self) -> None:
        super().__init__(entry("endless", "/nonexistent"), 1)
        self.shares: list[float] = []

    async def scan(self, _: object, seconds: float = 0) -> tuple[()]:
        self.shares.append(seconds)
        raise EndlessScanError("not done")


# What is taken for a proof


async def watched(*answers: Callable[[], Awaitable[None]], seconds: float = 0.2) -> bool:
    """Whether trifles that are answered in this way prove anything."""
    waiting = iter(answers)
    async with Overtaking(lambda: next(waiting)(), seconds) as overtaking:
        await asyncio.sleep(1.5 * seconds)
    return overtaking.happened


async def at_once() -> None:
    pass


async def never() -> None:
    await asyncio.Event().wait()


async def fails() -> None:
    raise ProtocolError("closed")


async def is_refused() -> None:
    raise ConnectionRefusedError


async def test_both_trifles_must_be_scanned() -> None:
    """One before half of the time is over, so that the mail had the other half; and one at the end: it is alive."""
    assert await watched(at_once, at_once, seconds=1)
    for answers in ((never,), (fails,), (is_refused,), (at_once, never), (at_once, fails), (at_once, is_refused)):
        assert not await watched(*answers)


async def test_a_late_first_answer_proves_nothing() -> None:
    """All mail may have waited until then, for new signatures to be loaded for instance."""

    async def late() -> None:
        await asyncio.sleep(FIRST_ANSWER * 0.2)

    assert not await watched(late, at_once)


async def test_a_quick_scan_asks_for_no_trifle() -> None:
    asked = False

    async def ask() -> None:
        nonlocal asked
        asked = True

    async with Overtaking(ask, 0.01):
        pass
    await asyncio.sleep(0.05)
    assert not asked
