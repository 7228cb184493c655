"""Which of several equal servers is asked: the least busy one that has not failed lately (B14.06)."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")

REST = 30.0
"""Seconds after a failure in which a server is asked only when all others have failed, too."""


class Spread(Generic[T]):
    """The servers of one scanner, as one worker process sees them."""

    def __init__(self, servers: Sequence[T], clock: Callable[[], float] = time.monotonic) -> None:
        self._places = [_Place(server) for server in servers]
        self._clock = clock
        # Worker processes do not all begin with the same one.
        self._next = os.getpid() % len(self._places)

    @property
    def servers(self) -> tuple[T, ...]:
        """All of them, as configured."""
        return tuple(place.server for place in self._places)

    def order(self) -> list[T]:
        """Whom to ask, one after the other until one answers. Equally busy ones take turns."""
        if len(self._places) == 1:
            return [self._places[0].server]
        first = self._next = (self._next + 1) % len(self._places)
        turn = self._places[first:] + self._places[:first]
        now = self._clock()
        turn.sort(key=lambda place: (max(place.rests_until, now), place.busy))
        return [place.server for place in turn]

    @contextmanager
    def asking(self, server: T) -> Iterator[None]:
        """`server` is busy while the context lasts, and rests when that ends with an exception of ours or the system's.

        A request that is cancelled says nothing about the server.
        """
        place = next(place for place in self._places if place.server is server)
        place.busy += 1
        try:
            yield
        except Exception:
            place.rests_until = self._clock() + REST
            raise
        else:
            place.rests_until = 0.0
        finally:
            place.busy -= 1


class _Place(Generic[T]):
    def __init__(self, server: T) -> None:
        self.server = server
        self.busy = 0
        self.rests_until = 0.0
