"""Programs that are started for one message, and ended with everything that they have started."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import cast

from mailcordon.check import confined_start
from mailcordon.errors import ProtocolError

MAX_OUTPUT = 256 * 1024
"""Octets of its output that are kept; a program that says more is read to its end all the same."""
_CHUNK = 64 * 1024
_START = (sys.executable, "-I", "-S", str(Path(confined_start.__file__)))


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program has ended."""

    status: int
    """Exit status; negative: the number of the signal that has killed it."""
    output: str
    """What it printed, on both channels; whatever is not ASCII in it is replaced by question marks."""
    is_cut: bool
    """It printed more than that."""


async def run_program(
    words: Sequence[str], directory: Path, environment: Mapping[str, str], processor_seconds: float
) -> Ended:
    """Run a program, without a shell, in `directory`; `words` are its path and arguments.

    OSError and ProtocolError when it cannot be started. When the task is cancelled or its time is up, the program is
    killed with all processes of its group.
    """
    process = await asyncio.create_subprocess_exec(
        *_START,
        str(ceil(processor_seconds) + 1),
        *words,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        cwd=directory,
        env=dict(environment),
        start_new_session=True,
    )
    try:
        octets, is_cut = await _output(cast(asyncio.StreamReader, process.stdout))
        status = await process.wait()
    except BaseException:
        _kill_group(process.pid)
        await process.wait()
        raise
    output = octets.decode("ascii", "replace").replace("\N{REPLACEMENT CHARACTER}", "?")
    if status == confined_start.STATUS_NOT_STARTED:
        raise ProtocolError(f"{words[0]}: {output.strip()[:200]}")
    return Ended(status, output, is_cut)


async def _output(stream: asyncio.StreamReader) -> tuple[bytes, bool]:
    kept = bytearray()
    is_cut = False
    while chunk := await stream.read(_CHUNK):
        room = MAX_OUTPUT - len(kept)
        is_cut = is_cut or len(chunk) > room
        kept += chunk[:room]
    return bytes(kept), is_cut


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
