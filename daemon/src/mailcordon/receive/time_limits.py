"""How long a client of the mail server may take."""

import asyncio
from collections.abc import Callable

from mailcordon.config.settings import Settings
from mailcordon.receive.phase import AWAITS_CLIENT, Phase
from mailcordon.receive.reception import Reception

DRAIN_GRACE = 2.0
"""Seconds a client may be silent, once the server drains, in a transaction that it has begun."""
PLACE_PATIENCE = 100.0
"""Seconds that a client waits for a place before it is asked to come back."""
PROXY_HEADER_PATIENCE = 10.0
"""Seconds that a load balancer has for its PROXY header; it sends it at once."""
CLOSING_GRACE = 10.0
"""Seconds for the client to take the last reply."""
LEAST_RATE = 512
"""Octets a second: a message slower than this for longer than child_timeout is given up, as it holds a place."""


class TimeLimits:
    """When things happened on one connection, until when others have to, and its only timer."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._opened_at = self.last_input = loop.time()
        """`last_input`: when the client said its last word."""
        self.draining = False
        self._waits_since = 0.0
        self._data_began = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def heard(self) -> None:
        """The client has said something, or it is its turn from now on."""
        self.last_input = self._loop.time()

    def waits(self) -> None:
        """The client waits for a place from now on."""
        self._waits_since = self._loop.time()

    def data_begins(self) -> None:
        """The client may send its message from now on."""
        self._data_began = self.last_input = self._loop.time()

    def due(self, phase: Phase, settings: Settings, reception: Reception | None) -> float:
        """When the client has taken too long, on the loop's clock; later than now where it is not its turn."""
        patience = min(settings.smtpd_timeout, DRAIN_GRACE) if self.draining else settings.smtpd_timeout
        if phase is Phase.WAITING:
            return self._waits_since + PLACE_PATIENCE
        if phase is Phase.PROXY_HEADER:
            return self._opened_at + min(patience, PROXY_HEADER_PATIENCE)
        if phase not in AWAITS_CLIENT:
            return self._loop.time() + patience
        due = self.last_input + patience
        if reception is not None:
            due = min(due, self._data_began + settings.child_timeout + reception.size / LEAST_RATE)
        return due

    def expects_nothing_before(self, when: float) -> bool:
        """Whether the timer is not set, or for later than that."""
        return self._timer is None or self._timer.when() > when

    def set_timer(self, when: float, action: Callable[[], None]) -> None:
        """Call `action` then, and not what was to be called before."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, action)

    def set_closing_timer(self, action: Callable[[], None]) -> None:
        """Call `action` when the client has had time to take the last reply."""
        self.set_timer(self._loop.time() + CLOSING_GRACE, action)

    def cancel_timer(self) -> None:
        """Nothing is to be called any more."""
        if self._timer is not None:
            self._timer.cancel()
