"""How long we wait for a next hop (B7.03)."""

import asyncio
from dataclasses import dataclass

from mailcordon.mail.message import Mail


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds for each step of a conversation."""

    connect: float = 35
    greeting: float = 300
    hello: float = 300
    starttls: float = 300
    """The reply to STARTTLS, and the handshake."""
    command: float = 300
    """XFORWARD, MAIL, RCPT."""
    data: float = 120
    block: float = 180
    """For each block of the message."""
    final: float = 600
    noop: float = 15
    reset: float = 20
    quit: float = 5
    least: float = 60
    """A message near its deadline still gets this long for a step that may take so long at all."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a message should be done with, on the clock of the event loop."""

    at: float
    least: float

    @classmethod
    def of(cls, mail: Mail, child_timeout: float, timeouts: Timeouts) -> "Deadline":
        """`child_timeout` seconds after the message was received."""
        return cls(asyncio.get_running_loop().time() + child_timeout - mail.age, timeouts.least)

    def within(self, seconds: float) -> float:
        """`seconds`, or what remains of the message's time if that is less."""
        if seconds <= self.least:
            return seconds
        return min(seconds, max(self.least, self.at - asyncio.get_running_loop().time()))
