"""The decoder processes of a mail worker: started when the first message needs one, replaced when they fail."""

import asyncio
import shutil
from pathlib import Path

from mailcordon.errors import UnpackError
from mailcordon.unpack.decoder_process import DecoderProcess, Hello, Mappings
from mailcordon.unpack.job import Job, Opened

DECODERS = "mailcordon.unpack.decoding.registry:all_decoders"

ATTEMPTS = 2
"""Processes that may be found to have ended before they begin with a job."""


class DecoderPool:
    """At most so many processes; who finds all busy waits."""

    def __init__(self, base: Path, *, size: int, path: str, decoders: str = DECODERS, types: Mappings = ()) -> None:
        """`base`: TEMPBASE. `path`: where programs are looked for. `decoders`: `module:function` that lists them.

        `types`: descriptions of files and what they stand for (map_full_type_to_short_type_re).
        """
        self._base = base
        self._path = path
        self._decoders = decoders
        self._types = types
        self._size = size
        self._free = asyncio.Semaphore(size)
        self._idle: list[DecoderProcess] = []

    async def do(self, job: Job, *, patience: float) -> Opened:
        """Everything that came out of it. Raises UnpackError when no process is free within `patience` seconds, or none
        can be started; whatever befalls one that works is told as a problem.
        """
        try:
            async with asyncio.timeout(patience):
                await self._free.acquire()
        except TimeoutError:
            raise UnpackError(f"no decoder process was free for {patience:.0f} s") from None
        try:
            for _ in range(ATTEMPTS):
                opened = await self._do(job)
                if opened is not None:
                    return opened
                # It may have come as far as its first members: their names must be free for the next.
                await asyncio.to_thread(_remove_members, job)
            raise UnpackError("decoder processes end at once")
        finally:
            self._free.release()

    async def _do(self, job: Job) -> Opened | None:
        process = await self._process()
        try:
            return await process.do(job)
        finally:
            # Also when the message was given up: then it is still at work.
            if process.usable:
                self._idle.append(process)
            else:
                await process.end()

    async def _process(self) -> DecoderProcess:
        while self._idle:
            process = self._idle.pop()
            if process.is_alive:
                return process
            await process.end()
        return await self._start()

    async def ask(self) -> Hello:
        """What a decoder process is able to do. It is not kept: nobody may ever need one. Raises UnpackError."""
        process = await self._start()
        await process.end()
        return process.hello

    async def close(self) -> None:
        """End them all, and wait for those that are at work."""
        for _ in range(self._size):
            await self._free.acquire()
        idle, self._idle = self._idle, []
        for process in idle:
            await process.end()
        for _ in range(self._size):
            self._free.release()

    async def _start(self) -> DecoderProcess:
        return await DecoderProcess.start(self._base, self._path, self._decoders, self._types)


def _remove_members(job: Job) -> None:
    parts = {part.file for part in job.parts}
    for path in job.directory.iterdir():
        if path in parts:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
