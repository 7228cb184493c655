"""Helpers for tests of the server: a running server, a handler that records, a client that speaks octets."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from mailcordon.config.policy_banks import PolicyBanks
from mailcordon.config.settings import Settings
from mailcordon.mail.category import CLEAN, Destiny
from mailcordon.mail.content import Content
from mailcordon.mail.ids import LogIds
from mailcordon.mail.message import Mail
from mailcordon.mail.reply import Reply
from mailcordon.mail.verdict import Disposition, Outcome, RecipientOutcome, Verdict
from mailcordon.receive.server import MailServer

MESSAGE = b"Subject: hello\r\n\r\nbody\r\n"
SEND = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"


def outcome_of(mail: Mail) -> Outcome:
    """Everything relayed; each recipient's reply names it, so that a mix-up shows."""
    relayed = tuple(
        RecipientOutcome(
            verdict=Verdict(
                recipient=recipient,
                is_local=True,
                categories=frozenset({CLEAN}),
                main=CLEAN,
                blocking=None,
                destiny=Destiny.PASS,
                reason=f"id={mail.log_id} - CLEAN",
            ),
            disposition=Disposition.RELAYED,
            reply=Reply(250, "2.6.0", f"Ok, id={mail.log_id}, for {recipient.address}"),
        )
        for recipient in mail.envelope.recipients
    )
    return Outcome(relayed, Reply(250, "2.6.0", f"Ok, id={mail.log_id}, from MTA(test): 250 2.0.0 Ok: queued as 4711"))


@dataclass
class Recorder:
    """The handler of the tests: keeps each message, then does what `act` says."""

    act: Callable[[Mail], Awaitable[Outcome]] | None = None
    mails: list[Mail] = field(default_factory=list)
    octets: list[bytes] = field(default_factory=list)
    at_once: int = 0
    """Most messages that were being handled at the same time."""
    now: int = 0

    async def __call__(self, mail: Mail) -> Outcome:
        self.now += 1
        self.at_once = max(self.at_once, self.now)
        try:
            self.mails.append(mail)
            self.octets.append(bytes(mail.content.view()))
            return await self.act(mail) if self.act else outcome_of(mail)
        finally:
            self.now -= 1


@dataclass
class Running:
    """A server that listens on a port of its own."""

    server: MailServer
    port: int
    listener: socket.socket

    @asynccontextmanager
    async def client(self, *, greeted: bool = True) -> AsyncIterator["Client"]:
        """A connection; with `greeted`, the greeting is already read."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        async with Client(reader, writer) as client:
            if greeted:
                await client.reply()
            yield client


class Client:
    """Writes octets, reads replies; every wait is bounded."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def at_unix_socket(cls, path: str) -> Self:
        """A connection to the server at that path."""
        return cls(*await asyncio.open_unix_connection(path))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except ConnectionError:
            return

    def write(self, octets: bytes) -> None:
        self.writer.write(octets)

    async def reply(self) -> str:
        """The next reply, lines joined with LF; `EOFError` when the server has closed."""
        lines = []
        while True:
            line = (await asyncio.wait_for(self.reader.readline(), 10)).decode("utf-8", "surrogateescape")
            if not line:
                raise EOFError
            assert line.endswith("\r\n")
            lines.append(line.removesuffix("\r\n"))
            if line[3] == " ":
                return "\n".join(lines)

    async def replies(self, number: int) -> list[str]:
        return [await self.reply() for _ in range(number)]

    async def ask(self, line: str) -> str:
        self.write(line.encode("utf-8", "surrogateescape") + b"\r\n")
        return await self.reply()

    async def send(self, message: bytes = MESSAGE, *, chunk: int = 0) -> str:
        """One mail in lockstep; gives the reply to its end."""
        for line in ("MAIL FROM:<a@b.example>", "RCPT TO:<c@d.example>"):
            assert (await self.ask(line)).startswith("250")
        assert (await self.ask("DATA")).startswith("354")
        octets = message + b".\r\n"
        step = chunk or len(octets)
        for start in range(0, len(octets), step):
            self.write(octets[start : start + step])
            await self.writer.drain()
            if chunk:
                await asyncio.sleep(0)
        return await self.reply()

    async def closed(self) -> bool:
        """Whether the server has closed the connection (without a further reply)."""
        try:
            return await asyncio.wait_for(self.reader.read(1), 10) == b""
        except ConnectionResetError:
            return True


@asynccontextmanager
async def serving(settings: Settings, handler: Callable[[Mail], Awaitable[Outcome]]) -> AsyncIterator[Running]:
    """A `MailServer` on 127.0.0.1, drained at the end."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener:
        server = MailServer(PolicyBanks(settings), handler, LogIds(4711))
        await server.start([listener])
        try:
            yield Running(server, listener.getsockname()[1], listener)
        finally:
            await asyncio.wait_for(server.drain(), 30)


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for `condition`; AssertionError when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not come true in time"
        await asyncio.sleep(0.01)


def is_closed(content: Content) -> bool:
    """Whether `content` was given up."""
    try:
        return len(content.view()) == 0
    except ValueError:
        return True


def held_back(gate: asyncio.Event) -> Recorder:
    """A handler that waits until the test opens the gate."""

    async def wait(mail: Mail) -> Outcome:
        await gate.wait()
        return outcome_of(mail)

    return Recorder(wait)
