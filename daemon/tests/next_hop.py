"""A next hop for tests: speaks SMTP or LMTP on a real socket, keeps what it was given, misbehaves when told to.

It unstuffs as Postfix does: a line ends with LF, and a leading dot of a line goes.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from mailcordon.act.courier import Route
from mailcordon.config.next_hop import DeliveryMethod, NextHop

KEYWORDS = (
    "PIPELINING",
    "SIZE 50000000",
    "8BITMIME",
    "DSN",
    "SMTPUTF8",
    "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE",
)
_LIMIT = 64 * 1024 * 1024
DROP = "drop"
SILENCE = "silence"


@dataclass
class Taken:
    """One message that the hop took."""

    mail: str
    recipients: list[str]
    xforward: list[str]
    octets: bytes


@dataclass
class Hop:
    """`answers` maps a command (`RCPT TO:<a@b>` before `RCPT`), `greeting` or `end` to a reply, DROP or SILENCE."""

    lmtp: bool = False
    keywords: tuple[str, ...] = KEYWORDS
    answers: dict[str, str] = field(default_factory=dict)
    once: dict[str, str] = field(default_factory=dict)
    """Answers to the next such command only."""
    taken: list[Taken] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    path: Path | None = None
    tls: ssl.SSLContext | None = None
    """With it STARTTLS is offered."""
    wire: bytes = b""
    """What followed the last DATA, as it travelled."""
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def method(self) -> str:
        """As in the configuration."""
        protocol = "lmtp" if self.lmtp else "smtp"
        return f"{protocol}:{self.path}" if self.path else f"{protocol}:[127.0.0.1]:{self.port}"

    @property
    def hop(self) -> NextHop:
        """As the client takes it."""
        if self.path:
            return NextHop(protocol="lmtp" if self.lmtp else "smtp", path=str(self.path))
        return NextHop(protocol="lmtp" if self.lmtp else "smtp", host="127.0.0.1", port=self.port)

    @property
    def route(self) -> Route:
        """As mail is sent to it."""
        return Route(DeliveryMethod((self.hop,)))

    async def start(self) -> None:
        if self.path:
            self._server = await asyncio.start_unix_server(self._serve, str(self.path), limit=_LIMIT)
        else:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=_LIMIT)
            self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and drop every connection, as a restart of the MTA does."""
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0.01)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, EOFError, ssl.SSLError):
            await self._talk(reader, writer)
        self._writers.discard(writer)
        writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mail, recipients, xforward = "", list[str](), list[str]()
        greeting = self.once.pop("greeting", None) or self.answers.get("greeting", "220 hop.example ESMTP")
        await self._say(writer, greeting)
        while line := (await reader.readline()).decode("utf-8", "surrogateescape").rstrip("\r\n"):
            self.commands.append(line)
            verb = line.partition(" ")[0].upper()
            answer = self.answers.get(line.partition(" ")[0] + " " + line.partition(" ")[2].partition(" ")[0])
            answer = (
                self.once.pop(verb, None) or answer or self.answers.get(verb) or self._default(verb, mail, recipients)
            )
            if verb in ("MAIL", "RSET"):
                mail, recipients = (line if verb == "MAIL" and answer.startswith("2") else ""), []
            elif verb == "RCPT" and answer.startswith("2"):
                recipients.append(line)
            elif verb == "XFORWARD":
                xforward.append(line)
            await self._say(writer, answer)
            if verb == "STARTTLS" and answer.startswith("220"):
                await self._start_tls(writer)
            if verb == "QUIT":
                return
            if answer.startswith("354"):
                octets = await self._message(reader)
                for number in range(len(recipients) if self.lmtp else 1):
                    key = recipients[number].partition(" ")[2].partition(" ")[0]
                    reply = self.answers.get(f"end {key}") or self.answers.get("end")
                    if number == 0 and (reply is None or reply.startswith("2")):
                        self.taken.append(Taken(mail, list(recipients), list(xforward), octets))
                    await self._say(writer, reply or f"250 2.0.0 Ok: queued as Q{len(self.taken)}{number}")
                mail, recipients, xforward = "", [], []

    async def _start_tls(self, writer: asyncio.StreamWriter) -> None:
        assert self.tls is not None
        plain = writer.transport
        try:
            await writer.start_tls(self.tls)
        except AttributeError:
            # The client hung up in the handshake, and asyncio's writer has lost its transport with that.
            writer._transport = plain  # type: ignore[attr-defined]
            raise ConnectionResetError from None
        self.commands.append("(TLS)")

    def _default(self, verb: str, mail: str, recipients: list[str]) -> str:
        match verb:
            case "EHLO" | "LHLO":
                if self.lmtp != (verb == "LHLO"):
                    return "500 5.5.1 wrong protocol"
                offers_tls = self.tls is not None and "(TLS)" not in self.commands
                lines = ("hop.example", *self.keywords, *(["STARTTLS"] if offers_tls else []))
                return "\r\n".join(f"250{'-' if n < len(lines) - 1 else ' '}{text}" for n, text in enumerate(lines))
            case "RCPT" if not mail:
                return "503 5.5.1 MAIL first"
            case "DATA" if not recipients:
                return "554 5.5.1 no valid recipients"
            case "DATA":
                return "354 go ahead"
            case "HELO" | "MAIL" | "RCPT" | "RSET" | "NOOP" | "XFORWARD":
                return "250 2.1.0 Ok"
            case "STARTTLS" if self.tls is not None:
                return "220 2.0.0 Ready to start TLS"
            case "QUIT":
                return "221 2.0.0 Bye"
            case _:
                return "500 5.5.2 what?"

    async def _message(self, reader: asyncio.StreamReader) -> bytes:
        wire = b""
        if self.answers.get("data") == DROP:
            await reader.readexactly(1)
            raise ConnectionResetError
        while not (wire.endswith(b"\r\n.\r\n") or wire == b".\r\n"):
            wire += await reader.readuntil(b".\r\n")
        self.wire = wire
        lines = wire[:-3].split(b"\n")
        return b"\n".join(line.removeprefix(b".") for line in lines)

    @staticmethod
    async def _say(writer: asyncio.StreamWriter, answer: str) -> None:
        if answer == DROP:
            raise ConnectionResetError
        if answer == SILENCE:
            await asyncio.sleep(3600)
        writer.write(answer.encode() + b"\r\n")
        await writer.drain()


@contextlib.asynccontextmanager
async def running(**options: object) -> AsyncIterator[Hop]:
    """A hop that listens while the block runs."""
    hop = Hop(**options)  # type: ignore[arg-type]
    await hop.start()
    try:
        yield hop
    finally:
        await hop.stop()
