"""Scanners that are programs: clamscan, and scripts (B14.01, B14.03; features 5.06, 5.07, 7.03, 7.04)."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop
from scanning import attached

from mailcordon.check.command_scanner import ARGUMENT_SPACE, UNKNOWN, CommandScanner
from mailcordon.check.scan_directory import MESSAGE, ScanDirectory, remove_leftovers
from mailcordon.check.scan_input import ScanInput
from mailcordon.config import load
from mailcordon.config.av_scanner import AvScanner
from mailcordon.errors import ScannerError
from mailcordon.mail.category import UNCHECKED_ENCRYPTED, Category, Major
from mailcordon.mail.message import Mail
from mailcordon.mail.part import Part
from samples import eicar, eicar_twin, plain
from servers import SIGNATURE, installed

MakeMail = Callable[..., Mail]
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
RULES = {"arguments": "{}", "clean": [0], "infected": [1], "virus_name": r"^(\S+) FOUND$"}


class Bench:
    """Makes scanners of scripts, and scans with them."""

    def __init__(self, directory: Path, make_mail: MakeMail) -> None:
        self.directory = directory
        self.base = directory / "tmp"
        self.base.mkdir()
        self.log = directory / "log"
        self.program = directory / "scanner"
        self._make_mail = make_mail

    def scanner(
        self, script: str, timeout_seconds: float = 60, *, stops: bool = False, **entry: object
    ) -> CommandScanner:
        """One whose program is that shell script; `$LOG` is a file outside its directory."""
        self.program.write_text(f"#!/bin/sh\nLOG={self.log}\n{script}\n")
        self.program.chmod(0o755)
        rules = {"name": "test", "protocol": "command", "command": str(self.program), **RULES, **entry}
        return CommandScanner(
            AvScanner.model_validate(rules),
            str(self.program),
            timeout_seconds,
            base=self.base,
            environment=ENVIRONMENT,
            first_infected_stops=stops,
        )

    async def names(self, scanner: CommandScanner, message: bytes = b"", *, files: int = 0) -> list[str]:
        """What it finds in a message with so many attachments."""
        with self.subject(message, files=files) as subject:
            return [finding.name for finding in await scanner.scan(subject)]

    def subject(self, message: bytes = b"", *, files: int = 0) -> ScanInput:
        """A message, with so many attachments in files; the last one is infected."""
        mail = self._make_mail(message or plain())
        root = Part("1", 0, mail.header.body_start, mail.size, content_type="multipart/mixed")
        for number in range(1, files + 1):
            path = self.directory / f"part{number}"
            path.write_bytes(eicar() if number == files else b"harmless")
            root.children.append(attached(f"1.{number}", path))
        return ScanInput(mail, root)


@pytest.fixture
def bench(tmp_path: Path, make_mail: MakeMail) -> Bench:
    return Bench(tmp_path, make_mail)


# Results


@pytest.mark.parametrize(
    ("script", "rules", "found"),
    [
        ("exit 0", {}, []),
        ("echo Evil FOUND; exit 1", {}, ["Evil"]),
        ("exit 1", {}, [UNKNOWN]),
        ("echo Evil; exit 1", {"virus_name": ""}, [UNKNOWN]),
        ("echo one FOUND; echo nothing; echo two FOUND; echo one FOUND; exit 1", {}, ["one", "two"]),
        ("echo Evil FOUND >&2; exit 1", {}, ["Evil"]),
        ("exit 3", {"clean": [0, 3]}, []),
        ("echo 'p001: infected with Evil'; exit 0", {"infected": "infected", "virus_name": "with (.+)"}, ["Evil"]),
        ("echo all is well; exit 7", {"clean": "all is well"}, []),
        ("printf 'a\\001\\200b FOUND\\n'; exit 1", {}, ["a??b"]),
        ("echo Heuristics.Encrypted.Zip FOUND; exit 1", {}, ["Heuristics.Encrypted.Zip"]),
    ],
)
async def test_result(bench: Bench, script: str, rules: dict[str, Any], found: list[str]) -> None:
    """B14.01: by exit status or by output; infected goes before clean."""
    assert await bench.names(bench.scanner(script, **rules)) == found


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo broken database; exit 2", "unexpected exit status 2, output: 'broken database'"),
        ("kill -9 $$", "unexpected killed by signal 9, output: ''"),
        ("kill -9 $$; exit 0", "unexpected killed by signal 9, output: ''"),
        ("exit 127", "unexpected exit status 127, output: ''"),
        ("yes | head -c 1000000; exit 0", "printed too much to be understood"),
    ],
)
async def test_what_is_neither_infected_nor_clean_is_a_failure(bench: Bench, script: str, reason: str) -> None:
    """Design rule 2."""
    scanner = bench.scanner(script)
    with pytest.raises(ScannerError) as failure:
        await bench.names(scanner)
    assert str(failure.value) == f"{scanner.address}: {reason}"
    assert list(bench.base.iterdir()) == []


async def test_what_is_no_virus_is_unchecked(bench: Bench) -> None:
    """Features 2.75: as with clamd."""
    scanner = bench.scanner("echo Heuristics.Encrypted.Zip FOUND; exit 1")
    with bench.subject() as subject:
        (finding,) = await scanner.scan(subject)
    assert finding.category == Category(Major.UNCHECKED, UNCHECKED_ENCRYPTED)


async def test_vanished_program(bench: Bench) -> None:
    scanner = bench.scanner("exit 0")
    await scanner.ping()
    bench.program.unlink()
    with pytest.raises(ScannerError, match=r"scanner: cannot be started any more$"):
        await scanner.ping()
    with pytest.raises(ScannerError, match=r"cannot be started: No such file or directory$"):
        await bench.names(scanner)


# What the program gets


async def test_directory_with_message_and_parts(bench: Bench) -> None:
    """B13.06, B14.01: names of our own, however parts are called; the message is a copy."""
    script = 'cd "$1"; for f in *; do echo "$f=$(head -c 8 $f)" >>$LOG; done'
    assert await bench.names(bench.scanner(script), files=2) == []
    start = eicar()[:8].decode()
    assert bench.log.read_text().splitlines() == [f"{MESSAGE}=From: Al", "p001=harmless", f"p002={start}"]
    assert list(bench.base.iterdir()) == []


async def test_scope(bench: Bench) -> None:
    script = 'ls "$1" >>$LOG'
    await bench.names(bench.scanner(script, scan="mail"), files=2)
    assert bench.log.read_text().split() == [MESSAGE]


async def test_the_program_cannot_change_the_mail(bench: Bench) -> None:
    scanner = bench.scanner('echo changed >"$1"/email.txt; rm -r "$1"; exit 0')
    with bench.subject() as subject:
        before = bytes(subject.mail.content.view())
        assert await scanner.scan(subject) == ()
        assert bytes(subject.mail.content.view()) == before


async def test_environment(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Features 5.06: PATH as configured, variables of the entry, and nothing of the daemon's own."""
    monkeypatch.setenv("SECRET", "x")
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:/nowhere")
    await bench.names(bench.scanner("/usr/bin/env >$LOG", environment={"LICENSE": "/etc/key"}))
    variables = dict(line.split("=", 1) for line in bench.log.read_text().splitlines())
    assert variables.pop("TMPDIR") == variables.pop("HOME")
    of_the_shell = {"PWD", "OLDPWD", "SHLVL", "_"}
    assert {name: value for name, value in variables.items() if name not in of_the_shell} == {
        **ENVIRONMENT,
        "LICENSE": "/etc/key",
    }


async def test_no_shell_and_confined(bench: Bench) -> None:
    """Words are words; what is set cannot be taken back."""
    script = 'echo "$1" >$LOG; grep NoNewPrivs /proc/self/status >>$LOG; ulimit -Hc >>$LOG; ulimit -Ht >>$LOG; exit 0'
    await bench.names(bench.scanner(script, arguments=["$(id);{}", "x"]))
    word, privileges, core, seconds = bench.log.read_text().splitlines()
    assert word.startswith("$(id);/")
    assert privileges.split() == ["NoNewPrivs:", "1"]
    assert core == "0"
    assert 60 <= int(seconds) <= 60 * (os.cpu_count() or 1) + 1


# Argument space


@pytest.mark.parametrize(("arguments", "parts", "runs"), [("{}/*", 500, 5), ("*", 2000, 3), ("{}", 2000, 1)])
async def test_thousands_of_parts(bench: Bench, arguments: str, parts: int, runs: int) -> None:
    """Features 7.03: the program runs more than once, every part is scanned, and a hit in the last run counts."""
    script = (
        'echo "$#:$(printf "%s " "$@" | wc -c)" >>$LOG\n'
        '[ -d "$1" ] && cd "$1" && set -- *\n'
        'grep -q STANDARD-ANTIVIRUS "$@" && echo Eicar FOUND && exit 1; exit 0'
    )
    assert await bench.names(bench.scanner(script, arguments=arguments), files=parts) == ["Eicar"]
    calls = [tuple(map(int, line.split(":"))) for line in bench.log.read_text().splitlines()]
    assert len(calls) >= runs
    assert all(octets <= ARGUMENT_SPACE for _, octets in calls)
    if arguments != "{}":
        assert sum(number for number, _ in calls) == parts + 1


@pytest.mark.parametrize(
    ("last", "others", "expected"),
    [
        ("exit 1", "exit 0", [UNKNOWN]),
        ("exit 0", "exit 0", []),
        ("exit 1", "exit 2", [UNKNOWN]),
        ("exit 2", "exit 0", None),
    ],
)
async def test_runs_are_merged(bench: Bench, last: str, others: str, expected: list[str] | None) -> None:
    """B14.03: any infected: infected; any error: error; all clean: clean."""
    scanner = bench.scanner(f'for f in "$@"; do [ "$f" = p1000 ] && {last}; done; {others}', arguments="*")
    if expected is None:
        with pytest.raises(ScannerError):
            await bench.names(scanner, files=1000)
    else:
        assert await bench.names(scanner, files=1000) == expected


async def test_first_infected_run_may_be_the_last(bench: Bench) -> None:
    scanner = bench.scanner("echo run >>$LOG; exit 1", arguments="*", stops=True)
    assert await bench.names(scanner, files=2000) == [UNKNOWN]
    assert bench.log.read_text() == "run\n"


# Time


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - it is about other processes
            await asyncio.sleep(0.01)


async def test_too_slow(bench: Bench) -> None:
    """B18.07: it is killed with everything it has started."""
    scanner = bench.scanner("sleep 600 & echo $! $$ >$LOG.new; mv $LOG.new $LOG; wait", 2)
    with pytest.raises(ScannerError, match=r"scanner: no answer within 2 s$"):
        await bench.names(scanner)
    for pid in map(int, bench.log.read_text().split()):
        await until(lambda pid=pid: not is_alive(pid))  # type: ignore[misc]
    assert list(bench.base.iterdir()) == []


async def test_cancelled(bench: Bench) -> None:
    """The client is gone, or the message out of time: nothing stays behind."""
    scanner = bench.scanner("echo $$ >$LOG.new; mv $LOG.new $LOG; sleep 600")
    task = asyncio.create_task(bench.names(scanner))
    await until(bench.log.exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not is_alive(int(bench.log.read_text())))
    assert list(bench.base.iterdir()) == []


async def test_waiting_for_its_turn_does_not_count(bench: Bench) -> None:
    """Features 7.04: a quick scan never raises a time-out, whatever time was spent before."""
    scanner = bench.scanner("sleep 1; exit 0", 2.5, processes=1)
    assert await asyncio.gather(*(bench.names(scanner) for _ in range(3))) == [[]] * 3


async def test_processes_at_a_time(bench: Bench) -> None:
    script = "mkdir $LOG.lock || exit 2; sleep 0.1; rmdir $LOG.lock; exit 0"
    scanner = bench.scanner(script, processes=1)
    assert await asyncio.gather(*(bench.names(scanner) for _ in range(5))) == [[]] * 5


def test_on_uvloop(bench: Bench) -> None:
    """The workers' loop starts processes in its own way."""
    scanner = bench.scanner("echo Evil FOUND; exit 1")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(bench.names(scanner)) == ["Evil"]


def test_leftovers(tmp_path: Path) -> None:
    """What a killed process has left is removed, what is in use is not."""
    used = ScanDirectory(tmp_path)
    (tmp_path / "scan-1-gone" / "parts").mkdir(parents=True)
    assert remove_leftovers(tmp_path) == 1
    assert used.files.is_dir()
    used.remove()
    assert list(tmp_path.iterdir()) == []


# clamscan


async def test_clamscan(bench: Bench, tmp_path: Path) -> None:
    """Features 7.02, 3.02: the entry as packaged, with the tests' own signatures."""
    program = installed("clamscan", "clamav")
    database = tmp_path / "db"
    database.mkdir()
    (database / "eicar.ndb").write_text(f"{SIGNATURE.removesuffix('.UNOFFICIAL')}:0:*:{eicar().hex()}\n")
    entry = packaged_clamscan(f"--database={database}")
    scanner = CommandScanner(entry, program, 120, base=bench.base, environment=ENVIRONMENT)
    assert await bench.names(scanner, plain(eicar())) == [SIGNATURE]
    assert await bench.names(scanner, files=3) == [SIGNATURE]
    assert await bench.names(scanner, plain(eicar_twin())) == []
    (database / "eicar.ndb").write_text("broken")
    with pytest.raises(ScannerError, match=r"clamscan: unexpected exit status 2, output: "):
        await bench.names(scanner)


def packaged_clamscan(option: str) -> AvScanner:
    values, _ = load.merge(load.fragments(load.packaged_directory(), []), [], [])
    (entry,) = (entry for entry in values["av_scanners_backup"] if entry["name"] == "ClamAV-clamscan")
    return AvScanner.model_validate({**entry, "arguments": f"{option} {entry['arguments']}"})
