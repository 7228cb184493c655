"""Leaving in good order: drain, and clients that leave in any state (B6.07, B18.04, design rule 1)."""

import asyncio
import logging
import socket
from collections.abc import Callable

import pytest
from receiving import MESSAGE, SEND, Recorder, held_back, is_closed, outcome_of, serving, until

from mailcordon.config.policy_banks import PolicyBanks
from mailcordon.config.settings import Settings
from mailcordon.mail.ids import LogIds
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import Outcome
from mailcordon.receive.server import MailServer

MakeSettings = Callable[..., Settings]
LARGE = b"x" * 1_000_000
SHUTDOWN = "421 4.3.2 Service shutting down, closing channel"


async def test_client_between_two_mails_gets_421_at_once(make_settings: MakeSettings) -> None:
    """B6.07: so that Postfix opens a new connection, to a new worker."""
    async with serving(make_settings(), Recorder()) as running, running.client() as client:
        await client.send()
        await asyncio.wait_for(running.server.drain(), 1)
        assert await client.reply() == SHUTDOWN
        assert await client.closed()


async def test_client_that_says_nothing_gets_421_after_the_grace(make_settings: MakeSettings) -> None:
    async with serving(make_settings(), Recorder()) as running, running.client() as client:
        await asyncio.wait_for(running.server.drain(), 5)
        assert await client.reply() == SHUTDOWN


async def test_message_in_flight_is_finished(make_settings: MakeSettings, gate: asyncio.Event) -> None:
    """B18.04: its reply comes before the 421."""
    handler = held_back(gate)
    async with serving(make_settings(), handler) as running, running.client() as client:
        client.write(SEND + MESSAGE + b".\r\n")
        await until(lambda: len(handler.mails) == 1)
        draining = asyncio.create_task(running.server.drain())
        await asyncio.sleep(0.3)
        assert not draining.done()
        gate.set()
        assert (await client.replies(4))[-1].startswith("250 2.6.0")
        assert await client.reply() == SHUTDOWN
        await asyncio.wait_for(draining, 5)
        assert running.server.messages_in_flight == 0


@pytest.mark.parametrize("said", [b"EHLO x\r\n", SEND[:20], SEND, SEND + MESSAGE[:7]], ids=repr)
async def test_transaction_begun_may_be_finished(make_settings: MakeSettings, said: bytes) -> None:
    """A client that goes on without delay loses nothing: its mail is taken, then 421."""
    handler = Recorder()
    async with serving(make_settings(), handler) as running, running.client() as client:
        client.write(said)
        await asyncio.sleep(0.1)
        draining = asyncio.create_task(running.server.drain())
        await asyncio.sleep(0.2)
        whole = b"EHLO x\r\n" + SEND + MESSAGE + b".\r\n" if said.startswith(b"EHLO") else SEND + MESSAGE + b".\r\n"
        client.write(whole[len(said) :])
        reply = await client.reply()
        while not reply.startswith("250 2.6.0"):
            reply = await client.reply()
        assert await client.reply() == SHUTDOWN
        await asyncio.wait_for(draining, 5)
    assert handler.octets == [MESSAGE]


async def test_client_that_waits_for_a_place_gets_421(make_settings: MakeSettings, gate: asyncio.Event) -> None:
    handler = held_back(gate)
    settings = make_settings(max_messages_per_worker=1)
    async with serving(settings, handler) as running, running.client() as first, running.client() as second:
        first.write(SEND + MESSAGE + b".\r\n")
        await until(lambda: len(handler.mails) == 1)
        second.write(SEND)
        await second.replies(2)
        draining = asyncio.create_task(running.server.drain())
        assert await second.reply() == SHUTDOWN
        gate.set()
        assert (await first.replies(5))[3].startswith("250 2.6.0")
        await draining


async def test_listening_socket_stays_open_for_others(make_settings: MakeSettings) -> None:
    """A second server on the same socket, as in another worker, takes what comes after the first one has left."""
    first, second = Recorder(), Recorder()
    async with serving(make_settings(), first) as running:
        async with running.client() as client:
            await client.send()
        await running.server.drain()
        other = MailServer(PolicyBanks(make_settings()), second, LogIds(1))
        async with asyncio.timeout(10):
            connecting = asyncio.create_task(asyncio.open_connection("127.0.0.1", running.port))
            await asyncio.sleep(0.1)
            await other.start([running.listener])
            reader, writer = await connecting
            assert (await reader.readline()).startswith(b"220 ")
            writer.write(SEND + MESSAGE + b".\r\nQUIT\r\n")
            assert b"250 2.6.0" in await reader.read()
            writer.close()
            await writer.wait_closed()
            await other.drain()
    assert (len(first.mails), len(second.mails)) == (1, 1)


async def test_drain_of_an_unused_server_returns(make_settings: MakeSettings) -> None:
    async with serving(make_settings(), Recorder()) as running:
        await asyncio.wait_for(running.server.drain(), 1)
        await asyncio.wait_for(running.server.drain(), 1)


def reset(client: socket.socket) -> None:
    """Close with RST, as a crashed client's kernel does."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    client.close()


@pytest.mark.parametrize("hard", [False, True], ids=["close", "reset"])
@pytest.mark.parametrize("memory_limit", [1 << 20, 0], ids=["memory", "file"])
@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"EHLO x\r\n",
        b"EH",
        SEND[:20],
        SEND[:-6],
        SEND,
        SEND + MESSAGE,
        SEND + MESSAGE + b".",
        SEND + b"x" * 1000000,
    ],
    ids=lambda said: repr(said[-12:]),
)
async def test_client_that_leaves_early_leaves_nothing_behind(
    make_settings: MakeSettings, said: bytes, memory_limit: int, *, hard: bool
) -> None:
    """Design rule 1 the other way round: an incomplete message is nobody's; places, files and connections are free."""
    handler = Recorder()
    settings = make_settings(max_messages_per_worker=1, spool_memory_limit=memory_limit)
    async with serving(settings, handler) as running:
        with socket.create_connection(("127.0.0.1", running.port)) as client:
            await asyncio.to_thread(client.sendall, said)
            await asyncio.sleep(0.02)
            if hard:
                reset(client)
        await until(lambda: not running.server._connections)
        assert running.server.messages_in_flight == 0
        assert not list(settings.TEMPBASE.iterdir())
        async with running.client() as next_client:
            assert (await next_client.send()).startswith("250 2.6.0")
    assert handler.octets == [MESSAGE]


@pytest.mark.parametrize("hard", [False, True], ids=["close", "reset"])
async def test_message_goes_on_when_its_client_leaves(
    make_settings: MakeSettings, gate: asyncio.Event, caplog: pytest.LogCaptureFixture, *, hard: bool
) -> None:
    """Complete is complete: the handler runs to its end, and drain waits for it."""
    caplog.set_level(logging.INFO)
    done = []

    async def work(mail: Mail) -> Outcome:
        await gate.wait()
        done.append(bytes(mail.content.view()))
        return outcome_of(mail)

    handler = Recorder(work)
    async with serving(make_settings(), handler) as running:
        with socket.create_connection(("127.0.0.1", running.port)) as client:
            client.sendall(SEND + MESSAGE + b".\r\n")
            await until(lambda: len(handler.mails) == 1)
            if hard:
                reset(client)
        draining = asyncio.create_task(running.server.drain())
        await asyncio.sleep(0.2)
        assert not draining.done()
        gate.set()
        await asyncio.wait_for(draining, 5)
    assert done == [MESSAGE]
    assert is_closed(handler.mails[0].content)
