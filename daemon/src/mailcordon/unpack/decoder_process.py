"""A decoder process as its mail worker sees it. Nothing that comes from there is trusted."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from mailcordon.errors import ProtocolError, UnpackError
from mailcordon.unpack.decoding.frames import END, HEAD, HELLO, JOB, MAX_FRAME, RECORDS, TIMED_OUT, frame
from mailcordon.unpack.decoding.wire import MAX_LINE, job_to_line, record_of_line
from mailcordon.unpack.job import Job, Looked, Opened, Problem, ProblemKind, Record

Mappings = Sequence[tuple[str, list[str]]]
"""Expressions for what libmagic says of files, and the short types of those."""

START_LIMIT = 60.0
"""Seconds in which a decoder process must have said what it is able to do."""
OVERTIME = 15.0
"""Seconds after the time of a job in which the decoder process must have ended it."""
END_LIMIT = 5.0
"""Seconds in which it must be gone once nobody listens any more."""
RECORDS_PER_FILE = 8
"""For each file that the quota allows; no honest decoder process tells more."""
SPARE_RECORDS = 1000

_ENVIRONMENT = {"LANG": "C.UTF-8", "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1", "MALLOC_ARENA_MAX": "1"}
"""An arena more reserves 64 MiB of address space, which is limited."""


@dataclass(frozen=True, slots=True)
class DecoderPlace:
    """A decoder and where its program or library is."""

    name: str
    place: str
    """Empty: this host has none."""
    short_types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hello:
    """What a decoder process says of itself at its start."""

    decoders: tuple[DecoderPlace, ...]
    confinement: tuple[str, ...]
    missing: tuple[str, ...]
    """What the kernel does not offer, each with the reason."""


class DecoderProcess:
    """One of them; does one job at a time."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self.hello = Hello((), (), ())
        self.usable = False
        """Whether it can take a job."""

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended while it waited for a job."""
        return self._process.poll() is None

    @classmethod
    async def start(cls, base: Path, path: str, decoders: str, types: Mappings) -> Self:
        """Start one. `base`: TEMPBASE. `path`: where it finds programs. `decoders`: `module:function` that lists them.

        `types`: rules for file types that come before those of the program.

        Raises UnpackError.
        """
        try:
            ours, theirs = socket.socketpair()
            with theirs:
                process = _launch(theirs, base, path, [decoders, json.dumps(types)])
            reader, writer = await asyncio.open_connection(sock=ours)
        except OSError as error:
            raise UnpackError(f"cannot start a decoder process: {error.strerror}") from error
        started = cls(process, reader, writer)
        try:
            async with asyncio.timeout(START_LIMIT):
                started.hello = await started._read_hello()
            started.usable = True
        except (TimeoutError, ProtocolError, OSError, EOFError) as error:
            raise UnpackError("a decoder process does not come up, see its messages on standard error") from error
        finally:
            if not started.usable:
                await started.end()
        return started

    async def do(self, job: Job) -> Opened | None:
        """Everything that came out. A bad end of the process is a problem of the message, too (B13.04).

        None when the process had ended before it told anything: that is not the fault of the message.
        """
        records: list[Record] = []
        self.usable = False
        try:
            async with asyncio.timeout(job.quota.seconds + OVERTIME):
                self._writer.write(frame(JOB, job_to_line(job)))
                async for record in self._records(job):
                    records.append(record)  # noqa: PERF401 - they count also when it comes to a bad end
            self.usable = True
        except TimeoutError:
            records.append(_problem(job, records, TIMED_OUT))
        except (EOFError, ConnectionError):
            if not records:
                return None
            records.append(_problem(job, records, "ended unexpectedly"))
        except (ProtocolError, OSError) as error:
            records.append(_problem(job, records, f"failed: {error}"))
        except _BadEndError as error:
            # Only the child that did the job is gone.
            self.usable = True
            records.append(_problem(job, records, str(error)))
        return Opened.of(records)

    async def end(self) -> None:
        """Have it end whatever it does, and wait until it is gone."""
        self.usable = False
        self._writer.close()
        await asyncio.to_thread(self._reap)

    def _reap(self) -> None:
        try:
            self._process.wait(END_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    async def _read_hello(self) -> Hello:
        kind, octets = await self._read_frame()
        if kind != HELLO:
            raise ProtocolError("a decoder process does not say what it can")
        return _hello(json.loads(octets))

    async def _records(self, job: Job) -> AsyncIterator[Record]:
        """Those of a job until its end. Raises _BadEndError, ProtocolError, EOFError, OSError."""
        limit = SPARE_RECORDS + RECORDS_PER_FILE * job.quota.files
        rest = b""
        while True:
            kind, octets = await self._read_frame()
            if kind == END:
                if octets:
                    raise _BadEndError(octets.decode(errors="replace"))
                return
            if kind != RECORDS:
                raise ProtocolError("a decoder process sent an unknown frame")
            *lines, rest = (rest + octets).split(b"\n")
            for line in lines:
                yield record_of_line(line, job.directory)
            limit -= len(lines)
            if limit < 0 or len(rest) > MAX_LINE:
                raise ProtocolError("a decoder process tells too much")

    async def _read_frame(self) -> tuple[bytes, bytes]:
        kind, length = HEAD.unpack(await self._reader.readexactly(HEAD.size))
        if length > MAX_FRAME:
            raise ProtocolError("a decoder process sent too long a frame")
        return kind, await self._reader.readexactly(length)


class _BadEndError(Exception):
    """The child that did the job did not come to its end; `str()` says how it ended."""


def _launch(channel: socket.socket, base: Path, path: str, tools: Sequence[str]) -> "subprocess.Popen[bytes]":
    """A new interpreter, so that nothing of the mail worker is in it; a session of its own, so that no Ctrl-C is."""
    own_modules = {name: value for name, value in os.environ.items() if name == "PYTHONPATH"}
    descriptor = channel.fileno()
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-P", "-m", "mailcordon.unpack.decoding.process", str(descriptor), str(base), *tools],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        cwd="/",
        env={"PATH": path, **_ENVIRONMENT, **own_modules},
        pass_fds=[descriptor],
        start_new_session=True,
    )


def _hello(values: dict[str, list[list[str]]]) -> Hello:
    decoders = tuple(DecoderPlace(name, place, tuple(types)) for name, place, *types in values["decoders"])
    given, missing = values["confinement"]
    return Hello(decoders, tuple(given), tuple(missing))


def _problem(job: Job, records: list[Record], how: str) -> Problem:
    """What ended badly is taken for what was looked at last."""
    looked = [record.location for record in records if isinstance(record, Looked)]
    location = looked[-1] if looked else job.parts[0].location
    if how == TIMED_OUT:
        text = f"Exceeded time limit of {job.quota.seconds:.0f} s for unpacking"
        return Problem(ProblemKind.OVER_LIMITS, location, text)
    return Problem(ProblemKind.UNREADABLE, location, f"decoder process {how}")
