"""How fast counters grow: over the last minutes, or since the start where not so much is known yet (B17.07)."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from mailcordon.run.counter_directory import DaemonView

WINDOW = 300.0
"""Seconds over which a rate is taken."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Growth of counters within some time."""

    seconds: float
    grown: Mapping[str, float]

    def per_hour(self, name: str) -> float:
        """What is counted in an hour."""
        return 3600 * self.grown.get(name, 0.0) / self.seconds if self.seconds > 0 else 0.0


class History:
    """What was seen of the counters of one daemon; another one, or the same after a restart, has a new history."""

    def __init__(self) -> None:
        self._daemon: tuple[int, float] | None = None
        self._seen: deque[tuple[float, Mapping[str, float]]] = deque()

    def rates(self, view: DaemonView, now: float) -> Rates:
        """Take note of what is seen now, and say how it has grown. `now`: seconds since the epoch."""
        daemon = (view.pid, view.started_at)
        if daemon != self._daemon:
            self._daemon = daemon
            self._seen.clear()
        self._seen.append((now, view.counters))
        while len(self._seen) > 1 and now - self._seen[1][0] >= WINDOW:
            self._seen.popleft()
        then, counters = self._seen[0]
        if now - then < WINDOW / 2:
            return Rates(now - view.started_at, view.counters)
        return Rates(now - then, {name: value - counters.get(name, 0.0) for name, value in view.counters.items()})
