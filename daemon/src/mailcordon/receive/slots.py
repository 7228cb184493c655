"""Places for messages: how many messages and octets a worker handles at a time is bounded, and so is what it needs."""

from collections import deque
from collections.abc import Callable


class Slots:
    """A fixed number of places with a common amount of octets, given out in the order of asking.

    Who asks for more octets than there are gets a place when all others are free: no message is too big for ever, and
    small ones never overtake it.
    """

    def __init__(self, number: int, octets: int) -> None:
        self._number = number
        self._octets = octets
        self._in_use = 0
        self._octets_in_use = 0
        self._waiting: deque[tuple[Callable[[], None], int]] = deque()

    @property
    def in_use(self) -> int:
        """Places given out."""
        return self._in_use

    @property
    def octets_in_use(self) -> int:
        """Octets given out."""
        return self._octets_in_use

    def take(self, granted: Callable[[], None], octets: int = 0) -> bool:
        """Take a place now (True), or have `granted` called once one was taken in our name (False).

        `octets` is what is known of the size; `grow` asks for more.
        """
        if not self._waiting and self._has_room(octets):
            self._occupy(octets)
            return True
        self._waiting.append((granted, octets))
        return False

    def withdraw(self, granted: Callable[[], None]) -> None:
        """Wait no longer. ValueError when `granted` does not wait."""
        waiting = next((entry for entry in self._waiting if entry[0] == granted), None)
        if waiting is None:
            raise ValueError("it does not wait")
        self._waiting.remove(waiting)
        # It may have been the one that held up those behind it.
        self._hand_out()

    def grow(self, octets: int) -> bool:
        """Ask for more octets to a place that is held; False when they are not to be had, and none are taken.

        The only message there is gets as many as it wants. So of several that grow beyond all bounds one is left.
        """
        if self._in_use > 1 and self._octets_in_use + octets > self._octets:
            return False
        self._octets_in_use += octets
        return True

    def release(self, octets: int = 0) -> None:
        """Give a place back, with all its octets; who waits longest gets it."""
        self._in_use -= 1
        self._octets_in_use -= octets
        self._hand_out()

    def _hand_out(self) -> None:
        while self._waiting and self._has_room(self._waiting[0][1]):
            granted, octets = self._waiting.popleft()
            self._occupy(octets)
            granted()

    def _has_room(self, octets: int) -> bool:
        if not self._in_use:
            return True
        return self._in_use < self._number and self._octets_in_use + octets <= self._octets

    def _occupy(self, octets: int) -> None:
        self._in_use += 1
        self._octets_in_use += octets
