"""Clients that keep each message until they hear a 2xx, as an MTA does, and clients that leave without a word."""

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import suppress

from faults.ledger import Kind, Ledger, Message

LEAVE_AT = ("connect", "EHLO", "MAIL", "RCPT", "DATA", "body")
"""Where a rude client leaves: after it has sent this."""
REPLY_TIMEOUT = 30.0
RETRY_DELAY = 0.1
MESSAGES_A_CONNECTION = 20
_PAUSE = 0.02
"""Seconds between two messages of a client: the load is steady, not the most that the machine can do."""
_MIXTURE = (Kind.CLEAN, Kind.BIG, Kind.CLEAN, Kind.INFECTED, Kind.CLEAN) * 4 + (Kind.RATED, Kind.SPAM)

_LOST = (OSError, EOFError, TimeoutError)


class Sender:
    """One client with a message at a time. Every other one sends its commands in one piece (RFC 2920)."""

    def __init__(
        self, number: int, port: int, ledger: Ledger, working: asyncio.Event, kinds: Sequence[Kind] = _MIXTURE
    ) -> None:
        self._port = port
        self._ledger = ledger
        self._working = working
        self._pipelines = bool(number % 2)
        self._kinds = itertools.islice(itertools.cycle(kinds), number * 3, None)
        self._connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._sent_on_connection = 0
        self.idle = True
        self.leave_early = 0
        """How many of the next messages to send without waiting for the reply; they are sent again."""

    async def run(self) -> None:
        """Send messages while work is wanted, until cancelled."""
        try:
            while True:
                if not self._working.is_set():
                    self._hang_up()
                    self.idle = True
                    await self._working.wait()
                self.idle = False
                message = self._ledger.new(next(self._kinds))
                while not message.acknowledged:
                    await self._attempt(message)
                await asyncio.sleep(_PAUSE)
        finally:
            self._hang_up()

    async def _attempt(self, message: Message) -> None:
        octets = message.octets()
        try:
            reader, writer = await self._connect()
            refused = await self._envelope(reader, writer, message, len(octets))
            if refused is None:
                writer.write(octets.replace(b"\r\n.", b"\r\n.."))
                await writer.drain()
        except _LOST:
            await self._try_again()
            return
        if refused is not None:
            await self._hear(message, refused)
            return
        try:
            writer.write(b".\r\n")
            await writer.drain()
            if self.leave_early:
                self.leave_early -= 1
                raise ConnectionResetError
            await self._hear(message, await _reply(reader))
        except _LOST:
            # Whether it was taken is not known.
            message.replies_lost += 1
            await self._try_again()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._connection is not None and self._sent_on_connection >= MESSAGES_A_CONNECTION:
            self._connection[1].write(b"QUIT\r\n")
            self._hang_up()
        if self._connection is None:
            self._connection = reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            self._sent_on_connection = 0
            await _expect(reader, "220")
            writer.write(b"EHLO client.example.test\r\n")
            await _expect(reader, "250")
        self._sent_on_connection += 1
        return self._connection

    async def _envelope(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: Message, size: int
    ) -> str | None:
        """The reply that refuses the message, None if it may be sent."""
        commands = [
            f"MAIL FROM:<alice@sender.example> SIZE={size} BODY=8BITMIME\r\n",
            f"RCPT TO:<{message.recipient}>\r\n",
            "DATA\r\n",
        ]
        for batch in ["".join(commands)] if self._pipelines else commands:
            writer.write(batch.encode())
            for _ in range(batch.count("\n")):
                reply = await _reply(reader)
                if reply[0] not in "23":
                    # Whatever else is under way is forgotten with the connection.
                    self._hang_up()
                    return reply
        return None

    async def _hear(self, message: Message, reply: str) -> None:
        if reply.startswith("2"):
            self._ledger.acknowledge(message, reply)
        elif reply.startswith("5"):
            self._ledger.refuse(message, reply)
        else:
            self._ledger.deferrals[reply[:9]] += 1
            await self._try_again()

    async def _try_again(self) -> None:
        self._hang_up()
        await asyncio.sleep(RETRY_DELAY)

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection[1].transport.abort()
            self._connection = None


async def leave_at(step: str, port: int, ledger: Ledger) -> None:
    """Begin to send a message and leave after `step` with a reset; what was sent of it must not arrive anywhere."""
    message = ledger.new(Kind.ABANDONED)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with suppress(*_LOST):
        await _expect(reader, "220")
        script = [
            ("EHLO", b"EHLO client.example.test\r\n", "250"),
            ("MAIL", b"MAIL FROM:<alice@sender.example>\r\n", "250"),
            ("RCPT", b"RCPT TO:<bob@example.test>\r\n", "250"),
            ("DATA", b"DATA\r\n", "354"),
            ("body", message.octets() * 40, ""),
        ]
        for name, octets, code in script[: LEAVE_AT.index(step)]:
            writer.write(octets)
            await writer.drain()
            if name != step and code:
                await _expect(reader, code)
    writer.transport.abort()


async def _expect(reader: asyncio.StreamReader, code: str) -> None:
    reply = await _reply(reader)
    if not reply.startswith(code):
        raise ConnectionResetError(reply)


async def _reply(reader: asyncio.StreamReader) -> str:
    """The last line of a reply."""
    async with asyncio.timeout(REPLY_TIMEOUT):
        while True:
            line = (await reader.readuntil(b"\n")).decode("utf-8", "replace")
            if line[3:4] != "-":
                return line.rstrip("\r\n")
