"""Places for messages: how many a worker handles at a time is bounded, and with it the memory it needs."""

from collections import deque
from collections.abc import Callable


class Slots:
    """A fixed number of places, given out in the order of asking."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._in_use = 0
        self._waiting: deque[Callable[[], None]] = deque()

    @property
    def in_use(self) -> int:
        """Places given out."""
        return self._in_use

    def take(self, granted: Callable[[], None]) -> bool:
        """Take a place now (True), or have `granted` called once one was taken in our name (False)."""
        if self._in_use < self._number:
            self._in_use += 1
            return True
        self._waiting.append(granted)
        return False

    def withdraw(self, granted: Callable[[], None]) -> None:
        """Wait no longer. ValueError when `granted` does not wait."""
        self._waiting.remove(granted)

    def release(self) -> None:
        """Give a place back; who waits longest gets it."""
        if self._waiting:
            self._waiting.popleft()()
        else:
            self._in_use -= 1
