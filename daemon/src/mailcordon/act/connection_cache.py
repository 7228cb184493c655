"""Sessions to next hops that are kept between messages (B7.04, features 13a). One cache a worker."""

import asyncio
import logging
from dataclasses import dataclass

from mailcordon.act.counters import OutgoingCounters
from mailcordon.act.session_keeping import SessionKeeping
from mailcordon.act.smtp_client import HandshakeError, NotGreetedError, SmtpConnection, Target
from mailcordon.act.timeouts import Deadline, Timeouts
from mailcordon.act.tls import TlsContexts

log = logging.getLogger(__name__)

REUSE_AT_ONCE = 18.0
"""Seconds of rest after which a session is probed before it is used."""
MAX_IDLE = 30.0
MAX_AGE = 60.0
"""Seconds; a session older than this is not kept after its transaction."""


@dataclass(slots=True, eq=False)
class _Idle:
    connection: SmtpConnection
    since: float
    expiry: asyncio.TimerHandle


class ConnectionCache:
    """Lends connections; each is used by one message at a time."""

    def __init__(
        self, keeping: SessionKeeping, *, hello_name: str, timeouts: Timeouts, contexts: TlsContexts | None = None
    ) -> None:
        self.counters = OutgoingCounters()
        self._keeping = keeping
        self._hello_name = hello_name
        self._timeouts = timeouts
        self._contexts = contexts or TlsContexts()
        self._idle: dict[Target, list[_Idle]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._closed = False

    async def acquire(self, target: Target, deadline: Deadline) -> SmtpConnection:
        """A kept session that is alive, else a new one. Raises HopError. Give it back with `release`."""
        while waiting := self._idle.get(target):
            idle = waiting.pop()
            idle.expiry.cancel()
            if await self._alive(idle):
                return idle.connection
            self.give_up(idle.connection)
        return await self.open(target, deadline)

    async def open(self, target: Target, deadline: Deadline) -> SmtpConnection:
        """A new session. Raises HopError."""
        try:
            return await self._open(target, deadline)
        except HandshakeError as error:
            if target.security.level != "may" or target.security.verify:
                raise
            log.warning("MTA(%s): %s; going on without TLS, as tls_security_level_out is may", target.hop, error)
            return await self._open(Target(target.hop), deadline)

    async def _open(self, target: Target, deadline: Deadline) -> SmtpConnection:
        try:
            return await self._connect(target, deadline)
        except NotGreetedError as error:
            # Its process may have gone just as we came, as in a restart, and another one may be there already.
            log.info("MTA(%s): %s; trying once more", target.hop, error)
            return await self._connect(target, deadline)

    async def _connect(self, target: Target, deadline: Deadline) -> SmtpConnection:
        return await SmtpConnection.open(target, self._hello_name, self._timeouts, deadline, self._contexts)

    def count_transaction(self, connection: SmtpConnection) -> None:
        """To be called before MAIL."""
        if connection.transactions == 0:
            self.counters.new += 1
        elif connection.probed:
            self.counters.reuse_refreshed += 1
        else:
            self.counters.reuse_recent += 1

    async def _alive(self, idle: _Idle) -> bool:
        connection = idle.connection
        if connection.stale:
            return False
        connection.probed = asyncio.get_running_loop().time() - idle.since > REUSE_AT_ONCE
        if not connection.probed:
            return True
        try:
            return await connection.probe()
        except BaseException:
            connection.abort()
            raise

    def release(self, connection: SmtpConnection) -> None:
        """Take a connection back: keep it, or part with it."""
        loop = asyncio.get_running_loop()
        if not connection.usable:
            connection.abort()
        elif not self._keeping.enabled or self._closed or loop.time() - connection.opened_at >= MAX_AGE:
            self._leave(connection)
        else:
            waiting = self._idle.setdefault(connection.target, [])
            expiry = loop.call_later(MAX_IDLE, self._expire, connection)
            waiting.append(_Idle(connection, loop.time(), expiry))

    def give_up(self, connection: SmtpConnection) -> None:
        """Drop a kept session that turned out to be dead when it was used."""
        self.counters.reuse_fail += 1
        connection.abort()

    def _expire(self, connection: SmtpConnection) -> None:
        waiting = self._idle.get(connection.target, [])
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
