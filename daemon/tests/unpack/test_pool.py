"""Decoder processes that come to a bad end, or were taken over: the message gets a finding, the pool goes on."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from unpacking import PUPPETS, MakeMail, MakeSettings, is_empty, let_puppets_be_found, puppet, through, unpacker

from mailcordon.config.settings import Settings
from mailcordon.errors import UnpackError
from mailcordon.unpack import quota
from mailcordon.unpack.unpacker import Unpacker
from processes import children

WELL = puppet("members 2")


@pytest.fixture(autouse=True)
def _puppets(monkeypatch: pytest.MonkeyPatch) -> None:
    let_puppets_be_found(monkeypatch)


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that another process does."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - nobody sets an event for it
            await asyncio.sleep(0.01)


def state(process: int) -> str:
    """One letter, Z for ended; empty when it is gone."""
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2]
    except FileNotFoundError:
        return ""


def runs(mark: str) -> bool:
    """Whether a program runs with that mark in its command line."""
    return bool(subprocess.run(["pgrep", "-f", mark], check=False, capture_output=True).stdout)


def decoder_processes(unpacking: Unpacker) -> list[int]:
    """Those that wait for a job."""
    return [process.pid for process in unpacking._pool._idle]


async def does_well(unpacking: Unpacker, make_mail: MakeMail, settings: Settings) -> None:
    """The next message is opened as if nothing had been."""
    result = await through(unpacking, make_mail(WELL), settings)
    assert result.names == ["puppet.bin", "m0", "m1", "members"]
    assert result.problems == []


@pytest.mark.parametrize(
    ("command", "how"),
    [
        ("die 9", "ended by SIGKILL"),
        ("die 31", "ended by SIGSYS"),
        ("crash", "ended by SIGSEGV"),
    ],
)
async def test_crash(make_settings: MakeSettings, make_mail: MakeMail, command: str, how: str) -> None:
    """Features 7.10: what was told before counts, the message is UNCHECKED, and the next one is opened."""
    settings = make_settings()
    async with unpacker(settings, PUPPETS) as unpacking:
        await does_well(unpacking, make_mail, settings)
        before = decoder_processes(unpacking)
        found = await through(unpacking, make_mail(puppet("members 3", command)), settings)
        assert found.problems == [f"Unchecked: decoder process {how}"]
        assert found.types("puppet.bin") == ("dat",)
        assert [part.names for part in [finding.part for finding in found.unpacked.findings] if part] == [
            ("puppet.bin",)
        ]
        assert decoder_processes(unpacking) == before
        await does_well(unpacking, make_mail, settings)
    assert is_empty(settings.TEMPBASE)


async def test_any_exception_is_contained(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """What the decoder raises is told by its kind alone: its text may be the sender's."""
    settings = make_settings()
    async with unpacker(settings, PUPPETS) as unpacking:
        found = await through(unpacking, make_mail(puppet("members 1", "fail")), settings)
        assert found.problems == ["Unchecked: decoder puppet failed: RecursionError"]
        assert found.names == ["puppet.bin", "m0", "members"]


async def test_memory(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """Features 7.10: more than `decoder_memory_limit` is not to be had."""
    settings = make_settings(decoder_memory_limit=256 * 1024 * 1024)
    async with unpacker(settings, PUPPETS) as unpacking:
        found = await through(unpacking, make_mail(puppet("eat")), settings)
        assert found.problems == ["UncheckedOverLimits: Exceeded memory limit 268435456 bytes"]
        await does_well(unpacking, make_mail, settings)


@pytest.mark.parametrize("command", ["hang", "spin"])
async def test_hang(
    make_settings: MakeSettings, make_mail: MakeMail, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Features 7.10: ended when the time for the message is up, with everything that it has started."""
    monkeypatch.setattr(quota, "SHARE", 1 / 480)
    settings = make_settings()
    mark = f"mark-{os.getpid()}-{command}"
    async with unpacker(settings, PUPPETS) as unpacking:
        found = await through(unpacking, make_mail(puppet(f"leave {mark}", command)), settings)
        assert found.problems == ["UncheckedOverLimits: Exceeded time limit of 1 s for unpacking"]
        await until(lambda: not runs(mark))  # what is killed may take a moment to be gone
        monkeypatch.setattr(quota, "SHARE", 0.15)
        await does_well(unpacking, make_mail, settings)


async def test_nothing_outlives_a_job(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """Not even what a decoder has left running when it came to its end."""
    settings = make_settings()
    mark = f"mark-{os.getpid()}-left"
    async with unpacker(settings, PUPPETS) as unpacking:
        found = await through(unpacking, make_mail(puppet(f"leave {mark}")), settings)
        assert found.contents == {"leave": "left"}
        await until(lambda: not runs(mark))  # what is killed may take a moment to be gone


async def test_the_process_itself_is_killed(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """By the kernel for want of memory, say: in the middle of a job, and while it waits for one."""
    settings = make_settings()
    async with unpacker(settings, PUPPETS) as unpacking:
        await does_well(unpacking, make_mail, settings)
        (template,) = decoder_processes(unpacking)
        working = asyncio.create_task(through(unpacking, make_mail(puppet("members 1", "hang")), settings))
        await until(lambda: list(settings.TEMPBASE.glob("unpack-*/p002")))
        # By then its child has told something; asleep again, it has passed that on.
        await until(lambda: state(template) == "S")
        os.kill(template, signal.SIGKILL)
        found = await working
        assert found.problems == ["Unchecked: decoder process ended unexpectedly"]
        await does_well(unpacking, make_mail, settings)
        (template,) = decoder_processes(unpacking)
        os.kill(template, signal.SIGKILL)
        await until(lambda: state(template) == "Z")
        await does_well(unpacking, make_mail, settings)


async def test_done_anew(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """A process that is killed before anything was told leaves nothing that the next one stumbles over."""
    settings = make_settings()
    async with unpacker(settings, PUPPETS) as unpacking:
        await does_well(unpacking, make_mail, settings)
        (template,) = decoder_processes(unpacking)
        os.kill(template, signal.SIGSTOP)
        working = asyncio.create_task(through(unpacking, make_mail(puppet("members 1")), settings))
        await until(lambda: list(settings.TEMPBASE.glob("unpack-*/p001")))
        (directory,) = settings.TEMPBASE.glob("unpack-*")
        (directory / "p002").write_text("half of a member")
        (directory / "scratch").mkdir()
        os.kill(template, signal.SIGKILL)
        found = await working
        assert (found.problems, found.names) == ([], ["puppet.bin", "m0", "members"])


async def test_taken_over(make_settings: MakeSettings, make_mail: MakeMail, tmp_path: Path) -> None:
    """What it writes in the name of its decoder process counts as its own words; the next message is not touched."""
    settings = make_settings()
    secret = tmp_path / "secret"
    secret.write_text("secret")
    async with unpacker(settings, PUPPETS) as unpacking:
        found = await through(unpacking, make_mail(puppet(f"link {secret}")), settings)
        assert found.contents == {}
        assert found.problems == [
            "Unchecked: its type cannot be told: PermissionError",
            "Unchecked: a decoder process told of a member that cannot be",
        ]
        for line in ("no json", '["member", "1.2.1", "x", 1, "../../secret", "", ""]', '["looked", "1", [1], "", ""]'):
            found = await through(unpacking, make_mail(puppet(f"shout {line}")), settings)
            assert found.problems[0].startswith("Unchecked: decoder process failed: a decoder process wrote what")
            await does_well(unpacking, make_mail, settings)
    assert secret.read_text() == "secret"


async def test_flood(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """More records than any honest process writes are not kept in memory."""
    settings = make_settings(MAXFILES=10)
    async with unpacker(settings, PUPPETS) as unpacking:
        found = await through(unpacking, make_mail(puppet("flood")), settings)
        assert found.problems == ["Unchecked: decoder process failed: a decoder process tells too much"]
        await does_well(unpacking, make_mail, settings)


async def test_given_up(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """A message whose time is up is given up with its decoder process, and leaves no files."""
    settings = make_settings()
    async with unpacker(settings, PUPPETS) as unpacking:
        await does_well(unpacking, make_mail, settings)
        (template,) = decoder_processes(unpacking)
        working = asyncio.create_task(through(unpacking, make_mail(puppet("hang")), settings))
        await until(lambda: children(template))
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert state(template) == ""
        assert is_empty(settings.TEMPBASE)
        await does_well(unpacking, make_mail, settings)


async def test_many_messages_share_few_processes(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """`max_decoders` is the most there are; all messages are opened."""
    settings = make_settings(max_decoders=2)
    async with unpacker(settings, PUPPETS) as unpacking:
        results = await asyncio.gather(*(through(unpacking, make_mail(WELL), settings) for _ in range(6)))
        assert [len(result.names) for result in results] == [4] * 6
        assert len(decoder_processes(unpacking)) == 2


async def test_all_busy(make_settings: MakeSettings, make_mail: MakeMail, monkeypatch: pytest.MonkeyPatch) -> None:
    """Design rule 2: when no process is free in time the mail is tried again later, it does not pass unopened."""
    settings = make_settings()
    async with unpacker(settings, PUPPETS) as unpacking:
        hanging = asyncio.create_task(through(unpacking, make_mail(puppet("hang")), settings))
        await until(unpacking._pool._free.locked)
        monkeypatch.setattr(quota, "SHARE", 0.1 / 480)
        monkeypatch.setattr("mailcordon.unpack.unpacker.OVERTIME", 0.1)
        with pytest.raises(UnpackError, match="no decoder process was free for"):
            await through(unpacking, make_mail(WELL), settings)
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
    assert is_empty(settings.TEMPBASE)


async def test_two_bombs_at_once(
    make_settings: MakeSettings, make_mail: MakeMail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B13.04, features 7.10: the one that has to wait has its own try, and comes to the same end."""
    monkeypatch.setattr(quota, "SHARE", 1 / 480)
    settings = make_settings()
    async with unpacker(settings, PUPPETS) as unpacking:
        bombs = (through(unpacking, make_mail(puppet("members 1", command)), settings) for command in ("spin", "hang"))
        for found in await asyncio.gather(*bombs):
            assert found.problems == ["UncheckedOverLimits: Exceeded time limit of 1 s for unpacking"]
    assert is_empty(settings.TEMPBASE)


async def test_none_starts(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """Design rule 2: the mail waits; text needs no decoder process and passes."""
    settings = make_settings()
    async with unpacker(settings, "puppet_decoders:none") as unpacking:
        with pytest.raises(UnpackError, match="does not come up"):
            await through(unpacking, make_mail(WELL), settings)
        await through(unpacking, make_mail(b"From: a@b.test\r\n\r\nhello\r\n"), settings)
        await unpacking.discover()
    assert is_empty(settings.TEMPBASE)


async def test_text_starts_no_process(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """A host that gets nothing but text never pays."""
    settings = make_settings()
    async with unpacker(settings, PUPPETS) as unpacking:
        found = await through(unpacking, make_mail(b"From: a@b.test\r\n\r\nhello\r\n"), settings)
        assert found.root.short_types == ("asc",)
        assert decoder_processes(unpacking) == []


async def test_end_of_the_worker(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """Contract B18.04: nothing is left, whether it says so or is killed, which closes its end of the socket."""
    settings = make_settings()
    async with unpacker(settings, PUPPETS) as unpacking:
        await does_well(unpacking, make_mail, settings)
        (template,) = decoder_processes(unpacking)
    assert state(template) == ""
