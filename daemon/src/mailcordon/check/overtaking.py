"""Whether a scanner that does not come to an end with a message scans others meanwhile (B13.04, features 7.10).

That it answers PING does not tell: clamd does so also when none of its threads is free. So a trifle queues up behind
the message, as another mail would; for a scanner that is a program, another process is started. If the trifle is done
with before half of the time is over, and another one at the end, the message has had the scanner at work for half of
the time at least, and the next try would come to no other end.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from mailcordon.check.connection import scanner_failures
from mailcordon.errors import EndlessScanError, ProtocolError, ScannerTimeoutError

FIRST_TRIFLE = 0.3
"""Of the time, when the first one queues up; few scans last so long."""
FIRST_ANSWER = 0.5
LAST_TRIFLE = 0.8

TRIFLE = b"Good morning."
"""Something at which no scanner finds anything."""
ScanTrifle = Callable[[], Awaitable[None]]
"""Has a scanner scan the trifle. Raises OSError and ProtocolError."""


@asynccontextmanager
async def scan_failures(scanner: str, seconds: float, scan_trifle: ScanTrifle) -> AsyncIterator[None]:
    """As `scanner_failures`; EndlessScanError when time is up and `scanner` has scanned trifles meanwhile."""
    async with Overtaking(scan_trifle, seconds) as overtaking:
        try:
            async with scanner_failures(scanner, seconds):
                yield
        except ScannerTimeoutError:
            if overtaking.happened:
                raise EndlessScanError(f"not done with this mail within {round(seconds, 1):g} s") from None
            raise


class Overtaking:
    """Watches one scan; an asynchronous context manager."""

    def __init__(self, scan_trifle: ScanTrifle, seconds: float) -> None:
        """`scan_trifle` has something harmless scanned; `seconds` are what the scan of the message may take."""
        self.happened = False
        """Whether both trifles were done with before the message."""
        self._scan_trifle = scan_trifle
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._timer = self._loop.call_later(FIRST_TRIFLE * self._seconds, self._begin)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _begin(self) -> None:
        self._task = self._loop.create_task(self._watch())

    async def _watch(self) -> None:
        try:
            await self._scan_trifle()
            if self._passed() > FIRST_ANSWER:
                return
            await asyncio.sleep((LAST_TRIFLE - self._passed()) * self._seconds)
            await self._scan_trifle()
        except (OSError, ProtocolError):
            return
        self.happened = True

    def _passed(self) -> float:
        return (self._loop.time() - self._began) / self._seconds
