"""The supervisor: opens the sockets, starts workers, replaces those that end, reloads and stops (B18.04)."""

import contextlib
import itertools
import logging
import os
import selectors
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType

from mailcordon.config.load import Configuration
from mailcordon.config.settings import Settings
from mailcordon.errors import ConfigError, MailcordonError, StartupError
from mailcordon.log_levels import NOTICE
from mailcordon.run import worker_process
from mailcordon.run.listeners import Listeners
from mailcordon.run.service_manager import ServiceManager
from mailcordon.run.worker import HEARTBEAT_INTERVAL
from mailcordon.run.worker_process import WorkerProcess

log = logging.getLogger(__name__)

START_TIMEOUT = 30.0
"""Seconds in which new workers must take mail."""
HANG_TIMEOUT = 12 * HEARTBEAT_INTERVAL
"""Seconds without a sign of life after which a worker is replaced."""
STOP_TIMEOUT = 55.0
"""Seconds that workers have for their last messages at a stop, which takes less than 60 s (checklist 23)."""
FIRST_RESTART_DELAY = 1.0
LONGEST_RESTART_DELAY = 30.0
STABLE_AFTER = 60.0
"""A worker that lived this long, seconds, did not fail at once: the next restart needs no longer pause."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


class Supervisor:
    """Runs until SIGTERM or SIGINT. Single-threaded on purpose: it forks."""

    def __init__(self, load: Callable[[], Configuration], *, to_terminal: bool) -> None:
        self._load = load
        self._to_terminal = to_terminal
        self._listeners = Listeners()
        self._service_manager = ServiceManager(os.environ)
        self._selector = selectors.DefaultSelector()
        self._workers: dict[int, WorkerProcess] = {}
        self._generations = itertools.count(1)
        self._generation = 0
        self._restart_delay = FIRST_RESTART_DELAY
        self._restart_at = 0.0
        self._pending: list[signal.Signals] = []
        self._settings: Settings

    def run(self, configuration: Configuration) -> None:
        """Serve mail with `configuration` until told to stop. Raises StartupError when it cannot begin."""
        self._settings = configuration.settings
        with self._signals():
            try:
                self._listeners.open(self._settings)
                self._start_generation(self._settings)
                log.log(NOTICE, "listening on %s, %d workers", self._listeners, len(self._workers))
                self._service_manager.notify(READY=1, STATUS=f"{len(self._workers)} workers take mail")
                self._watch()
            finally:
                self._stop()

    # Signals

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Signals become readable events of the selector while the context lasts."""
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        previous = {number: signal.signal(number, self._note_signal) for number in _SIGNALS}
        previous_wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        self._selector.register(reader, selectors.EVENT_READ, None)
        try:
            yield
        finally:
            signal.set_wakeup_fd(previous_wakeup)
            for number, handler in previous.items():
                signal.signal(number, handler)
            self._selector.close()
            os.close(reader)
            os.close(writer)

    def _note_signal(self, number: int, _frame: FrameType | None) -> None:
        self._pending.append(signal.Signals(number))

    def _become_child(self) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor decides.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        for sibling in self._workers.values():
            sibling.close()
        self._selector.close()

    # The loop

    def _watch(self) -> None:
        while True:
            self._wait(self._next_wakeup())
            pending, self._pending = self._pending, []
            if signal.SIGTERM in pending or signal.SIGINT in pending:
                return
            if signal.SIGHUP in pending:
                self._reload()
            self._end_hung_workers()
            self._replace_missing()
            self._service_manager.notify(WATCHDOG=1)

    def _next_wakeup(self) -> float:
        waits = [HEARTBEAT_INTERVAL]
        if self._service_manager.watchdog_interval is not None:
            waits.append(self._service_manager.watchdog_interval)
        if self._missing():
            waits.append(max(0.0, self._restart_at - time.monotonic()))
        return min(waits)

    def _wait(self, seconds: float) -> None:
        """Take in signs of life, and the end of workers, for at most `seconds`."""
        for key, _ in self._selector.select(seconds):
            if isinstance(key.data, WorkerProcess):
                key.data.read_signs_of_life()
            else:
                with contextlib.suppress(BlockingIOError):
                    os.read(key.fd, worker_process.PIPE_READ_SIZE)
        self._reap()

    def _reap(self) -> None:
        for worker in list(self._workers.values()):
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid == 0:
                continue
            # A worker that says nothing more is gone from the selector, or it would be readable for ever.
            self._selector.unregister(worker.pipe)
            worker.close()
            del self._workers[pid]
            if worker.stopping_since is None:
                log.error("worker %d ended: %s", pid, _describe(status))
                self._delay_restart(worker)

    def _delay_restart(self, worker: WorkerProcess) -> None:
        now = time.monotonic()
        if now - worker.started_at > STABLE_AFTER:
            self._restart_delay = FIRST_RESTART_DELAY
        self._restart_at = now + self._restart_delay
        self._restart_delay = min(2 * self._restart_delay, LONGEST_RESTART_DELAY)

    def _end_hung_workers(self) -> None:
        now = time.monotonic()
        longest = self._settings.child_timeout + STOP_TIMEOUT
        for worker in self._workers.values():
            if worker.stopping_since is not None and now - worker.stopping_since > longest:
                log.error(
                    "worker %d does not finish within %d s, killing it; the MTA keeps its mail", worker.pid, longest
                )
                worker.kill()
        for worker in self._workers.values():
            if now - worker.last_seen > HANG_TIMEOUT:
                log.error("worker %d gives no sign of life for %d s, replacing it", worker.pid, HANG_TIMEOUT)
                worker.last_seen = now
                worker.kill()

    # Workers

    def _missing(self) -> int:
        current = [w for w in self._workers.values() if w.generation == self._generation]
        return _number_of_workers(self._settings) - len(current)

    def _replace_missing(self) -> None:
        if self._missing() and time.monotonic() >= self._restart_at:
            for _ in range(self._missing()):
                self._start_worker(self._settings, is_first=False)

    def _start_worker(self, settings: Settings, *, is_first: bool) -> None:
        worker = worker_process.start(
            settings,
            self._generation,
            self._listeners.sockets,
            to_terminal=self._to_terminal,
            is_first=is_first,
            in_child=self._become_child,
        )
        self._workers[worker.pid] = worker
        self._selector.register(worker.pipe, selectors.EVENT_READ, worker)

    def _start_generation(self, settings: Settings) -> None:
        """Start a full set of workers and wait until all of them take mail.

        Raises StartupError when they do not; then none of them is left.
        """
        self._generation = next(self._generations)
        for number in range(_number_of_workers(settings)):
            self._start_worker(settings, is_first=number == 0)
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            fresh = [w for w in self._workers.values() if w.generation == self._generation]
            if len(fresh) == _number_of_workers(settings) and all(worker.ready for worker in fresh):
                return
            if len(fresh) < _number_of_workers(settings) or time.monotonic() > deadline:
                for worker in fresh:
                    worker.stopping_since = time.monotonic()
                    worker.kill()
                raise StartupError("the workers do not come up, see the log for the reason")
            self._wait(0.2)

    # Reload and stop

    def _reload(self) -> None:
        """Go over to a new configuration, or keep the old one if anything is wrong with it (design rule 6)."""
        monotonic_usec = time.monotonic_ns() // 1000
        self._service_manager.notify(RELOADING=1, MONOTONIC_USEC=monotonic_usec)
        previous_generation = self._generation
        try:
            fresh = self._load().settings
            self._listeners.open(fresh)
            self._start_generation(fresh)
        except MailcordonError as error:
            self._generation = previous_generation
            self._listeners.close_others(self._settings)
            for problem in error.problems if isinstance(error, ConfigError) else (str(error),):
                log.error("reload failed, the old configuration stays in force: %s", problem)  # noqa: TRY400
        else:
            self._settings = fresh
            for worker in self._workers.values():
                if worker.generation != self._generation:
                    worker.stop()
            self._listeners.close_others(fresh)
            log.log(NOTICE, "configuration reloaded, %d new workers", _number_of_workers(fresh))
        self._service_manager.notify(READY=1, STATUS=f"{_number_of_workers(self._settings)} workers take mail")

    def _stop(self) -> None:
        self._service_manager.notify(STOPPING=1)
        log.log(NOTICE, "stopping")
        for worker in self._workers.values():
            worker.stop()
        deadline = time.monotonic() + STOP_TIMEOUT
        while self._workers and time.monotonic() < deadline:
            self._wait(0.2)
        for worker in self._workers.values():
            log.error("worker %d does not finish, killing it; the MTA keeps its mail", worker.pid)
            worker.kill()
        while self._workers:
            self._wait(0.2)
        self._listeners.close()


def _number_of_workers(settings: Settings) -> int:
    return settings.max_servers or len(os.sched_getaffinity(0))


def _describe(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
