"""A stream connection to a scanner: unix socket or TCP, with descriptor passing."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mailcordon.config.types import SocketAddress
from mailcordon.errors import ProtocolError, ScannerError, ScannerTimeoutError

_CHUNK = 64 * 1024


@asynccontextmanager
async def scanner_failures(scanner: str, timeout: float) -> AsyncIterator[None]:  # noqa: ASYNC109 - that is its purpose
    """One time limit, seconds, and one kind of error: whatever goes wrong inside is a ScannerError naming `scanner`;
    a ScannerTimeoutError when time is up."""
    try:
        async with asyncio.timeout(timeout):
            yield
    except TimeoutError:
        raise ScannerTimeoutError(f"{scanner}: no answer within {round(timeout, 1):g} s") from None
    except (OSError, ProtocolError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ScannerError(f"{scanner}: {reason}") from None


class Connection:
    """A connected socket. Times out only by the caller's `asyncio.timeout`; OSError and ProtocolError come through."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._received = bytearray()

    @classmethod
    async def open(cls, address: SocketAddress) -> "Connection":
        """Connect. Raises OSError."""
        loop = asyncio.get_running_loop()
        targets: list[tuple[int, Any]]
        if address.path is not None:
            targets = [(socket.AF_UNIX, address.path)]
        else:
            found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
            targets = [(family, target) for family, _, _, _, target in found]
        failure: OSError | None = None
        for family, target in targets:
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.setblocking(False)
            try:
                await loop.sock_connect(sock, target)
            except OSError as error:
                sock.close()
                failure = error
            except BaseException:
                sock.close()
                raise
            else:
                if family != socket.AF_UNIX:
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return cls(sock)
        raise failure or OSError(f"{address} has no address")

    @property
    def is_idle(self) -> bool:
        """Open, with nothing to read: while no request is under way, anything readable is an end or an error."""
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return not self._received
        except OSError:
            return False
        return False

    async def send(self, octets: bytes | memoryview) -> None:
        """Send all of it."""
        await asyncio.get_running_loop().sock_sendall(self._socket, octets)

    def send_descriptor(self, octets: bytes, descriptor: int) -> None:
        """Send a few octets with a descriptor attached (SCM_RIGHTS). Several of them fit into the empty buffer of a
        connection on which the peer has answered everything before; otherwise BlockingIOError, an OSError."""
        if socket.send_fds(self._socket, [octets], [descriptor]) != len(octets):
            raise ProtocolError("the peer does not read")

    def end_of_sending(self) -> None:
        """Tell the peer that nothing more comes."""
        self._socket.shutdown(socket.SHUT_WR)

    async def receive_until(self, separator: bytes, limit: int) -> bytes:
        """The octets up to the separator, without it. Raises ProtocolError at the end of the stream or over `limit`."""
        while (at := self._received.find(separator)) < 0:
            if len(self._received) > limit:
                raise ProtocolError(f"answer of more than {limit} octets")
            if not await self._receive():
                raise ProtocolError("connection closed without an answer")
        line = bytes(self._received[:at])
        del self._received[: at + len(separator)]
        return line

    async def receive_exactly(self, size: int) -> bytes:
        """That many octets. Raises ProtocolError at the end of the stream."""
        while len(self._received) < size:
            if not await self._receive():
                raise ProtocolError("connection closed without an answer")
        octets = bytes(self._received[:size])
        del self._received[:size]
        return octets

    async def receive_all(self, limit: int) -> bytes:
        """Everything up to the end of the stream. Raises ProtocolError over `limit`."""
        while await self._receive():
            if len(self._received) > limit:
                raise ProtocolError(f"answer of more than {limit} octets")
        return bytes(self._received)

    async def _receive(self) -> bool:
        octets = await asyncio.get_running_loop().sock_recv(self._socket, _CHUNK)
        self._received += octets
        return bool(octets)

    def close(self) -> None:
        """Give up the connection; what the peer has not answered is lost."""
        self._socket.close()
