"""Limits of the running server: sizes, recipients, errors, times, places, backpressure, full disk."""

import asyncio
import resource
import socket
import threading
import time
from collections.abc import Callable

import pytest
from receiving import MESSAGE, SEND, Recorder, held_back, outcome_of, serving, until

from mailcordon.config.settings import Settings
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import Outcome
from mailcordon.receive import protocol, server, time_limits
from mailcordon.receive.phase import Phase
from mailcordon.receive.spool import Spool

MakeSettings = Callable[..., Settings]
LEAST_LIMIT = 64 * 1024


async def test_announced_size_over_the_limit_is_refused_at_mail(make_settings: MakeSettings) -> None:
    """B6.06 by announcement; a smaller mail on the same connection goes through."""
    handler = Recorder()
    async with serving(make_settings(smtpd_message_size_limit=1), handler) as running, running.client() as client:
        refused = await client.ask(f"MAIL FROM:<a@b> SIZE={LEAST_LIMIT + 1}")
        assert refused == f"552 5.3.4 Message size ({LEAST_LIMIT + 1} B) exceeds size limit"
        assert (await client.send()).startswith("250 2.6.0")
    assert len(handler.mails) == 1


@pytest.mark.parametrize("memory_limit", [1 << 20, 1000], ids=["memory", "file"])
@pytest.mark.parametrize("hello", ["EHLO", "LHLO"])
async def test_real_size_over_the_limit_is_refused_after_data(
    make_settings: MakeSettings, hello: str, memory_limit: int
) -> None:
    """B6.06 by real count: 552 with the true size, for each LMTP recipient; the handler never sees it."""
    handler = Recorder()
    settings = make_settings(smtpd_message_size_limit=LEAST_LIMIT, spool_memory_limit=memory_limit)
    async with serving(settings, handler) as running, running.client() as client:
        await client.ask(f"{hello} x")
        message = b"x" * 998 + b"\r\n"
        client.write(b"MAIL FROM:<a@b>\r\nRCPT TO:<1@d>\r\nRCPT TO:<2@d>\r\nDATA\r\n" + message * 500 + b".\r\n")
        await client.replies(4)
        expected = "552 5.3.4 Message size (500000 B) exceeds size limit"
        assert await client.replies(2 if hello == "LHLO" else 1) == [expected] * (2 if hello == "LHLO" else 1)
        assert (await client.send(b"x" * (LEAST_LIMIT - 2) + b"\r\n")).startswith("250 2.6.0")
    assert [len(octets) for octets in handler.octets] == [LEAST_LIMIT]
    assert not list(settings.TEMPBASE.iterdir())


async def test_too_many_recipients(make_settings: MakeSettings) -> None:
    """B6.06: 452 for the rest, the mail goes to the others."""
    handler = Recorder()
    async with serving(make_settings(smtpd_recipient_limit=2), handler) as running, running.client() as client:
        client.write(b"LHLO x\r\nMAIL FROM:<a@b>\r\n" + b"".join(b"RCPT TO:<%d@d>\r\n" % n for n in range(4)))
        replies = await client.replies(6)
        assert replies[4:] == ["452 4.5.3 Too many recipients"] * 2
        client.write(b"DATA\r\n.\r\n")
        assert [reply[:3] for reply in await client.replies(3)] == ["354", "250", "250"]
    assert [recipient.address for recipient in handler.mails[0].envelope.recipients] == ["0@d", "1@d"]


async def test_twenty_errors_end_the_session(make_settings: MakeSettings) -> None:
    """B6.15, B21.14."""
    async with serving(make_settings(), Recorder()) as running, running.client() as client:
        client.write(b"FOO\r\n" * 30)
        replies = await client.replies(21)
        assert replies[:20] == ["500 5.5.2 Error: command FOO not recognized"] * 20
        assert replies[20].startswith("421 4.7.0 ")
        assert await client.closed()


async def test_longest_line_is_served_and_a_longer_one_refused(make_settings: MakeSettings) -> None:
    """4096 octets with the line end; the rest of a longer one is no command."""
    async with serving(make_settings(), Recorder()) as running, running.client() as client:
        longest = "NOOP ".ljust(4094, "x")
        assert await client.ask(longest) == "250 2.0.0 Ok NOOP"
        assert await client.ask(longest + "x" + "QUIT" * 10) == "500 5.5.2 Error: line too long"
        assert await client.ask("NOOP") == "250 2.0.0 Ok NOOP"


async def test_line_without_end_ends_the_session(make_settings: MakeSettings) -> None:
    """No memory for it, and no connection for ever."""
    async with serving(make_settings(), Recorder()) as running, running.client() as client:
        client.write(b"x" * 20 * 4096)
        replies = await client.replies(21)
        assert set(replies[:20]) == {"500 5.5.2 Error: line too long"}
        assert replies[20].startswith("421 ")


@pytest.mark.parametrize("begin", [b"", b"EHLO x\r\n", b"NO", SEND[:-6], SEND, SEND + MESSAGE], ids=repr)
async def test_silent_client_is_dropped(make_settings: MakeSettings, begin: bytes) -> None:
    """smtpd_timeout (B1.07, B18.06), in every state; nothing of an incomplete mail is handed on or kept."""
    handler = Recorder()
    settings = make_settings(smtpd_timeout=1, spool_memory_limit=0)
    async with serving(settings, handler) as running, running.client() as client:
        client.write(begin)
        reply = ""
        while not reply.startswith("421"):
            reply = await client.reply()
        assert reply == "421 4.4.2 Error: timeout exceeded, closing channel"
        assert await client.closed()
        await until(lambda: running.server.messages_in_flight == 0)
    assert not handler.mails
    assert not list(settings.TEMPBASE.iterdir())


async def test_slow_but_living_client_is_served(make_settings: MakeSettings) -> None:
    """The harmless twin: pauses shorter than smtpd_timeout, longer than it in sum; a busy server counts for nothing."""

    async def slowly(mail: Mail) -> Outcome:
        await asyncio.sleep(2.5)
        return outcome_of(mail)

    async with serving(make_settings(smtpd_timeout=2), Recorder(slowly)) as running, running.client() as client:
        for octets in (b"EHLO x\r\n", SEND[:20], SEND[20:], MESSAGE[:5], MESSAGE[5:]):
            client.write(octets)
            await asyncio.sleep(0.6)
        client.write(b".\r\n")
        assert (await client.replies(5))[-1].startswith("250 2.6.0")


async def test_message_that_drips_is_given_up(make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender slower than LEAST_RATE for longer than child_timeout must not hold a place; a fast one may go on."""
    monkeypatch.setattr(time_limits, "LEAST_RATE", 1000)
    settings = make_settings(child_timeout=1, smtpd_timeout=30)
    async with serving(settings, Recorder()) as running, running.client() as drip, running.client() as fast:
        for client in (drip, fast):
            client.write(SEND)
            await client.replies(3)
        for number in range(15):
            if number < 8:
                drip.write(b"x")
            fast.write(b"y" * 1000)
            await asyncio.sleep(0.1)
        assert (await drip.reply()).startswith("421 4.4.2")
        fast.write(b"\r\n.\r\n")
        assert (await fast.reply()).startswith("250 2.6.0")
        await until(lambda: running.server.messages_in_flight == 0)


async def test_handler_past_its_deadline_is_451(make_settings: MakeSettings, gate: asyncio.Event) -> None:
    """B18.07: child_timeout bounds the work on one message; the place is free again after it."""
    settings = make_settings(child_timeout=1, max_messages_per_worker=1)
    async with serving(settings, held_back(gate)) as running, running.client() as client:
        assert (
            await client.send() == "451 4.5.0 Error in processing, id=04711-01, processing FAILED: not done within 1 s"
        )
        gate.set()
        assert (await client.send()).startswith("250 2.6.0")


def reset(writer: asyncio.StreamWriter) -> None:
    """Leave with RST, as a crashed client's kernel does."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    writer.transport.abort()


async def test_client_that_leaves_during_a_write_to_the_spool(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow disk: the place and the file are given up once the write is done, not before and not never."""
    flush = Spool.flush
    writing = threading.Event()

    def slow(spool: Spool) -> None:
        writing.set()
        time.sleep(0.3)
        flush(spool)

    monkeypatch.setattr(Spool, "flush", slow)
    settings = make_settings(spool_memory_limit=0, max_messages_per_worker=1)
    async with serving(settings, Recorder()) as running:
        async with running.client() as client:
            client.write(SEND + MESSAGE)
            await until(writing.is_set)
            reset(client.writer)
        await until(lambda: not running.server._connections)
        assert running.server.messages_in_flight == 0
        assert not list(settings.TEMPBASE.iterdir())


async def test_places_are_bounded_and_waiting_clients_get_354_later(
    make_settings: MakeSettings, gate: asyncio.Event
) -> None:
    """max_messages_per_worker: the third client waits for its 354, first come first served."""
    handler = held_back(gate)
    async with serving(make_settings(max_messages_per_worker=2), handler) as running:
        sending = []
        for number in range(5):
            sending.append(asyncio.create_task(_send_mail(running.port, number)))
            await asyncio.sleep(0.05)
        await until(lambda: len(handler.mails) == 2)
        await asyncio.sleep(0.2)
        assert running.server.messages_in_flight == 2
        assert len(handler.mails) == 2
        gate.set()
        assert [reply[:9] for reply in await asyncio.gather(*sending)] == ["250 2.6.0"] * 5
    assert handler.at_once == 2
    assert [mail.envelope.sender for mail in handler.mails] == [f"{number}@b" for number in range(5)]


async def _send_mail(port: int, number: int) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"MAIL FROM:<{number}@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n".encode())
    while not (await reader.readline()).startswith(b"354"):
        pass
    writer.write(b".\r\n")
    reply = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return reply.decode()


@pytest.mark.parametrize("hard", [False, True], ids=["close", "reset"])
async def test_waiting_client_that_leaves_gives_up_its_turn(
    make_settings: MakeSettings, gate: asyncio.Event, *, hard: bool
) -> None:
    """Nobody behind it waits for a client that is gone."""
    handler = held_back(gate)
    async with serving(make_settings(max_messages_per_worker=1), handler) as running, running.client() as first:
        first.write(SEND + MESSAGE + b".\r\n")
        await until(lambda: len(handler.mails) == 1)
        async with running.client() as second:
            second.write(SEND)
            await second.replies(2)
            if hard:
                reset(second.writer)
        async with running.client() as third:
            third.write(SEND)
            await third.replies(2)
            await asyncio.sleep(0.1)
            assert len(running.server._intake.slots._waiting) == (1 if hard else 2)
            gate.set()
            assert (await third.reply()).startswith("354")
            third.write(b".\r\n")
            assert (await third.reply()).startswith("250 2.6.0")
        await until(lambda: running.server.messages_in_flight == 0)


async def test_input_waits_with_the_client_while_a_message_is_handled(
    make_settings: MakeSettings, gate: asyncio.Event
) -> None:
    """Backpressure: what a client pipelines behind its message stays in its own buffers beyond a limit."""
    async with serving(make_settings(), held_back(gate)) as running, running.client() as client:
        client.writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        client.write(SEND + MESSAGE + b".\r\n" + b"NOOP\r\n" * 5_000_000)
        await client.replies(3)
        await asyncio.sleep(0.5)
        (connection,) = running.server._connections
        assert isinstance(connection, protocol.SmtpConnection)
        assert len(connection._input) < 1_000_000
        client.writer.transport.abort()
        gate.set()


async def test_client_that_reads_no_replies_is_not_read_from_either(make_settings: MakeSettings) -> None:
    """Replies do not pile up; the client is dropped when it stays like that for smtpd_timeout."""
    async with serving(make_settings(smtpd_timeout=1), Recorder()) as running:
        with socket.create_connection(("127.0.0.1", running.port)) as raw:
            raw.setblocking(False)
            sent = 0
            for _ in range(50):
                try:
                    sent += raw.send(b"NOOP\r\n" * 20_000)
                except BlockingIOError:
                    await asyncio.sleep(0.02)
            (connection,) = running.server._connections
            assert isinstance(connection, protocol.SmtpConnection)
            assert connection._transport is not None
            assert connection._transport.get_write_buffer_size() < 500_000
            await until(lambda: connection._phase is Phase.CLOSED)


async def test_missing_spool_directory_is_451_and_no_mail_is_lost(make_settings: MakeSettings) -> None:
    """Design rule 1: a spool that cannot be written is the client's 451; memory messages still go through."""
    handler = Recorder()
    settings = make_settings(spool_memory_limit=1000)
    settings.TEMPBASE.rmdir()
    async with serving(settings, handler) as running, running.client() as client:
        reply = await client.send(b"x" * 300_000 + b"\r\n")
        assert reply.startswith(
            "451 4.5.0 Error in processing, id=04711-01, spool FAILED: cannot write the spool file in"
        )
        assert reply.endswith("No such file or directory")
        assert (await client.send()).startswith("250 2.6.0")
    assert handler.octets == [MESSAGE]


async def test_spool_that_fails_halfway_is_452(make_settings: MakeSettings) -> None:
    """Design rule 1: the kernel refuses to let the file grow, as on a full disk; the next message goes through."""
    handler = Recorder()
    settings = make_settings(spool_memory_limit=1000)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with serving(settings, handler) as running, running.client() as client:
        resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, limits[1]))
        try:
            reply = await client.send(b"x" * 2_000_000 + b"\r\n")
            small = await client.send(b"x" * 300_000 + b"\r\n")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert reply.startswith(
            "452 4.3.1 Insufficient system storage, id=04711-01, spool FAILED: cannot write the spool "
        )
        assert reply.endswith(": File too large")
        assert small.startswith("250 2.6.0")
    assert [len(octets) for octets in handler.octets] == [300_002]
    assert not list(settings.TEMPBASE.iterdir())


async def test_hundreds_of_idle_connections(make_settings: MakeSettings) -> None:
    """Idle clients cost next to nothing and hold up nobody."""
    async with serving(make_settings(), Recorder()) as running:
        opened = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", running.port) for _ in range(400)))
        await until(lambda: len(running.server._connections) == 400)
        async with running.client() as client:
            assert (await client.send()).startswith("250 2.6.0")
        for _, writer in opened:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for _, writer in opened))


@pytest.mark.parametrize(
    ("destiny", "reply", "accepted"),
    [
        ("bounce", "552 5.3.4 Message size (80000 B) exceeds recipient's size limit", ["c@d.example"]),
        ("reject", "552 5.3.4 Message size (80000 B) exceeds recipient's size limit", ["c@d.example"]),
        ("tempfail", "452 4.3.4 Message size (80000 B) exceeds recipient's size limit", ["c@d.example"]),
        (
            "discard",
            "250 2.3.4 Message size (80000 B) exceeds recipient's size limit, to be discarded",
            ["small@d.example", "c@d.example"],
        ),
        ("pass", "250 2.1.5 Recipient <small@d.example> OK", ["small@d.example", "c@d.example"]),
    ],
)
async def test_announced_size_over_the_limit_of_a_recipient(
    make_settings: MakeSettings, destiny: str, reply: str, accepted: list[str]
) -> None:
    """Contract B6.06: at RCPT, by the destiny of oversized mail; other recipients get it."""
    settings = make_settings(
        message_size_limit={"hash": {"small@d.example": 70_000}}, final_destiny_by_ccat={"OVERSIZED": destiny}
    )
    handler = Recorder()
    async with serving(settings, handler) as running, running.client() as client:
        await client.ask("EHLO mx.example")
        for size in (70_000, 80_000):
            await client.ask(f"MAIL FROM:<a@b.example> SIZE={size}")
            expected = "250 2.1.5 Recipient <small@d.example> OK" if size == 70_000 else reply
            assert await client.ask("RCPT TO:<small@d.example>") == expected
            if size == 70_000:
                await client.ask("RSET")
        await client.ask("RCPT TO:<c@d.example>")
        await client.ask("DATA")
        assert (await client.ask("x\r\n.")).startswith("250 2.6.0")
    assert [recipient.address for recipient in handler.mails[0].envelope.recipients] == accepted


async def test_no_recipient_wants_mail_of_that_size(make_settings: MakeSettings) -> None:
    """Contract B6.06, B6.05: DATA has no valid recipients then."""
    settings = make_settings(message_size_limit=70_000)
    async with serving(settings, Recorder()) as running, running.client() as client:
        await client.ask("EHLO mx.example")
        await client.ask("MAIL FROM:<a@b.example> SIZE=70001")
        assert (await client.ask("RCPT TO:<c@d.example>")).startswith("552 5.3.4")
        assert await client.ask("DATA") == "554 5.1.1 Error (DATA): no valid recipients"


async def test_the_client_idle_for_longest_makes_room(make_settings: MakeSettings) -> None:
    """B6.15: at `max_connections_per_worker` an idle client leaves with 421, those in a transaction stay."""
    handler = Recorder()
    async with (
        serving(make_settings(max_connections_per_worker=3), handler) as running,
        running.client() as busy,
        running.client() as idle,
        running.client() as active,
    ):
        await busy.ask("MAIL FROM:<a@b.example>")
        await active.ask("NOOP")
        async with running.client() as new:
            assert await idle.reply() == "421 4.3.2 Too many connections, closing an idle one"
            assert await idle.closed()
            for client in (new, active):
                assert (await client.send()).startswith("250")
            await busy.ask("RCPT TO:<c@d.example>")
            await busy.ask("DATA")
            assert (await busy.ask("x\r\n.")).startswith("250")
    assert len(handler.mails) == 3


async def test_with_all_clients_busy_others_wait(make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """B6.15: nobody in a transaction is disturbed; who comes then is greeted as soon as one is done."""
    monkeypatch.setattr(server, "ACCEPT_PAUSE", 0.05)
    async with (
        serving(make_settings(max_connections_per_worker=2), Recorder()) as running,
        running.client() as first,
        running.client() as second,
    ):
        for client in (first, second):
            await client.ask("MAIL FROM:<a@b.example>")
        async with running.client(greeted=False) as third:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(third.reader.read(1), 0.3)
            await second.ask("RSET")
            assert (await second.reply()).startswith("421 4.3.2")
            assert (await third.reply()).startswith("220")
            assert (await third.send()).startswith("250")
        assert (await first.ask("RCPT TO:<c@d.example>")).startswith("250")
