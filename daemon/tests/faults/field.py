"""Everything that the campaign needs, running: scanners, daemon, next hop, senders."""

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from end_to_end.daemon import Daemon, wait_until
from faults.ledger import RATED_RECIPIENT, Kind, Ledger
from faults.senders import Sender
from faults.sink import Sink
from faults.small_disk import SmallDisk
from servers import Clamd, Spamd

SENDERS = 8
WORKERS = 2
SILENCE_LIMIT = 3
"""Seconds until a hung worker is replaced."""
AV_TIMEOUT = 2
SETTLE_TIMEOUT = 60.0

T = TypeVar("T")


class Field:
    """The senders, the next hop and their ledger live in the loop of a thread; the rest are processes."""

    def __init__(self, directory: Path) -> None:
        self.ledger = Ledger()
        self.sink = Sink(self.ledger)
        for name in ("clamd", "spamd"):
            (directory / name).mkdir()
        self.clamd = Clamd(directory / "clamd")
        self.spamd = Spamd(directory / "spamd", exact=True)
        self.daemon = Daemon(directory / "daemon", self.clamd.path, self.sink)
        self.disk = SmallDisk(self.daemon.home / "disk", "24m")
        self.daemon.configure(
            "45-campaign",
            f"""
            TEMPBASE = "{self.disk.path}/tmp"
            QUARANTINEDIR = "{self.disk.path}/virusmails"
            max_servers = {WORKERS}
            worker_silence_limit = {SILENCE_LIMIT}
            av_scan_timeout = {AV_TIMEOUT}
            child_timeout = 30
            spool_memory_limit = 65536
            bypass_spam_checks = [{{ hash = {{ "{RATED_RECIPIENT}" = false, "." = true }} }}]
            [[spam_scanners]]
            name = "spamd"
            protocol = "spamd"
            socket = "{self.spamd.path}"
            """,
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="field")
        self._working = asyncio.Event()
        self._senders = [Sender(number, self.daemon.port, self.ledger, self._working) for number in range(SENDERS)]
        self._disk_is_needed = asyncio.Event()
        self._disk_users = [
            Sender(number, self.daemon.port, self.ledger, self._disk_is_needed, [kind])
            for number, kind in enumerate((Kind.BIG, Kind.INFECTED))
        ]
        self._tasks: list[Future[None]] = []
        self._told: set[str] = set()

    @property
    def _everyone(self) -> list[Sender]:
        return [*self._senders, *self._disk_users]

    @property
    def senders(self) -> list[Sender]:
        """The clients."""
        return self._senders

    def start(self) -> None:
        """Start all; the senders wait for `resume`."""
        self._thread.start()
        self.clamd.start()
        self.spamd.start()
        self.run(self.sink.start())
        self.daemon.start()
        self._tasks = [asyncio.run_coroutine_threadsafe(sender.run(), self._loop) for sender in self._everyone]

    def stop(self) -> None:
        """Stop all."""
        for task in self._tasks:
            task.cancel()
        self.daemon.stop()
        self.run(self.sink.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self.spamd.stop()
        self.clamd.stop()
        self.disk.unmount()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the loop of the field."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(SETTLE_TIMEOUT)

    # The load

    def resume(self) -> None:
        """Let the senders send."""
        self._loop.call_soon_threadsafe(self._working.set)

    @contextlib.contextmanager
    def disk_in_use(self) -> Iterator[None]:
        """Two more clients: all mail of the one needs the spool's disk, all mail of the other the quarantine's.

        The others keep the first message that the disk cannot take, and that may be the same kind for all of them.
        """
        self._loop.call_soon_threadsafe(self._disk_is_needed.set)
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._disk_is_needed.clear)

    def await_messages(self, number: int) -> None:
        """Wait until so many more are acknowledged."""
        wanted = self.ledger.acknowledged + number
        wait_until(lambda: self.ledger.acknowledged >= wanted, f"{number} more messages", SETTLE_TIMEOUT)

    def await_deferrals(self, code: str, number: int) -> None:
        """Wait until the senders were told `code` so many more times."""
        wanted = self.ledger.deferrals[code] + number
        wait_until(
            lambda: self.ledger.deferrals[code] >= wanted,
            f"{number} replies {code}, there were {dict(self.ledger.deferrals)}",
            SETTLE_TIMEOUT,
        )

    def settle(self) -> list[str]:
        """Let the senders finish the messages that they have; what does not add up then, each problem told once."""
        self._loop.call_soon_threadsafe(self._working.clear)
        wait_until(
            lambda: all(sender.idle for sender in self._everyone), "the senders have no mail left", SETTLE_TIMEOUT
        )
        self.ledger.take_in(self.disk.path / "virusmails")
        wrong = [problem for problem in self.ledger.wrong() if problem not in self._told]
        self._told.update(wrong)
        return wrong

    # The daemon

    def kill_workers(self, number: int, with_signal: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to some workers and wait until others have taken their places."""
        victims = self.daemon.workers()[-number:]
        for pid in victims:
            os.kill(pid, with_signal)
        wait_until(lambda: not set(victims) & set(self.daemon.workers()), "they are gone")
        wait_until(lambda: len(self.daemon.workers()) == WORKERS, "others have taken their places")

    def start_daemon_again(self) -> None:
        """Start it where it was stopped or killed."""
        listening = self.daemon.log().count("listening on")
        self.daemon.launch()
        wait_until(lambda: self.daemon.log().count("listening on") > listening, "the daemon takes mail again")

    def reload(self, message: str = "configuration reloaded") -> None:
        """SIGHUP, until the log says `message` once more."""
        before = self.daemon.log().count(message)
        self.daemon.signal(signal.SIGHUP)
        wait_until(lambda: self.daemon.log().count(message) > before, message)


Fault = Callable[[Field], None]
