"""The mail server of one worker: accepts connections from shared listening sockets, and drains."""

import asyncio
import logging
import socket
from collections.abc import Sequence

from mailcordon.config.settings import Settings
from mailcordon.log_levels import NOTICE
from mailcordon.mail.ids import LogIds
from mailcordon.receive.intake import Handler, Intake
from mailcordon.receive.protocol import SmtpConnection
from mailcordon.receive.session import Endpoint
from mailcordon.receive.spool import remove_leftovers

log = logging.getLogger(__name__)

ACCEPT_PAUSE = 1.0
"""Seconds without accepting after the system had no descriptor or memory for a connection."""
_MAPPED_IPV4 = "::ffff:"


class MailServer:
    """SMTP and LMTP on any number of listening sockets, which stay the property of the caller."""

    def __init__(self, settings: Settings, handler: Handler, log_ids: LogIds) -> None:
        self._settings = settings
        self._intake = Intake(settings, handler, log_ids)
        self._listeners: list[socket.socket] = []
        self._pauses: dict[socket.socket, asyncio.TimerHandle] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._connections: set[SmtpConnection] = set()
        self._none_left = asyncio.Event()

    @property
    def messages_in_flight(self) -> int:
        """Messages being received or handled."""
        return self._intake.slots.in_use

    async def start(self, sockets: Sequence[socket.socket]) -> None:
        """Take connections from `sockets`, which listen already and may be shared with other processes."""
        try:
            leftovers = await asyncio.to_thread(remove_leftovers, self._settings.TEMPBASE)
        except OSError as error:
            log.warning("cannot look for old spool files in %s: %s", self._settings.TEMPBASE, error.strerror)
        else:
            if leftovers:
                log.log(NOTICE, "removed %d spool files of processes that are gone", leftovers)
        for listener in sockets:
            listener.setblocking(False)
            self._listeners.append(listener)
            self._listen(listener)

    async def drain(self) -> None:
        """Accept nothing more, let transactions in progress finish, leave idle clients with 421.

        Returns when the last connection is gone.
        """
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            loop.remove_reader(listener)
        self._listeners.clear()
        for pause in self._pauses.values():
            pause.cancel()
        self._pauses.clear()
        if self._opening:
            await asyncio.wait(self._opening)
        for connection in list(self._connections):
            connection.drain()
        while self._connections:
            self._none_left.clear()
            await self._none_left.wait()

    # Our own accept loop rather than asyncio's: it takes one connection at a time, so that workers share them evenly,
    # and never closes a listening socket that other processes use.

    def _listen(self, listener: socket.socket) -> None:
        self._pauses.pop(listener, None)
        asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, peer = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another worker took it, or the client left
        except OSError as error:
            log.error("cannot accept a connection, trying again in %g s: %s", ACCEPT_PAUSE, error.strerror)  # noqa: TRY400
            loop = asyncio.get_running_loop()
            loop.remove_reader(listener)
            self._pauses[listener] = loop.call_later(ACCEPT_PAUSE, self._listen, listener)
            return
        endpoint = _endpoint(connection, peer)
        if endpoint.peer_addr is not None and not self._settings.inet_acl.contains(endpoint.peer_addr):
            log.log(NOTICE, "connection from [%s] dropped: not in inet_acl", endpoint.peer_addr)
            connection.close()
            return
        task = asyncio.get_running_loop().create_task(self._open(connection, endpoint))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, connection: socket.socket, endpoint: Endpoint) -> None:
        loop = asyncio.get_running_loop()
        smtp = SmtpConnection(self._intake, endpoint, self._connection_gone)
        self._connections.add(smtp)
        try:
            connection.setblocking(False)
            if connection.family != socket.AF_UNIX:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.connect_accepted_socket(lambda: smtp, connection)
        except OSError as error:
            log.info("connection lost before the greeting: %s", error.strerror)
            connection.close()
            self._connection_gone(smtp)

    def _connection_gone(self, connection: SmtpConnection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._none_left.set()


def _endpoint(connection: socket.socket, peer: object) -> Endpoint:
    """Addresses of the connection; IPv4 peers of an IPv6 socket get their plain form."""
    if connection.family == socket.AF_UNIX or not isinstance(peer, tuple):
        return Endpoint()
    local = connection.getsockname()
    return Endpoint(_plain(peer[0]), _plain(local[0]), local[1])


def _plain(address: str) -> str:
    return address.removeprefix(_MAPPED_IPV4) if "." in address else address
