"""What waits for the writer: gathered until somebody waits for an answer, so that few transactions carry it all."""

import queue
import time
from collections import deque
from enum import Enum, auto

from mailcordon.store.tasks import Keep, Reserve, Task

BATCH = 64
"""Tasks in one transaction."""
GATHER = 0.02
"""Seconds for which tasks are gathered while nobody waits for any of them."""


class Signal(Enum):
    """What stands between the tasks."""

    LOOK = auto()
    """Look at the data base again, though there is nothing to do."""
    END = auto()


class TaskQueue:
    """Any thread puts tasks in, and never waits; the writer alone takes them out."""

    def __init__(self) -> None:
        self._new: deque[Task | Signal] = deque()
        self._gathered: list[Task] = []
        self._signal: Signal | None = None
        self._wake_up: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._is_idle = False
        """The writer looks for new tasks when it is woken up, and not before."""
        self._is_busy = False
        """There were tasks a moment ago: the writer looks again soon, and nobody has to wake it up."""

    def put(self, entry: Task | Signal) -> None:
        """Have it done after what was put in before: at once if somebody waits for it, otherwise soon."""
        self._new.append(entry)
        # Waking the writer up costs more than the entry: it need not know of each.
        if self._is_idle or isinstance(entry, (Signal, Keep)) or len(self._new) == BATCH:
            self._wake_up.put(None)

    def hurry(self, task: Reserve) -> None:
        """From now on somebody waits for this one, which was put in before."""
        task.is_awaited = True
        self._wake_up.put(None)

    def take(self, idle_time: float) -> tuple[list[Task], bool]:
        """The tasks of one transaction, none after `idle_time` seconds without any; and whether they are the last."""
        limit = time.monotonic() + idle_time
        while not self._is_due():
            left = limit - time.monotonic()
            if left <= 0:
                break
            if not self._is_busy:
                self._sleep_until_woken(left)
                # If there is a task now, it waits for others.
                self._is_busy = True
            elif not self._sleep(min(left, GATHER)):
                if self._is_due() or self._gathered:
                    break
                self._is_busy = False
        tasks, self._gathered = self._gathered[:BATCH], self._gathered[BATCH:]
        if self._gathered:
            return tasks, False
        signal, self._signal = self._signal, None
        return tasks, signal is Signal.END

    def _is_due(self) -> bool:
        """Collect what is new; whether it cannot wait."""
        while self._new:
            entry = self._new.popleft()
            if not isinstance(entry, Signal):
                self._gathered.append(entry)
            elif self._signal is not Signal.END:
                self._signal = entry
        return self._signal is not None or len(self._gathered) >= BATCH or any(map(_is_awaited, self._gathered))

    def _sleep_until_woken(self, seconds: float) -> None:
        self._is_idle = True
        # Who has put something in before he could see that does not wake us up.
        if not self._new:
            self._sleep(seconds)
        self._is_idle = False

    def _sleep(self, seconds: float) -> bool:
        """Whether somebody has ended it."""
        try:
            self._wake_up.get(timeout=seconds)
        except queue.Empty:
            return False
        return True


def _is_awaited(task: Task) -> bool:
    return isinstance(task, Keep) or (isinstance(task, Reserve) and task.is_awaited)
