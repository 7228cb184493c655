"""Sessions to next hops that are kept between messages (B7.04, features 13a). One cache a worker."""

import asyncio
from dataclasses import dataclass

from mailcordon.act.smtp_client import SmtpConnection
from mailcordon.act.timeouts import Deadline, Timeouts
from mailcordon.config.types import NextHop

REUSE_AT_ONCE = 18.0
"""Seconds of rest after which a session is probed before it is used."""
MAX_IDLE = 30.0
MAX_AGE = 60.0
"""Seconds; a session older than this is not kept after its transaction."""


@dataclass(slots=True)
class ConnectionCounters:
    """Counters of features 13.08: every transaction is on a session that is new, reused or probed and reused."""

    new: int = 0
    reuse_recent: int = 0
    reuse_refreshed: int = 0
    reuse_fail: int = 0
    transact: int = 0
    quit: int = 0

    def by_name(self) -> dict[str, int]:
        """The counters under the names that monitoring tools know."""
        return {
            "OutConnNew": self.new,
            "OutConnReuseRecent": self.reuse_recent,
            "OutConnReuseRefreshed": self.reuse_refreshed,
            "OutConnReuseFail": self.reuse_fail,
            "OutConnTransact": self.transact,
            "OutConnQuit": self.quit,
        }


@dataclass(slots=True, eq=False)
class _Idle:
    connection: SmtpConnection
    since: float
    expiry: asyncio.TimerHandle


class ConnectionCache:
    """Lends connections; each is used by one message at a time."""

    def __init__(self, *, enabled: bool, hello_name: str, timeouts: Timeouts) -> None:
        self.counters = ConnectionCounters()
        self._enabled = enabled
        self._hello_name = hello_name
        self._timeouts = timeouts
        self._idle: dict[NextHop, list[_Idle]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._closed = False

    async def acquire(self, hop: NextHop, deadline: Deadline) -> SmtpConnection:
        """A kept session that is alive, else a new one. Raises HopError. Give it back with `release`."""
        while waiting := self._idle.get(hop):
            idle = waiting.pop()
            idle.expiry.cancel()
            if await self._alive(idle):
                return idle.connection
            self.counters.reuse_fail += 1
            idle.connection.abort()
        return await self.open(hop, deadline)

    async def open(self, hop: NextHop, deadline: Deadline) -> SmtpConnection:
        """A new session. Raises HopError."""
        connection = await SmtpConnection.open(hop, self._hello_name, self._timeouts, deadline)
        self.counters.new += 1
        return connection

    async def _alive(self, idle: _Idle) -> bool:
        if idle.connection.stale:
            return False
        if asyncio.get_running_loop().time() - idle.since <= REUSE_AT_ONCE:
            self.counters.reuse_recent += 1
            return True
        try:
            alive = await idle.connection.probe()
        except BaseException:
            idle.connection.abort()
            raise
        self.counters.reuse_refreshed += alive
        return alive

    def release(self, connection: SmtpConnection) -> None:
        """Take a connection back: keep it, or part with it."""
        loop = asyncio.get_running_loop()
        if not connection.usable:
            connection.abort()
        elif not self._enabled or self._closed or loop.time() - connection.opened_at >= MAX_AGE:
            self._leave(connection)
        else:
            waiting = self._idle.setdefault(connection.hop, [])
            expiry = loop.call_later(MAX_IDLE, self._expire, connection)
            waiting.append(_Idle(connection, loop.time(), expiry))

    def give_up(self, connection: SmtpConnection) -> None:
        """Drop a kept session that turned out to be dead when it was used."""
        self.counters.reuse_fail += 1
        connection.abort()

    def _expire(self, connection: SmtpConnection) -> None:
        waiting = self._idle.get(connection.hop, [])
        for idle in waiting:
            if idle.connection is connection:
                waiting.remove(idle)
                self._leave(connection)
                return

    def _leave(self, connection: SmtpConnection) -> None:
        """QUIT without keeping the message waiting."""
        self.counters.quit += 1
        task = asyncio.create_task(connection.quit())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        """Take leave of every next hop; nothing is kept from now on."""
        self._closed = True
        for waiting in self._idle.values():
            for idle in waiting:
                idle.expiry.cancel()
                self._leave(idle.connection)
        self._idle.clear()
        if self._leaving:
            await asyncio.gather(*self._leaving)
