"""The worker processes of a supervisor: a full set of them, replaced when they end, hang or are worn out (B18.06)."""

import gc
import itertools
import logging
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Sequence

from mailcordon.config.settings import Settings
from mailcordon.errors import StartupError
from mailcordon.run import worker_process
from mailcordon.run.counter_directory import CounterDirectory
from mailcordon.run.databases import load_libraries
from mailcordon.run.worker_process import WorkerProcess

log = logging.getLogger(__name__)

FINISH_GRACE = 55.0
"""Seconds that a worker which leaves has beyond the longest time for a message."""
FIRST_RESTART_DELAY = 1.0
LONGEST_RESTART_DELAY = 30.0
STABLE_AFTER = 10.0
"""Seconds. Workers that live longer do not fail at once, and can be replaced at once without making it worse."""


class Workers:
    """All workers: those of the configuration in force, and those that still finish under an earlier one.

    Their signs of life are events of `selector`, with the WorkerProcess as data.
    """

    def __init__(
        self,
        selector: selectors.BaseSelector,
        in_child: Callable[[], None],
        counters: CounterDirectory,
        *,
        to_terminal: bool,
    ) -> None:
        self._selector = selector
        self._counters = counters
        self._in_child = in_child
        self._to_terminal = to_terminal
        self._all: dict[int, WorkerProcess] = {}
        self._generations = itertools.count(1)
        self._generation = 0
        self._wanted = 0
        self._settings: Settings
        self._restart_delay = FIRST_RESTART_DELAY
        self._restart_at = 0.0

    # A set of workers

    def start_set(self, settings: Settings, sockets: Sequence[socket.socket]) -> int:
        """Start a full set beside the workers there are; gives its number. Raises StartupError with none started."""
        load_libraries(settings)
        # What earlier configurations left behind must not be frozen with the rest at each fork.
        gc.unfreeze()
        gc.collect()
        generation = next(self._generations)
        try:
            for number in range(number_of_workers(settings)):
                self._start(settings, generation, sockets, is_first=number == 0)
        except StartupError:
            self.abandon_set(generation)
            raise
        return generation

    def set_is_ready(self, generation: int, wanted: int, patience: float) -> bool:
        """Whether all `wanted` workers of a set take mail.

        Raises StartupError when one of them has ended, or does not take mail `patience` seconds after its start.
        """
        fresh = [worker for worker in self._all.values() if worker.generation == generation]
        if len(fresh) < wanted:
            raise StartupError("the workers do not come up, see the log for the reason")
        late = [worker for worker in fresh if not worker.ready]
        if late and time.monotonic() - late[0].started_at > patience:
            raise StartupError(f"the workers do not take mail within {patience:g} s")
        return not late

    def abandon_set(self, generation: int) -> None:
        """Kill a set that does not come up."""
        for worker in self._all.values():
            if worker.generation == generation:
                worker.stopping_since = time.monotonic()
                worker.kill()

    def employ_set(self, generation: int, settings: Settings) -> None:
        """From now on this set does the work and is kept complete; all other workers finish and leave."""
        self._generation = generation
        self._settings = settings
        self._wanted = number_of_workers(settings)
        for worker in self._all.values():
            if worker.generation != generation:
                worker.stop()

    @property
    def leaving(self) -> int:
        """Workers that finish what they have begun."""
        return sum(worker.stopping_since is not None for worker in self._all.values())

    @property
    def _current(self) -> list[WorkerProcess]:
        return [
            worker
            for worker in self._all.values()
            if worker.generation == self._generation and worker.stopping_since is None
        ]

    # Watching them

    @property
    def answering(self) -> bool:
        """Whether mail is taken, and no worker that should do so has been silent for too long."""
        current = self._current
        return any(worker.ready for worker in current) and not any(worker.silent for worker in current)

    def next_restart(self) -> float | None:
        """Seconds until a missing worker is replaced; None when none is missing."""
        return max(0.0, self._restart_at - time.monotonic()) if self._missing() else None

    def reap(self) -> None:
        """Take note of the workers that have ended."""
        self._counters.add_ended()
        for worker in list(self._all.values()):
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid == 0:
                continue
            # A worker that says nothing more is gone from the selector, or it would be readable for ever.
            self._selector.unregister(worker.channel)
            worker.close()
            del self._all[pid]
            self._counters.ended(pid)
            if worker.stopping_since is None:
                log.error("worker %d ended: %s", pid, _describe(status))
                self._delay_restart(worker)

    def end_hung(self) -> None:
        """Kill workers that give no sign of life, or that take too long to leave."""
        now = time.monotonic()
        longest = self._settings.longest_child_timeout + FINISH_GRACE
        for worker in self._all.values():
            if worker.stopping_since is not None and now - worker.stopping_since > longest:
                log.error(
                    "worker %d does not finish within %d s, killing it; the MTA keeps its mail", worker.pid, longest
                )
                worker.kill()
            elif worker.silent:
                log.error("worker %d gives no sign of life for %d s, replacing it", worker.pid, worker.silence_limit)
                worker.last_seen = now
                worker.kill()

    def complete(self, sockets: Sequence[socket.socket]) -> None:
        """Replace workers that ended, and one that is worn out; one at a time, so that the others take the mail."""
        current = self._current
        worn_out = next((worker for worker in current if worker.worn_out), None)
        if worn_out is not None and all(worker.ready for worker in current) and not self._missing():
            log.info("worker %d has handled %d messages, replacing it", worn_out.pid, self._settings.max_requests)
            worn_out.stop()
        if not self._missing() or time.monotonic() < self._restart_at:
            return
        try:
            for _ in range(self._missing()):
                self._start(self._settings, self._generation, sockets, is_first=False)
        except StartupError as error:
            log.error("%s, trying again", error)  # noqa: TRY400
            self._lengthen_delay()

    def _missing(self) -> int:
        return self._wanted - len(self._current)

    def _start(self, settings: Settings, generation: int, sockets: Sequence[socket.socket], *, is_first: bool) -> None:
        worker = worker_process.start(
            settings,
            generation,
            sockets,
            to_terminal=self._to_terminal,
            is_first=is_first,
            in_child=self._become_child,
            counters=self._counters,
        )
        self._all[worker.pid] = worker
        self._selector.register(worker.channel, selectors.EVENT_READ, worker)

    def _become_child(self) -> None:
        # With a copy of a sibling's channel left open, the sibling would not notice the end of the supervisor.
        for sibling in self._all.values():
            sibling.close()
        self._in_child()

    def _delay_restart(self, ended: WorkerProcess) -> None:
        if time.monotonic() - ended.started_at > STABLE_AFTER:
            self._restart_delay = FIRST_RESTART_DELAY
        self._lengthen_delay()

    def _lengthen_delay(self) -> None:
        self._restart_at = time.monotonic() + self._restart_delay
        self._restart_delay = min(2 * self._restart_delay, LONGEST_RESTART_DELAY)

    # The end

    def stop_all(self) -> None:
        """Have all of them finish what they have begun and leave."""
        self._wanted = 0
        for worker in self._all.values():
            worker.stop()

    def kill_all(self) -> None:
        """End those that are left."""
        for worker in self._all.values():
            log.error("worker %d does not finish, killing it; the MTA keeps its mail", worker.pid)
            worker.kill()

    def __bool__(self) -> bool:
        return bool(self._all)


def number_of_workers(settings: Settings) -> int:
    """`max_servers`, or one for each core."""
    return settings.max_servers or len(os.sched_getaffinity(0))


def _describe(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
