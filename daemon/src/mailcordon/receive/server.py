"""The mail server of one worker: accepts connections from shared listening sockets, and drains."""

import asyncio
import logging
import socket
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Protocol

from mailcordon.config.policy_banks import PolicyBanks
from mailcordon.log_levels import NOTICE
from mailcordon.mail.ids import LogIds
from mailcordon.mail.timing import Timing
from mailcordon.receive.ampdp_connection import PolicyConnection
from mailcordon.receive.ampdp_desk import PolicyDesk, ReleaseHandler
from mailcordon.receive.endpoint import Endpoint
from mailcordon.receive.intake import Handler, Intake
from mailcordon.receive.protocol import SmtpConnection
from mailcordon.receive.spool import remove_leftovers
from mailcordon.receive.tls import server_context

log = logging.getLogger(__name__)

ACCEPT_PAUSE = 1.0
"""Seconds without accepting after there was no place, descriptor or memory for a connection."""
_MAPPED_IPV4 = "::ffff:"
_POLICY_PROTOCOL = "AM.PDP"


class Connection(Protocol):
    """What the server asks of a connection, whatever is spoken there."""

    @property
    def idle_since(self) -> float | None:
        """When the client said its last word, on the loop's clock; None while it is being served."""

    def make_room(self) -> None:
        """Take leave of an idle client."""

    def drain(self) -> None:
        """Finish what was begun, then leave."""


class MailServer:
    """SMTP, LMTP and AM.PDP on any number of listening sockets, which stay the property of the caller."""

    def __init__(
        self, banks: PolicyBanks, handler: Handler, log_ids: LogIds, release: ReleaseHandler | None = None
    ) -> None:
        """Without `release` no AM.PDP is spoken. Raises StartupError when TLS is offered and its certificate cannot be
        used."""
        self._banks = banks
        self._tls_context = server_context(banks.base)
        self._intake = Intake(banks, handler, log_ids)
        self._desk = PolicyDesk(self._intake, release) if release else None
        self._listeners: list[socket.socket] = []
        self._pauses: dict[socket.socket, asyncio.TimerHandle] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._connections: set[Connection] = set()
        self._none_left = asyncio.Event()

    @property
    def messages_in_flight(self) -> int:
        """Messages being received or handled."""
        return self._intake.slots.in_use

    @property
    def in_progress(self) -> Mapping[str, Timing]:
        """The messages being received or handled, by log id."""
        return self._intake.in_progress

    async def start(self, sockets: Sequence[socket.socket]) -> None:
        """Take connections from `sockets`, which listen already and may be shared with other processes."""
        directory = self._banks.base.TEMPBASE
        try:
            leftovers = await asyncio.to_thread(remove_leftovers, directory)
        except OSError as error:
            log.warning("cannot look for old spool files in %s: %s", directory, error.strerror)
        else:
            if leftovers:
                log.log(NOTICE, "removed %d spool files of processes that are gone", leftovers)
        for listener in sockets:
            listener.setblocking(False)
            self._listeners.append(listener)
            self._listen(listener)

    def stop_listening(self) -> None:
        """Accept nothing more; the caller may close the listening sockets then."""
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            loop.remove_reader(listener)
        self._listeners.clear()
        for pause in self._pauses.values():
            pause.cancel()
        self._pauses.clear()

    async def drain(self) -> None:
        """Accept nothing more, let transactions in progress finish, leave idle clients with 421.

        Returns when the last connection is gone.
        """
        self.stop_listening()
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
        # MTAs keep connections just in case; those must not keep out who has mail.
        full = len(self._connections) + len(self._opening) >= self._banks.base.max_connections_per_worker
        idle = self._idle_for_longest() if full else None
        if full and idle is None:
            log.log(NOTICE, "%d connections, all of them busy: others have to wait", len(self._connections))
            self._pause(listener)
            return
        try:
            connection, peer = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another worker took it, or the client left
        except OSError as error:
            log.error("cannot accept a connection, trying again in %g s: %s", ACCEPT_PAUSE, error.strerror)  # noqa: TRY400
            self._pause(listener)
            return
        endpoint = _endpoint(connection, peer)
        if endpoint.peer_addr is not None and not self._may_connect(endpoint):
            log.log(NOTICE, "connection from [%s] dropped: not in inet_acl", endpoint.peer_addr)
            connection.close()
            return
        task = asyncio.get_running_loop().create_task(self._open(connection, endpoint))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)
        if idle is not None:
            log.info("%d connections, closing the one that is idle for longest", len(self._connections))
            idle.make_room()

    def _pause(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(listener)
        self._pauses[listener] = loop.call_later(ACCEPT_PAUSE, self._listen, listener)

    def _idle_for_longest(self) -> Connection | None:
        idle = [(since, connection) for connection in self._connections if (since := connection.idle_since) is not None]
        return min(idle, key=itemgetter(0))[1] if idle else None

    def _may_connect(self, endpoint: Endpoint) -> bool:
        regime = self._banks.at_interface(endpoint.local_addr, endpoint.local_port)
        return regime.settings.inet_acl.contains(endpoint.peer_addr)

    async def _open(self, connection: socket.socket, endpoint: Endpoint) -> None:
        loop = asyncio.get_running_loop()
        protocol = self._protocol_at(endpoint)
        self._connections.add(protocol)
        try:
            connection.setblocking(False)
            if connection.family != socket.AF_UNIX:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.connect_accepted_socket(lambda: protocol, connection)
        except OSError as error:
            log.info("connection lost before the greeting: %s", error.strerror)
            connection.close()
            self._connection_gone(protocol)

    def _protocol_at(self, endpoint: Endpoint) -> SmtpConnection | PolicyConnection:
        """What is spoken there, by the policy bank of the socket (B1.01)."""
        regime = self._banks.at_interface(endpoint.local_addr, endpoint.local_port, endpoint.path)
        if self._desk is not None and regime.settings.protocol == _POLICY_PROTOCOL:
            return PolicyConnection(self._desk, endpoint, regime, self._connection_gone)
        return SmtpConnection(self._intake, endpoint, self._connection_gone, self._tls_context)

    def _connection_gone(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._none_left.set()


def _endpoint(connection: socket.socket, peer: object) -> Endpoint:
    """Addresses of the connection; IPv4 peers of an IPv6 socket get their plain form."""
    local = connection.getsockname()
    if connection.family == socket.AF_UNIX or not isinstance(peer, tuple):
        return Endpoint(path=local if isinstance(local, str) else None)
    return Endpoint(_plain(peer[0]), _plain(local[0]), local[1])


def _plain(address: str) -> str:
    return address.removeprefix(_MAPPED_IPV4) if "." in address else address
