"""The next hop of the campaign: counts what it takes, and hangs up at any step of the protocol when told to."""

import asyncio
import contextlib
from collections import Counter

from faults.ledger import Ledger, Message
from servers import free_port

STEPS = ("connect", "banner", "EHLO", "MAIL", "RCPT", "DATA", "body", "end", "taken")
"""Where it can hang up: before the greeting, after it, at a command, within the message, at its end without having
taken it, and after having taken it (then the reply is lost, and a duplicate is what SMTP allows)."""

_GREETING = b"220 hop.example.test ESMTP\r\n"
_FEATURES = (
    b"250-hop.example.test\r\n250-PIPELINING\r\n250-SIZE\r\n250-8BITMIME\r\n250-DSN\r\n250 ENHANCEDSTATUSCODES\r\n"
)
_LIMIT = 4 << 20


class Sink:
    """An SMTP server in the loop of the field."""

    def __init__(self, ledger: Ledger) -> None:
        self.port = free_port()
        self.hang_up: Counter[str] = Counter()
        """How often to hang up at which step, from now on."""
        self.delay = 0.0
        """Seconds before the reply to a message."""
        self.refusal = b""
        """A reply to MAIL other than 250."""
        self._ledger = ledger
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()
        self._unread: dict[asyncio.StreamWriter, Message] = {}
        """Messages taken, whose reply the client has not shown to have read: it says nothing more after it."""

    async def start(self) -> None:
        """Listen; always on the same port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=_LIMIT, backlog=200)

    async def stop(self) -> None:
        """Neither listen nor talk any more, as when the MTA is stopped."""
        if self._server is not None:
            await _stop_accepting(self._server)
            self._server.close()
            self._server = None
        for message in self._unread.values():
            message.replies_lost += not message.acknowledged
        self._unread.clear()
        for connection in list(self._connections):
            connection.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        with contextlib.suppress(ConnectionError, EOFError):
            await self._talk(reader, writer)
        self._connections.discard(writer)
        self._unread.pop(writer, None)
        writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._maybe_hang_up("connect")
        writer.write(_GREETING)
        await writer.drain()
        self._maybe_hang_up("banner")
        while line := await reader.readline():
            self._unread.pop(writer, None)
            verb = line[:4].upper().decode("ascii", "replace")
            self._maybe_hang_up(verb)
            match verb:
                case "EHLO":
                    writer.write(_FEATURES)
                case "MAIL":
                    writer.write(self.refusal or b"250 2.1.0 Ok\r\n")
                case "RCPT" if self.refusal:
                    writer.write(b"503 5.5.1 MAIL first\r\n")
                case "DATA" if self.refusal:
                    writer.write(b"554 5.5.1 no valid recipients\r\n")
                case "DATA":
                    writer.write(b"354 go ahead\r\n")
                    await self._message(reader, writer)
                case "QUIT":
                    writer.write(b"221 2.0.0 Bye\r\n")
                    await writer.drain()
                    return
                case _:
                    writer.write(b"250 2.0.0 Ok\r\n")
            await writer.drain()

    async def _message(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await writer.drain()
        if self.hang_up["body"]:
            await reader.read(100)
            self._maybe_hang_up("body")
        octets = await reader.readuntil(b"\r\n.\r\n")
        self._maybe_hang_up("end")
        await asyncio.sleep(self.delay)
        if writer.transport.is_closing():
            # Cut off by `stop` with the whole message in the buffer: nobody would hear that it was taken.
            raise ConnectionResetError
        message = self._ledger.deliver(octets[:-3].replace(b"\r\n..", b"\r\n."))
        if self.hang_up["taken"] and message is not None:
            message.replies_lost += 1
            self._maybe_hang_up("taken")
        elif message is not None:
            self._unread[writer] = message
        writer.write(b"250 2.0.0 Ok: queued as %d\r\n" % (message.number if message else 0))

    def _maybe_hang_up(self, step: str) -> None:
        if self.hang_up[step]:
            self.hang_up[step] -= 1
            raise ConnectionResetError


async def _stop_accepting(server: asyncio.Server) -> None:
    """asyncio forgets a connection, open as it is, whose server is closed between its acceptance and its first step:
    its client would wait for a greeting for minutes."""
    loop = asyncio.get_running_loop()
    for listener in server.sockets:
        loop.remove_reader(listener.fileno())
    # The step from acceptance to a transport is a task of its own, which begins in the next turn.
    for _ in range(3):
        await asyncio.sleep(0)
