"""Clients that put load on a server, and what they saw. All of them keep a number of connections busy at a time."""

import asyncio
import itertools
import resource
import socket
import ssl
import struct
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field

import uvloop

from bench.messages import SENDER

MESSAGES_A_CONNECTION = 20
"""Then an SMTP client says QUIT and connects anew, as Postfix does (max_use)."""
_LINE_LIMIT = 1 << 20


@dataclass(slots=True)
class Load:
    """What a client saw."""

    seconds: float = 0.0
    client_cpu: float = 0.0
    """Seconds of CPU of the client itself."""
    latencies: list[float] = field(default_factory=list)
    """Seconds from the first command of a message to the final reply, sorted."""
    replies: Counter[str] = field(default_factory=Counter)

    @property
    def messages(self) -> int:
        """How many were sent."""
        return len(self.latencies)

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds

    def latency(self, share: float) -> float:
        """The time within which that share of the messages was answered, in seconds."""
        return self.latencies[min(int(self.messages * share), self.messages - 1)]

    def note(self, reply: str, started: float) -> None:
        """Count one answered message."""
        self.replies[reply] += 1
        self.latencies.append(time.perf_counter() - started)


Talk = Callable[[Iterator[bytes], Load], Coroutine[None, None, None]]
"""One connection's share of the work: takes messages until there are none."""


def drive(talk: Talk, messages: Sequence[bytes], concurrency: int) -> Load:
    """Send all messages with that many connections side by side."""
    load = Load()
    shared = iter(messages)

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(talk(shared, load))

    cpu, started = _own_cpu(), time.perf_counter()
    uvloop.run(all_of_them())
    load.seconds = time.perf_counter() - started
    load.client_cpu = _own_cpu() - cpu
    load.latencies.sort()
    return load


def smtp(port: int, *recipients: str, pipelining: bool, starttls: bool = False) -> Talk:
    """An SMTP client. In lockstep it waits for the reply to each command; Postfix and most libraries pipeline.

    With `starttls` it makes a handshake for each connection and asks for no certain certificate.
    """
    wanted = [f"RCPT TO:<{recipient}>\r\n".encode() for recipient in recipients]
    commands = [f"MAIL FROM:<{SENDER}>\r\n".encode(), *wanted, b"DATA\r\n"]
    steps = [b"".join(commands)] if pipelining else commands

    tls = _any_certificate() if starttls else None

    async def talk(messages: Iterator[bytes], load: Load) -> None:
        for first in messages:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=_LINE_LIMIT)
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await _reply(reader)
            writer.write(b"EHLO load.example.org\r\n")
            await _reply(reader)
            if tls is not None:
                writer.write(b"STARTTLS\r\n")
                await _reply(reader)
                await writer.start_tls(tls)
                writer.write(b"EHLO load.example.org\r\n")
                await _reply(reader)
            # One by one: connections that took their share in advance would leave the others without work at the end.
            for message in itertools.chain((first,), itertools.islice(messages, MESSAGES_A_CONNECTION - 1)):
                started = time.perf_counter()
                for step in steps:
                    writer.write(step)
                    for _ in range(step.count(b"\r\n")):
                        answer = await _reply(reader)
                if not answer.startswith("354"):
                    raise ConnectionError(f"port {port} takes no message: {answer}")
                writer.writelines((message, b".\r\n"))
                await writer.drain()
                load.note((await _reply(reader))[:9], started)
            writer.write(b"QUIT\r\n")
            await _reply(reader)
            writer.close()

    return talk


def _any_certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def clamd(path: str) -> Talk:
    """clamd's own speed: whole messages by INSTREAM over a session that is kept."""

    async def talk(messages: Iterator[bytes], load: Load) -> None:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"zIDSESSION\0")
        for message in messages:
            started = time.perf_counter()
            writer.write(b"zINSTREAM\0" + struct.pack(">I", len(message)))
            writer.writelines((message, bytes(4)))
            await writer.drain()
            answer = (await reader.readuntil(b"\0")).decode()
            load.note(answer.rsplit(" ", 1)[-1].rstrip("\0"), started)
        writer.write(b"zEND\0")
        writer.close()

    return talk


def spamd(path: str) -> Talk:
    """spamd's own speed: the score and the names of the tests, a connection a message as its protocol wants."""

    async def talk(messages: Iterator[bytes], load: Load) -> None:
        for message in messages:
            started = time.perf_counter()
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(f"SYMBOLS SPAMC/1.5\r\nContent-length: {len(message)}\r\n\r\n".encode())
            writer.write(message)
            await writer.drain()
            writer.write_eof()
            answer = (await reader.read()).decode("latin-1")
            writer.close()
            load.note(answer.partition("\r\n")[0], started)

    return talk


async def _reply(reader: asyncio.StreamReader) -> str:
    while True:
        line = await reader.readline()
        if not line:
            raise ConnectionError("the server hung up")
        if line[3:4] != b"-":
            return line.decode("latin-1").rstrip()


def _own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
