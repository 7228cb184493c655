"""Whether sessions to next hops are kept after a message (features 13.02 to 13.06)."""

KEEP_WITHIN = 5.0
"""Seconds between the end of a message and the arrival of the next one, up to which keeping is switched on."""
GIVE_UP_AFTER = 15.0
"""Seconds of such a gap from which on keeping is switched off."""


class SessionKeeping:
    """One worker's switch: follows how often mail comes, or stays as it is configured.

    It is set when a message arrives and asked when a session is done with it, so it tells of the message after that
    (the specification's boundaries: B7.05, B21.09).
    """

    def __init__(self, *, enabled: bool, on_demand: bool) -> None:
        self.enabled = enabled
        self._on_demand = on_demand
        self._in_progress = 0
        self._last_end: float | None = None

    def begin(self, arrival: float) -> None:
        """A message arrived then; seconds on any clock that does not jump."""
        if self._on_demand:
            if self._in_progress:
                self.enabled = True
            elif self._last_end is not None:
                gap = arrival - self._last_end
                if gap <= KEEP_WITHIN:
                    self.enabled = True
                elif gap >= GIVE_UP_AFTER:
                    self.enabled = False
        self._in_progress += 1

    def end(self, now: float) -> None:
        """A message is done with."""
        self._in_progress -= 1
        self._last_end = now
