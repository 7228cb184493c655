"""One worker process: an event loop that takes messages from the shared listening sockets through the pipeline."""

import asyncio
import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop

from mailcordon.act.quarantine_file import remove_leftovers
from mailcordon.config.policy_banks import PolicyBanks
from mailcordon.config.settings import Settings
from mailcordon.config.watched import watch, watched_files
from mailcordon.log_levels import NOTICE
from mailcordon.mail.ids import LogIds
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import Outcome
from mailcordon.pipeline import Pipeline
from mailcordon.receive.server import MailServer
from mailcordon.run.counter_file import CounterFile
from mailcordon.run.databases import WorkerDatabases
from mailcordon.run.main_log import log_message
from mailcordon.run.tally import Tally

log = logging.getLogger(__name__)

HEARTBEATS = 12
"""Signs of life within `worker_silence_limit`."""
SHOW_INTERVAL = 0.5
"""Seconds. What was counted in so short a time is lost when the process ends by a crash."""
YOUNG_OBJECTS = 10_000
"""New objects that wake the garbage collector up: a message has hundreds, of which next to none need it."""
ALIVE = b"."
LEFTOVER_AGE = 3600.0
"""Seconds after which an unfinished file in the quarantine is nobody's any more; writing one takes a few."""
WORN_OUT = b"r"
"""Says that the worker has handled `max_requests` messages and wants to be replaced."""


def run(
    settings: Settings,
    sockets: Sequence[socket.socket],
    supervisor: socket.socket,
    counters: CounterFile,
    *,
    is_first: bool,
) -> None:
    """Serve until SIGTERM, then finish what was begun and return.

    `supervisor` takes signs of life; the first one says that the worker takes mail. When the supervisor is gone this
    counts as SIGTERM: nobody could stop or replace the worker any more. `counters` is where others see what it does.
    The first worker of a configuration logs which scanners answer.
    """
    gc.set_threshold(YOUNG_OBJECTS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(Worker(settings, supervisor, counters).serve(sockets, is_first=is_first))


class Worker:
    """Connects the server with the pipeline and has the log told of each message."""

    def __init__(self, settings: Settings, supervisor: socket.socket, counters: CounterFile) -> None:
        banks = PolicyBanks(settings)
        self._counters = counters
        self._tally = Tally(counters)
        self._supervisor = supervisor
        self._heartbeat_interval = settings.worker_silence_limit / HEARTBEATS
        self._messages_left = settings.max_requests
        self._quarantine = settings.QUARANTINEDIR
        self._files = watched_files(settings)
        self._databases = WorkerDatabases(settings)
        self._pipeline = Pipeline(banks, self._databases.fields, self._databases.store, self._databases.pen_pals)
        self._server = MailServer(banks, self._handle, LogIds(os.getpid()), self._pipeline.release)

    async def serve(self, sockets: Sequence[socket.socket], *, is_first: bool) -> None:
        """Take mail until SIGTERM; returns when the last message is done."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        loop.add_reader(self._supervisor, self._supervisor_gone, stop)
        self._databases.start()
        await self._server.start(sockets)
        tasks: list[asyncio.Task[Any]] = [
            asyncio.create_task(self._beat()),
            asyncio.create_task(self._show()),
            asyncio.create_task(watch(self._files)),
        ]
        if is_first:
            # Beside the mail: a scanner that is late must not delay the start (checklist 27).
            tasks.append(asyncio.create_task(self._pipeline.discover()))
            tasks.append(asyncio.create_task(_tidy_quarantine(self._quarantine)))
        try:
            await stop.wait()
            self._server.stop_listening()
            for listener in sockets:
                # A worker that finishes its messages must not keep a port from a daemon that starts anew.
                listener.close()
            await self._server.drain()
            await self._pipeline.close()
            await self._databases.close()
            self._publish()
        finally:
            loop.remove_reader(self._supervisor)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _handle(self, mail: Mail) -> Outcome:
        started = time.monotonic()
        try:
            inspection, outcome = await self._pipeline.process(mail)
        except BaseException:
            self._tally.failure(mail)
            raise
        finally:
            self._count_message()
        self._tally.message(inspection, outcome)
        milliseconds = round(1000 * (time.monotonic() - started))
        log_message(inspection, outcome, milliseconds=milliseconds)
        return outcome

    def _count_message(self) -> None:
        if self._messages_left:
            self._messages_left -= 1
            if not self._messages_left:
                self._tell(WORN_OUT)

    async def _show(self) -> None:
        while True:
            self._publish()
            await asyncio.sleep(SHOW_INTERVAL)

    def _publish(self) -> None:
        """Let others see what was counted, and what is done at the moment."""
        self._counters.counts.update(self._pipeline.counters())
        self._counters.publish(self._server.in_progress)

    def _supervisor_gone(self, stop: asyncio.Event) -> None:
        """The supervisor says nothing, so its end is all that there is to read."""
        asyncio.get_running_loop().remove_reader(self._supervisor)
        log.warning("the supervisor is gone, leaving")
        stop.set()

    async def _beat(self) -> None:
        while True:
            self._tell(ALIVE)
            await asyncio.sleep(self._heartbeat_interval)

    def _tell(self, sign: bytes) -> None:
        try:
            self._supervisor.send(sign)
        except BlockingIOError:
            log.debug("the supervisor is slow to read signs of life")
        except ConnectionError:
            log.debug("nobody reads signs of life")


async def _tidy_quarantine(directory: Path) -> None:
    removed = await asyncio.to_thread(remove_leftovers, directory, older_than=LEFTOVER_AGE)
    if removed:
        log.log(NOTICE, "removed %d unfinished quarantine files of processes that are gone", removed)
