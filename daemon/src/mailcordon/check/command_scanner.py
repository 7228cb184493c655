"""A virus scanner that is a program, started for each message (B14.01, B14.03)."""

import asyncio
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from mailcordon.check.connection import scanner_failures
from mailcordon.check.overtaking import TRIFLE, scan_failures
from mailcordon.check.program import Ended, run_program
from mailcordon.check.scan_directory import ScanDirectory
from mailcordon.check.scan_input import ScanInput
from mailcordon.check.virus_names import finding_of, is_virus, without_repeats
from mailcordon.config.av_scanner import DIRECTORY, FILES, NAMES, AvScanner, lines_of
from mailcordon.errors import ProtocolError, ScannerError
from mailcordon.mail.finding import Finding

ARGUMENT_SPACE = 4000
"""Octets of file names for one run of the program (B14.03, features 7.03)."""
UNKNOWN = "UNKNOWN"
"""Name of a virus that the scanner has not named."""
_MAX_NAMES = 50


class CommandScanner:
    """One entry of `av_scanners` that is a program."""

    is_program = True

    def __init__(
        self,
        entry: AvScanner,
        program: str,
        timeout_seconds: float,
        *,
        base: Path,
        environment: Mapping[str, str],
        first_infected_stops: bool = False,
    ) -> None:
        """`base` is where directories for it are made, `environment` what all programs of the daemon get."""
        self.name = entry.name
        self.scope = entry.scan
        self._program = program
        self._entry = entry
        self._timeout = timeout_seconds
        self._base = base
        self._environment = {**environment, **entry.environment}
        self._first_infected_stops = first_infected_stops
        self._processor_seconds = timeout_seconds * (os.cpu_count() or 1)
        self._turns = asyncio.Semaphore(entry.processes)

    @property
    def address(self) -> str:
        """Path of the program."""
        return self._program

    async def ping(self) -> None:
        """Raises ScannerError when the program has gone since the start of the daemon."""
        async with scanner_failures(self._program, self._timeout):
            if not os.access(self._program, os.X_OK):
                raise ProtocolError("cannot be started any more")

    async def close(self) -> None:
        """Nothing to do: programs end with the scans that they were started for."""

    async def scan(self, subject: ScanInput, seconds: float = math.inf) -> tuple[Finding, ...]:
        """What was found, within `seconds` if they are less than the usual time; nothing means clean.

        Raises ScannerError when there is no verdict, EndlessScanError when that is the message's doing. The time limit
        begins when it is this message's turn (features 7.04).
        """
        items = subject.items(self.scope)
        found: list[Finding] = []
        async with self._turns:
            try:
                async with scan_failures(self._program, min(seconds, self._timeout), self._scan_trifle):
                    await self._scan(lambda directory: directory.fill(items), found)
            except ScannerError:
                if not any(map(is_virus, found)):
                    raise
        return without_repeats(found)

    async def _scan_trifle(self) -> None:
        """Have the program scan something harmless, whoever's turn it is. Raises OSError and ProtocolError."""
        found: list[Finding] = []
        await self._scan(lambda directory: directory.fill_with(TRIFLE), found)
        if found:
            raise ProtocolError(f"found {found[0].name} where nothing is")

    async def _scan(self, fill: Callable[[ScanDirectory], list[str]], found: list[Finding]) -> None:
        """Scan in a directory of its own; what is found goes into `found` as soon as it is known."""
        making = asyncio.create_task(asyncio.to_thread(_directory, self._base, fill))
        try:
            directory, names = await asyncio.shield(making)
        except BaseException:
            making.add_done_callback(_remove_made)
            raise
        try:
            await self._run_all(directory, names, found)
        finally:
            await asyncio.shield(asyncio.to_thread(directory.remove))

    async def _run_all(self, directory: ScanDirectory, names: Sequence[str], found: list[Finding]) -> None:
        """Any infected: infected. Any error: error. All clean: clean (B14.03)."""
        failure: ProtocolError | None = None
        environment = {**self._environment, "TMPDIR": str(directory.scratch), "HOME": str(directory.scratch)}
        for words in self._runs(directory.files, names):
            ended = await run_program([self._program, *words], directory.files, environment, self._processor_seconds)
            try:
                found += self._verdict(ended)
            except ProtocolError as error:
                failure = error
            if found and self._first_infected_stops:
                break
        if failure is not None and not found:
            raise failure

    def _runs(self, files: Path, names: Sequence[str]) -> Iterator[list[str]]:
        """The arguments of each run."""
        for chunk in self._chunks(files, names):
            yield [word for pattern in self._entry.arguments for word in _filled_in(pattern, files, chunk)]

    def _chunks(self, files: Path, names: Sequence[str]) -> Iterator[Sequence[str]]:
        if FILES not in self._entry.arguments and NAMES not in self._entry.arguments:
            yield names
            return
        extra = len(f"{files}/") if FILES in self._entry.arguments else 0
        chunk: list[str] = []
        size = 0
        for name in names:
            needed = extra + len(name) + 1
            if chunk and size + needed > ARGUMENT_SPACE:
                yield chunk
                chunk, size = [], 0
            chunk.append(name)
            size += needed
        yield chunk

    def _verdict(self, ended: Ended) -> list[Finding]:
        """Nothing if it is clean. Raises ProtocolError for what is neither infected nor clean."""
        if ended.status >= 0 and self._entry.infected.holds(ended.status, ended.output):
            names = list(self._names(ended.output)) or [UNKNOWN]
            return [finding_of(name, self.name) for name in names[:_MAX_NAMES]]
        if ended.is_cut:
            raise ProtocolError("printed too much to be understood")
        if ended.status >= 0 and self._entry.clean.holds(ended.status, ended.output):
            return []
        how = f"killed by signal {-ended.status}" if ended.status < 0 else f"exit status {ended.status}"
        raise ProtocolError(f"unexpected {how}, output: {' '.join(ended.output.split())[:200]!r}")

    def _names(self, output: str) -> Iterator[str]:
        if self._entry.virus_name is None:
            return
        for line in lines_of(output):
            match = self._entry.virus_name.search(line)
            name = next(filter(None, (match.groups() or (match[0],))), "") if match else ""
            if name.strip():
                yield name


def _filled_in(pattern: str, files: Path, names: Sequence[str]) -> Sequence[str]:
    if pattern == NAMES:
        return names
    if pattern == FILES:
        return [f"{files}/{name}" for name in names]
    return [pattern.replace(DIRECTORY, str(files))]


def _directory(base: Path, fill: Callable[[ScanDirectory], list[str]]) -> tuple[ScanDirectory, list[str]]:
    directory = ScanDirectory(base)
    try:
        return directory, fill(directory)
    except BaseException:
        directory.remove()
        raise


def _remove_made(making: "asyncio.Task[tuple[ScanDirectory, list[str]]]") -> None:
    if not making.cancelled() and making.exception() is None:
        making.result()[0].remove()
