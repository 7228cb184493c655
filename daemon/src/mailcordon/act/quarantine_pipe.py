"""Gives quarantine copies to a program (B10.01)."""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence

from mailcordon.errors import QuarantineError

_OUTPUT_LIMIT = 500
"""Octets of what the program says that are told."""


async def feed(arguments: Sequence[str], chunks: Iterable[bytes], *, sender: str, recipient: str, limit: float) -> None:
    """Run the program with the copy on its standard input. It has taken the copy when its exit status is 0.

    Raises QuarantineError otherwise, and after `limit` seconds. No shell is involved: an address is one argument.
    """
    words = [word.replace("${sender}", sender).replace("${recipient}", recipient) for word in arguments]
    try:
        process = await asyncio.create_subprocess_exec(
            *(word.encode("utf-8", "surrogateescape") for word in words),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    except (OSError, ValueError) as error:
        raise QuarantineError(f"cannot start {words[0]}: {getattr(error, 'strerror', None) or error}") from error
    try:
        async with asyncio.timeout(limit):
            said = await _converse(process, chunks)
            status = await process.wait()
    except TimeoutError:
        raise QuarantineError(f"{words[0]} has not taken the copy within {limit:g} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if status:
        raise QuarantineError(f"{words[0]} ended with status {status}: {said}")


async def _converse(process: asyncio.subprocess.Process, chunks: Iterable[bytes]) -> str:
    if process.stdin is None or process.stderr is None:
        raise RuntimeError("the program was started without pipes")
    said = asyncio.create_task(process.stderr.read(_OUTPUT_LIMIT))
    try:
        # A program may close its input early; its exit status says what it thinks of that.
        with contextlib.suppress(ConnectionError):
            for chunk in chunks:
                process.stdin.write(chunk)
                await process.stdin.drain()
            process.stdin.close()
            await process.stdin.wait_closed()
        return (await said).decode("utf-8", "replace").strip()
    finally:
        said.cancel()
