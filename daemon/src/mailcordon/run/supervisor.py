"""The supervisor: opens the sockets, has workers take mail from them, reloads and stops (B18.04)."""

import contextlib
import logging
import os
import selectors
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

from mailcordon.config.load import Configuration
from mailcordon.config.settings import Settings
from mailcordon.errors import ConfigError, MailcordonError, StartupError
from mailcordon.log_levels import NOTICE
from mailcordon.run.counter_directory import CounterDirectory
from mailcordon.run.listeners import Listeners
from mailcordon.run.metrics_server import MetricsServer
from mailcordon.run.service_manager import ServiceManager
from mailcordon.run.worker_process import WorkerProcess
from mailcordon.run.workers import Workers, number_of_workers

log = logging.getLogger(__name__)

START_TIMEOUT = 30.0
"""Seconds in which new workers must take mail."""
STOP_TIMEOUT = 55.0
"""Seconds that workers have for their last messages at a stop, which takes less than 60 s (checklist 23)."""
LEAVING_SETS = 4
"""Sets of workers that may still be busy with earlier configurations; a further reload waits for them."""
_LOOK_AROUND = 5.0
"""Seconds between two looks at the workers, at most."""
_IMPATIENT = 0.2
"""Seconds between two looks while something is awaited."""
_WAKEUP_READ_SIZE = 4096

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
_STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})


class _StopRequestedError(Exception):
    """A signal to stop arrived while workers were starting."""


class Supervisor:
    """Runs until SIGTERM or SIGINT. Single-threaded on purpose: it forks."""

    def __init__(self, load: Callable[[], Configuration], *, to_terminal: bool) -> None:
        self._load = load
        self._listeners = Listeners()
        self._service_manager = ServiceManager(os.environ)
        self._selector = selectors.DefaultSelector()
        self._counters = CounterDirectory()
        self._metrics = MetricsServer(self._selector, self._metrics_text)
        self._workers = Workers(self._selector, self._become_child, self._counters, to_terminal=to_terminal)
        self._pending: list[signal.Signals] = []
        self._reload_wanted = False
        self._reload_waits = False
        self._settings: Settings

    def run(self, configuration: Configuration) -> None:
        """Serve mail with `configuration` until told to stop. Raises StartupError when it cannot begin."""
        self._settings = configuration.settings
        with self._signals():
            try:
                self._listeners.open(self._settings)
                self._counters.open(self._settings)
                self._metrics.open(self._settings)
                self._bring_up(self._settings)
                log.log(NOTICE, "listening on %s, %d workers", self._listeners, number_of_workers(self._settings))
                self._say_ready()
                self._watch()
            except _StopRequestedError:
                pass
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

    def _take_signals(self) -> None:
        """Remember what the signals ask for. Raises _StopRequestedError."""
        pending, self._pending = self._pending, []
        if not _STOP_SIGNALS.isdisjoint(pending):
            raise _StopRequestedError
        self._reload_wanted = self._reload_wanted or signal.SIGHUP in pending

    def _become_child(self) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor decides.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        self._metrics.abandon()
        self._selector.close()

    # The loop

    def _watch(self) -> NoReturn:
        """Look after the workers until a signal says to stop: _StopRequestedError."""
        while True:
            self._wait(self._next_wakeup())
            self._take_signals()
            if self._reload_wanted:
                self._reload_if_possible()
            self._workers.end_hung()
            self._workers.complete(self._listeners.sockets)
            self._pat_watchdog()

    def _next_wakeup(self) -> float:
        waits = [
            _LOOK_AROUND,
            self._service_manager.watchdog_interval,
            self._workers.next_restart(),
            self._metrics.next_timeout,
        ]
        return min(wait for wait in waits if wait is not None)

    def _wait(self, seconds: float) -> None:
        """Take in signs of life, and the end of workers, for at most `seconds`."""
        for key, _ in self._selector.select(seconds):
            if isinstance(key.data, WorkerProcess):
                key.data.read_signs_of_life()
            elif key.data is not None:
                key.data()
            else:
                with contextlib.suppress(BlockingIOError):
                    os.read(key.fd, _WAKEUP_READ_SIZE)
        self._workers.reap()
        self._metrics.end_slow()

    def _pat_watchdog(self) -> None:
        """No sign of life without workers that answer: then the service manager starts everything anew."""
        if self._workers.answering:
            self._service_manager.notify(WATCHDOG=1)

    def _say_ready(self) -> None:
        workers = number_of_workers(self._settings)
        self._service_manager.notify(READY=1, STATUS=f"{workers} workers take mail", WATCHDOG=1)

    # Start, reload, stop

    def _bring_up(self, settings: Settings) -> None:
        """Start a full set of workers, wait until all of them take mail, and let earlier ones leave.

        Raises StartupError when they do not come up, then none of them is left; _StopRequestedError.
        """
        generation = self._workers.start_set(settings, self._listeners.sockets)
        try:
            while not self._workers.set_is_ready(generation, number_of_workers(settings), START_TIMEOUT):
                self._wait(_IMPATIENT)
                self._take_signals()
                self._pat_watchdog()
        except StartupError:
            self._workers.abandon_set(generation)
            raise
        self._workers.employ_set(generation, settings)

    def _reload_if_possible(self) -> None:
        """Reloads faster than workers can finish would fill the memory with workers: the next one waits."""
        limit = LEAVING_SETS * number_of_workers(self._settings)
        if self._workers.leaving < limit:
            self._reload_wanted = self._reload_waits = False
            self._reload()
        elif not self._reload_waits:
            self._reload_waits = True
            log.warning("reload waits: %d workers still finish their messages", self._workers.leaving)

    def _reload(self) -> None:
        """Go over to a new configuration, or keep the old one if anything is wrong with it (design rule 6)."""
        self._service_manager.notify(RELOADING=1, MONOTONIC_USEC=time.monotonic_ns() // 1000)
        try:
            fresh = self._load().settings
            self._listeners.open(fresh)
            self._bring_up(fresh)
            self._open_metrics(fresh)
        except MailcordonError as error:
            self._listeners.close_others(self._settings)
            for problem in error.problems if isinstance(error, ConfigError) else (str(error),):
                log.error("reload failed, the old configuration stays in force: %s", problem)  # noqa: TRY400
        else:
            self._settings = fresh
            self._listeners.close_others(fresh)
            log.log(NOTICE, "configuration reloaded, %d new workers", number_of_workers(fresh))
        self._say_ready()

    def _open_metrics(self, settings: Settings) -> None:
        """The mail matters more: with new workers at work, a place that cannot be had is said in the log."""
        try:
            self._metrics.open(settings)
        except StartupError as error:
            log.error("metrics stay where they were: %s", error)  # noqa: TRY400

    def _metrics_text(self) -> bytes | None:
        # Not at the top: without the setting nobody pays for the library.
        from mailcordon.run.metrics import metrics_text

        view = self._counters.view()
        return None if view is None else metrics_text(view)

    def _stop(self) -> None:
        self._service_manager.notify(STOPPING=1)
        log.log(NOTICE, "stopping")
        self._listeners.close()
        self._metrics.close()
        self._workers.stop_all()
        deadline = time.monotonic() + STOP_TIMEOUT
        while self._workers and time.monotonic() < deadline:
            self._wait(_IMPATIENT)
        self._workers.kill_all()
        while self._workers:
            self._wait(_IMPATIENT)
