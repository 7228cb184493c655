"""The program of a decoder process: `python -m mailcordon.unpack.decoding.process DESCRIPTOR DIRECTORY DECODERS TYPES`.

It loads the libraries once and never touches anything that came with a mail. Each job is done by a child of its own,
which is confined to the directory of that job before it begins; so nothing that takes over such a child reaches the
next message, and everything it started ends with it. What the child tells is passed on unread.
"""

import base64
import contextlib
import gc
import json
import os
import re
import select
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from mailcordon.unpack.confinement import Confinement, ProcessLimits, code_directories
from mailcordon.unpack.decoding.file_types import FileTypes
from mailcordon.unpack.decoding.frames import END, HEAD, HELLO, RECORDS, TIMED_OUT, frame
from mailcordon.unpack.decoding.run import Tools, work
from mailcordon.unpack.decoding.type_map import TypeRule
from mailcordon.unpack.decoding.wire import job_of_line, record_to_line
from mailcordon.unpack.job import Job, PartFile, Quota, Record

GRACE = 2.0
"""Seconds that a child has beyond the time of its job to notice itself that it is up."""
CHUNK = 64 * 1024
_SAMPLES = {
    "sample": b"This is a text.\n",
    "sample.zip": base64.b64decode(
        "UEsDBBQAAAAIAAAAIQDKpEdgDQAAABwAAAAKAAAAc2FtcGxlLnR4dCtOzC3ISVUoxkJxAQBQSwECFAMUAAAACAAAACEAyqRHYA0A"
        "AAAcAAAACgAAAAAAAAAAAAAAgAEAAAAAc2FtcGxlLnR4dFBLBQYAAAAAAQABADgAAAA1AAAAAAA="
    ),
}
_SAMPLE_QUOTA = Quota(levels=2, files=10, octets=1 << 20, seconds=10)
_PROBE_LIMITS = ProcessLimits(memory=1 << 30, file_size=0, seconds=10)


def main(arguments: list[str]) -> None:
    """Serve jobs until the mail worker closes its end of the socket."""
    channel = int(arguments[0])
    os.set_inheritable(channel, False)
    template = _Template(channel, *_prepared(Path(arguments[1]), arguments[2], json.loads(arguments[3])))
    os.write(channel, frame(HELLO, template.hello(Path(arguments[1]))))
    while job := template.next_job():
        template.do(job)


def _prepared(
    base: Path, decoders: str, types: list[tuple[str, list[str]]]
) -> tuple[Tools, list[list[str]], Confinement]:
    module, _, function = decoders.partition(":")
    found = getattr(import_module(module), function)()
    places = [[decoder.name, *sorted(decoder.short_types)] for decoder in found]
    for place, decoder in zip(places, found, strict=True):
        place.insert(1, decoder.find() or "")
    rules = [TypeRule(re.compile(pattern), tuple(short_types)) for pattern, short_types in types]
    tools = Tools.of(found, FileTypes(rules))
    with contextlib.suppress(OSError):  # a full disk: mail that needs none of it goes on
        _rehearse(tools, base)
    # What is there now stays shared with the children: the collector must not touch, and so copy, its pages.
    gc.collect()
    gc.freeze()
    return tools, places, Confinement(readable=code_directories())


def _rehearse(tools: Tools, base: Path) -> None:
    """Do a job with files of our own: what libraries prepare at their first use, no child prepares for its mail."""
    with tempfile.TemporaryDirectory(dir=base, prefix="probe-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        for sample, octets in _SAMPLES.items():
            (directory / sample).write_bytes(octets)
        parts = [PartFile(str(number), directory / sample, (sample,), "") for number, sample in enumerate(_SAMPLES, 1)]
        work(Job(directory, tuple(parts), _SAMPLE_QUOTA, memory=0), tools, tell=lambda _: None)


class _GoneError(Exception):
    """The mail worker is gone."""


class _Template:
    """What all children are forked from."""

    def __init__(self, channel: int, tools: Tools, decoders: list[list[str]], confinement: Confinement) -> None:
        self._channel = channel
        self._tools = tools
        self._decoders = decoders
        self._confinement = confinement

    def hello(self, base: Path) -> bytes:
        """Which decoders there are, and what confinement a child really gets."""
        with tempfile.TemporaryDirectory(dir=base, prefix="probe-", ignore_cleanup_errors=True) as directory:
            reader, child = self._fork(lambda out: self._probe(Path(directory), out))
            with open(reader, "rb") as stream:
                given = stream.read()
            os.waitpid(child, 0)
        return json.dumps({"decoders": self._decoders, "confinement": json.loads(given)}).encode()

    def next_job(self) -> Job | None:
        """Wait for one; None when there will be no more."""
        head = _read(self._channel, HEAD.size)
        if head is None:
            return None
        line = _read(self._channel, HEAD.unpack(head)[1])
        return None if line is None else job_of_line(line)

    def do(self, job: Job) -> None:
        """Have a child do it, and pass on what it tells and how it ends."""
        reader, child = self._fork(lambda out: self._work(job, out))
        pidfd = os.pidfd_open(child)
        try:
            ended = self._pass_on(reader, pidfd, time.monotonic() + job.quota.seconds + GRACE)
        except _GoneError:
            ended = False
            raise SystemExit(0) from None
        finally:
            # Its group: also what it has started, and what that has left behind.
            os.killpg(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            os.close(pidfd)
            os.close(reader)
        self._send(END, _end_of(status).encode() if ended else TIMED_OUT.encode())

    def _fork(self, function: Callable[[int], None]) -> tuple[int, int]:
        """A child that calls `function` with a descriptor to write to; gives back the other end and its id."""
        reader, writer = os.pipe()
        child = os.fork()
        if child:
            os.close(writer)
            return reader, child
        status = 1
        try:
            os.close(reader)
            os.close(self._channel)
            # Also done by the parent's killpg in time: whoever is first, the group exists.
            os.setpgid(0, 0)
            self._confinement.end_with_parent()
            function(writer)
            status = 0
        finally:
            os._exit(status)

    def _pass_on(self, reader: int, pidfd: int, deadline: float) -> bool:
        """Until the child has ended, True, or its time is up, False. Raises _GoneError."""
        waiting = select.poll()
        waiting.register(reader, select.POLLIN)
        waiting.register(pidfd, select.POLLIN)
        waiting.register(self._channel, select.POLLIN)
        os.set_blocking(reader, False)
        ended = False
        while not ended:
            events = dict(waiting.poll(max(0, 1000 * (deadline - time.monotonic()))))
            if not events:
                return False
            if self._channel in events:
                # No job comes while one is done: it is the end.
                raise _GoneError
            ended = pidfd in events
            if not self._relay(reader, everything=ended):
                waiting.unregister(reader)
        return True

    def _relay(self, reader: int, *, everything: bool) -> bool:
        """Pass on what the child has written; False when its end is closed."""
        try:
            while octets := os.read(reader, CHUNK):
                self._send(RECORDS, octets)
                if not everything:
                    return True
        except BlockingIOError:
            return True
        return everything

    def _send(self, kind: bytes, octets: bytes) -> None:
        rest = memoryview(frame(kind, octets))
        try:
            while rest:
                rest = rest[os.write(self._channel, rest) :]
        except OSError as error:
            raise _GoneError from error

    # In the child

    def _probe(self, directory: Path, out: int) -> None:
        given = self._confinement.enter(directory, _PROBE_LIMITS)
        os.write(out, json.dumps([given.kinds, given.missing]).encode())

    def _work(self, job: Job, out: int) -> None:
        seconds = int(job.quota.seconds + GRACE) + 1
        self._confinement.enter(job.directory, ProcessLimits(job.memory, job.quota.octets, seconds))
        os.environ["TMPDIR"] = tempfile.tempdir = str(job.directory)
        os.chdir(job.directory)

        def tell(record: Record) -> None:
            rest = memoryview(record_to_line(record))
            while rest:
                rest = rest[os.write(out, rest) :]

        work(job, self._tools, tell)


def _read(channel: int, count: int) -> bytes | None:
    """Exactly `count` octets; None at the end."""
    octets = bytearray()
    while len(octets) < count:
        more = os.read(channel, count - len(octets))
        if not more:
            return None
        octets += more
    return bytes(octets)


def _end_of(status: int) -> str:
    """How a child ended, empty for well."""
    code = os.waitstatus_to_exitcode(status)
    return f"ended by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}" if code else ""


if __name__ == "__main__":
    main(sys.argv[1:])
