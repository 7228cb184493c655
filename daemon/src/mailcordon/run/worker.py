"""One worker process: an event loop that takes messages from the shared listening sockets through the pipeline."""

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Sequence
from typing import Any

import uvloop

from mailcordon.config.settings import Settings
from mailcordon.log_levels import NOTICE
from mailcordon.mail.ids import LogIds
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import Outcome
from mailcordon.pipeline import Pipeline
from mailcordon.receive.server import MailServer
from mailcordon.run.main_log import main_entries

log = logging.getLogger(__name__)

HEARTBEAT_INTERVAL = 5.0
"""Seconds between two signs of life to the supervisor."""
ALIVE = b"."


def run(settings: Settings, sockets: Sequence[socket.socket], heartbeat: int, *, is_first: bool) -> None:
    """Serve until SIGTERM, then finish what was begun and return.

    `heartbeat` is a descriptor to write signs of life to; the first one says that the worker takes mail. The first
    worker of a configuration logs which scanners answer.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(Worker(settings).serve(sockets, heartbeat, is_first=is_first))


class Worker:
    """Connects the server with the pipeline and writes the main log entry of each message."""

    def __init__(self, settings: Settings) -> None:
        self._pipeline = Pipeline(settings)
        self._server = MailServer(settings, self._handle, LogIds(os.getpid()))

    async def serve(self, sockets: Sequence[socket.socket], heartbeat: int, *, is_first: bool) -> None:
        """Take mail until SIGTERM; returns when the last message is done."""
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await self._server.start(sockets)
        tasks: list[asyncio.Task[Any]] = [asyncio.create_task(self._beat(heartbeat))]
        if is_first:
            # Beside the mail: a scanner that is late must not delay the start (checklist 27).
            tasks.append(asyncio.create_task(self._pipeline.discover()))
        try:
            await stop.wait()
            await self._server.drain()
            await self._pipeline.close()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _handle(self, mail: Mail) -> Outcome:
        started = time.monotonic()
        inspection, outcome = await self._pipeline.process(mail)
        milliseconds = round(1000 * (time.monotonic() - started))
        for entry in main_entries(
            mail, inspection.findings, outcome, originating=inspection.originating, milliseconds=milliseconds
        ):
            log.log(NOTICE, "%s", entry)
        return outcome

    @staticmethod
    async def _beat(heartbeat: int) -> None:
        while True:
            try:
                os.write(heartbeat, ALIVE)
            except BlockingIOError:
                log.debug("the supervisor is slow to read signs of life")
            except BrokenPipeError:
                # The supervisor is gone: nobody could stop or replace this process any more.
                os.kill(os.getpid(), signal.SIGTERM)
                return
            await asyncio.sleep(HEARTBEAT_INTERVAL)
