"""The server on the event loop that workers use; its transports differ from asyncio's in small ways."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest
import uvloop
from receiving import MESSAGE, SEND, Recorder, Running, outcome_of, serving, until

from mailcordon.config.settings import Settings
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import Outcome

MakeSettings = Callable[..., Settings]
LARGE = b"Subject: large\r\n\r\n" + b"0123456789\r\n" * 200_000


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    """Messages over 10,000 octets go to a file; two at a time."""
    return make_settings(spool_memory_limit=10_000, max_messages_per_worker=2, smtpd_timeout=2)


def run(settings: Settings, handler: Recorder, scenario: Callable[[Running], Awaitable[None]]) -> None:
    """Run `scenario` against a server on uvloop; whatever it does, nothing is left behind."""

    async def main() -> None:
        async with serving(settings, handler) as running:
            await scenario(running)
        assert running.server.messages_in_flight == 0

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
    assert not list(settings.TEMPBASE.iterdir())


def test_mails_of_all_kinds(settings: Settings) -> None:
    """In memory, in a file, in single octets, and from a client that half closes."""
    handler = Recorder()

    async def scenario(running: Running) -> None:
        async with running.client() as client:
            assert (await client.send()).startswith("250 2.6.0")
            assert (await client.send(LARGE)).startswith("250 2.6.0")
            assert (await client.send(MESSAGE, chunk=1)).startswith("250 2.6.0")
            client.write(SEND + MESSAGE + b".\r\n")
            client.writer.write_eof()
            assert (await client.replies(4))[-1].startswith("250 2.6.0")
            assert await client.closed()

    run(settings, handler, scenario)
    assert handler.octets == [MESSAGE, LARGE, MESSAGE, MESSAGE]


@pytest.mark.parametrize("hard", [False, True], ids=["close", "reset"])
@pytest.mark.parametrize("said", [b"", SEND[:-6], SEND + MESSAGE, SEND + LARGE], ids=["idle", "rcpt", "data", "file"])
def test_client_that_leaves_early(settings: Settings, said: bytes, *, hard: bool) -> None:
    """An incomplete message is dropped with all that it held (design rule 1)."""
    handler = Recorder()

    async def scenario(running: Running) -> None:
        with socket.create_connection(("127.0.0.1", running.port)) as client:
            await asyncio.to_thread(client.sendall, said)
            await asyncio.sleep(0.02)
            if hard:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        await until(lambda: not running.server._connections)
        async with running.client() as next_client:
            assert (await next_client.send()).startswith("250 2.6.0")

    run(settings, handler, scenario)
    assert handler.octets == [MESSAGE]


def test_silent_client_is_dropped(settings: Settings) -> None:
    """smtpd_timeout, while a message comes into a file."""
    handler = Recorder()

    async def scenario(running: Running) -> None:
        async with running.client() as client:
            client.write(SEND + LARGE)
            assert (await client.replies(4))[-1] == "421 4.4.2 Error: timeout exceeded, closing channel"
            assert await client.closed()

    run(settings, handler, scenario)
    assert not handler.mails


def test_places_backpressure_and_drain(settings: Settings) -> None:
    """Five clients for two places, each with more input behind its message; the server drains meanwhile."""
    gates: list[asyncio.Event] = []

    async def wait(mail: Mail) -> Outcome:
        gates.append(asyncio.Event())
        await gates[-1].wait()
        return outcome_of(mail)

    handler = Recorder(wait)

    async def scenario(running: Running) -> None:
        clients = [await asyncio.open_connection("127.0.0.1", running.port) for _ in range(5)]
        for _, writer in clients:
            writer.write(SEND + MESSAGE + b".\r\n" + b"NOOP\r\n" * 50_000)
        await until(lambda: len(gates) == 2)
        draining = asyncio.create_task(running.server.drain())
        await asyncio.sleep(0.2)
        assert not draining.done()
        assert len(handler.mails) == 2
        for gate in gates:
            gate.set()
        await asyncio.wait_for(draining, 15)
        for _, writer in clients:
            writer.transport.abort()

    run(settings, handler, scenario)
    assert handler.octets == [MESSAGE] * 2
    assert handler.at_once == 2
