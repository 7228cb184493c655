"""The running server over real sockets: whole mails, LMTP, pipelining, 8 bits, access, failures of the handler."""

import asyncio
import logging
import smtplib
import socket
from collections.abc import Callable
from datetime import datetime

import pytest
from receiving import MESSAGE, SEND, Client, Recorder, is_closed, outcome_of, serving

from mailcordon.config.policy_banks import PolicyBanks
from mailcordon.config.settings import Settings
from mailcordon.errors import QuarantineError, ScannerError, TemporaryError
from mailcordon.mail.ids import LogIds
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import Outcome
from mailcordon.receive.server import MailServer

MakeSettings = Callable[..., Settings]


async def test_a_mail_from_smtplib(make_settings: MakeSettings) -> None:
    """A client that we did not write; the handler gets envelope, octets, ids and the way it came."""
    handler = Recorder()
    async with serving(make_settings(), handler) as running:

        def send() -> tuple[int, bytes]:
            with smtplib.SMTP("127.0.0.1", running.port, local_hostname="mx.example") as smtp:
                smtp.ehlo()
                assert smtp.has_extn("8bitmime")
                smtp.mail("a@b.example", ["BODY=8BITMIME"])
                smtp.rcpt("c@d.example", ["NOTIFY=SUCCESS"])
                return smtp.data(MESSAGE + b".leading dot\r\n")

        code, text = await asyncio.to_thread(send)
    assert (code, text) == (250, b"2.6.0 Ok, id=04711-01, from MTA(test): 250 2.0.0 Ok: queued as 4711")
    (mail,) = handler.mails
    assert handler.octets == [MESSAGE + b".leading dot\r\n"]
    assert mail.envelope.sender == "a@b.example"
    assert [(r.address, r.notify) for r in mail.envelope.recipients] == [("c@d.example", "SUCCESS")]
    assert mail.envelope.body_type == "8BITMIME"
    assert mail.header.text("subject") == "hello"
    assert mail.header.body_start == len(b"Subject: hello\r\n\r\n")
    assert (mail.log_id, len(mail.mail_id)) == ("04711-01", 12)
    assert (mail.session.protocol, mail.session.helo) == ("ESMTP", "mx.example")
    assert (mail.session.peer_addr, mail.session.local_addr) == ("127.0.0.1", "127.0.0.1")
    assert mail.session.local_port == running.port
    assert mail.received_at.utcoffset() is not None
    assert abs((datetime.now().astimezone() - mail.received_at).total_seconds()) < 60
    assert is_closed(mail.content)


async def test_greeting_comes_first(make_settings: MakeSettings) -> None:
    """B6.01."""
    settings = make_settings(myproduct_name="mailcordon")
    async with serving(settings, Recorder()) as running, running.client(greeted=False) as client:
        assert await client.reply() == "220 [127.0.0.1] ESMTP mailcordon service ready"
        assert await client.ask("QUIT") == "221 2.0.0 [127.0.0.1] mailcordon closing transmission channel"
        assert await client.closed()


async def test_lmtp_gives_a_reply_for_each_recipient(make_settings: MakeSettings) -> None:
    """B6.08: in the order of the envelope; a refused one gets none."""
    handler = Recorder()
    async with serving(make_settings(), handler) as running, running.client() as client:
        assert (await client.ask("LHLO mx.example")).startswith("250-[127.0.0.1]\n")
        await client.ask("MAIL FROM:<a@b>")
        for recipient in ("<1@d>", "bad", "<2@d>", "<3@d>"):
            await client.ask(f"RCPT TO:{recipient}")
        assert await client.ask("DATA") == "354 End data with <CR><LF>.<CR><LF>"
        client.write(MESSAGE + b".\r\n")
        assert await client.replies(3) == [f"250 2.6.0 Ok, id=04711-01, for {n}@d" for n in (1, 2, 3)]
        assert (await client.ask("NOOP")).startswith("250")
    assert handler.mails[0].session.protocol == "LMTP"


async def test_several_mails_on_a_connection(make_settings: MakeSettings) -> None:
    """Postfix keeps its connection; every mail has ids of its own, XFORWARD holds for one of them only."""
    handler = Recorder()
    async with serving(make_settings(), handler) as running, running.client() as client:
        await client.ask("EHLO mx.example")
        await client.ask("XFORWARD ADDR=192.0.2.7 NAME=client.example")
        await client.send(b"one\r\n")
        await client.send(b"two\r\n")
        await client.ask("XFORWARD ADDR=192.0.2.8")
        await client.send(b"three\r\n")
    assert handler.octets == [b"one\r\n", b"two\r\n", b"three\r\n"]
    assert [mail.session.client.addr for mail in handler.mails] == ["192.0.2.7", None, "192.0.2.8"]
    assert [mail.log_id for mail in handler.mails] == ["04711-01", "04711-02", "04711-03"]
    assert len({mail.mail_id for mail in handler.mails}) == 3


SESSION = (
    b"EHLO mx.example\r\n"
    + SEND
    + b"one\r\n..dot\r\n.\r\nRSET\r\n"
    + SEND
    + b".\r\n"
    + b"MAIL FROM:<x@y>\r\nRCPT TO:<z@y>\r\nNONSENSE\r\nDATA\r\nthree\r\n.\r\nQUIT\r\n"
)
CODES = ["250", "250", "250", "354", "250", "250", "250", "250", "354", "250", "250", "250", "500", "354", "250", "221"]


@pytest.mark.parametrize("chunk", [len(SESSION), 1, 2, 3, 7, 50])
async def test_a_whole_session_in_pieces_of_any_size(make_settings: MakeSettings, chunk: int) -> None:
    """PIPELINING (RFC 2920) to the extreme: commands and data without waiting for any reply, cut anywhere."""
    handler = Recorder()
    async with serving(make_settings(), handler) as running, running.client() as client:
        for start in range(0, len(SESSION), chunk):
            client.write(SESSION[start : start + chunk])
            await client.writer.drain()
            if chunk < 10:
                await asyncio.sleep(0)
        assert [reply[:3] for reply in await client.replies(len(CODES))] == CODES
        assert await client.closed()
    assert handler.octets == [b"one\r\n.dot\r\n", b"", b"three\r\n"]


async def test_pipelined_commands_are_answered_in_one_write(make_settings: MakeSettings) -> None:
    """RFC 2920 3.2: one packet for a group of replies."""
    async with serving(make_settings(), Recorder()) as running, running.client() as client:
        client.write(b"EHLO x\r\n" + SEND)
        octets = await client.reader.read(65536)
        assert octets.count(b"250 2.1.") == 2
        assert octets.endswith(b"354 End data with <CR><LF>.<CR><LF>\r\n")


async def test_many_pipelined_commands_leave_room_for_others(make_settings: MakeSettings) -> None:
    """Fifty thousand NOOPs at once are answered, and another client gets its answer among them."""
    number = 50_000
    async with serving(make_settings(), Recorder()) as running, running.client() as busy, running.client() as other:
        busy.write(b"NOOP\r\n" * number)
        reading = asyncio.create_task(busy.reader.readexactly(number * len(b"250 2.0.0 Ok NOOP\r\n")))
        assert (await other.send()).startswith("250 2.6.0")
        assert not reading.done()
        await asyncio.wait_for(reading, 60)


async def test_a_client_that_stops_sending_still_gets_its_replies(make_settings: MakeSettings) -> None:
    """A session from a file through netcat: everything sent, then half closed."""
    handler = Recorder()
    async with serving(make_settings(), handler) as running, running.client() as client:
        client.write(b"HELO x\n" + SEND.replace(b"\r\n", b"\n") + MESSAGE + b".\r\n")
        client.writer.write_eof()
        assert [reply[:3] for reply in await client.replies(5)] == ["250", "250", "250", "354", "250"]
        assert await client.closed()
    assert handler.octets == [MESSAGE]


EIGHT_BIT = b"Subject: \xfc\xc3\xbc\r\n\r\n" + bytes(range(256)) * 3 + b"\r\nbare\nlf and\rcr\r\n"


@pytest.mark.parametrize("chunk", [0, 1, 100])
@pytest.mark.parametrize("memory_limit", [1 << 20, 200, 0], ids=["memory", "file late", "file"])
async def test_octets_arrive_as_they_were_sent(make_settings: MakeSettings, chunk: int, memory_limit: int) -> None:
    """Design rule 3, B21.08: all 256 octets, bare CR and LF included; from memory and from a spool file."""
    handler = Recorder()
    settings = make_settings(spool_memory_limit=memory_limit)
    async with serving(settings, handler) as running, running.client() as client:
        assert (await client.send(EIGHT_BIT, chunk=chunk)).startswith("250 2.6.0")
    assert handler.octets == [EIGHT_BIT]
    assert not list(settings.TEMPBASE.iterdir())


SMUGGLED = b"MAIL FROM:<evil@example>\r\nRCPT TO:<victim@d>\r\nDATA\r\nevil\r\n"


@pytest.mark.parametrize(
    "fake_end", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r\r\n.\r\r\n"], ids=repr
)
@pytest.mark.parametrize("chunk", [0, 1])
async def test_smuggling_sends_one_mail(make_settings: MakeSettings, fake_end: bytes, chunk: int) -> None:
    """Features 18.19, B6.12: what follows a fake end of data is content of the same mail."""
    handler = Recorder()
    async with serving(make_settings(), handler) as running, running.client() as client:
        await client.send(b"one" + fake_end + SMUGGLED, chunk=chunk)
        assert await client.ask("NOOP") == "250 2.0.0 Ok NOOP"
    assert len(handler.octets) == 1
    assert handler.octets[0].endswith(SMUGGLED)


@pytest.mark.parametrize("protocol", ["EHLO", "LHLO"])
async def test_bare_newlines_can_be_refused(make_settings: MakeSettings, protocol: str) -> None:
    """Contract B6.12: 550 with smtpd_forbid_bare_newline = reject, then the session goes on; CR LF alone passes."""
    handler = Recorder()
    settings = make_settings(smtpd_forbid_bare_newline="reject")
    async with serving(settings, handler) as running, running.client() as client:
        await client.ask(f"{protocol} x")
        for octets in (b"a\nb\r\n", b"a\rb\r\n", b"a\n.\nQUIT\r\n"):
            assert await client.send(octets) == "550 5.5.2 Error: bare <CR> or <LF> received"
        assert (await client.send(MESSAGE)).startswith("250 2.6.0")
    assert handler.octets == [MESSAGE]


@pytest.mark.parametrize("chunk", [0, 1])
async def test_bare_newlines_can_become_line_ends(make_settings: MakeSettings, chunk: int) -> None:
    """Contract B6.12, features 18.19: what tries to smuggle a second mail is the text of the first one."""
    handler = Recorder()
    settings = make_settings(smtpd_forbid_bare_newline="normalize")
    async with serving(settings, handler) as running, running.client() as client:
        await client.ask("EHLO x")
        assert (await client.send(b"a\n.\nQUIT\n\rb\r\n", chunk=chunk)).startswith("250 2.6.0")
        assert (await client.send(MESSAGE)).startswith("250 2.6.0")
    assert handler.octets == [b"a\r\n.\r\nQUIT\r\n\rb\r\n", MESSAGE]


async def test_two_mails_with_the_real_end_between_are_two(make_settings: MakeSettings) -> None:
    """The harmless twin of the test above."""
    handler = Recorder()
    async with serving(make_settings(), handler) as running, running.client() as client:
        await client.send(b"one\r\n.\r\n" + SMUGGLED)
        await client.replies(4)
    assert handler.octets == [b"one\r\n", b"evil\r\n"]


async def test_addresses_with_any_octets(make_settings: MakeSettings) -> None:
    """Features 11c: 8-bit addresses reach the pipeline and come back in the reply unchanged."""
    handler = Recorder()
    async with serving(make_settings(), handler) as running, running.client() as client:
        assert (
            await client.ask('MAIL FROM:<"a b"@\udcff.example> SMTPUTF8')
            == '250 2.1.0 Sender <"a b"@\udcff.example> OK'
        )
        assert await client.ask("RCPT TO:<jörg@d>") == "250 2.1.5 Recipient <jörg@d> OK"
        await client.ask("DATA")
        client.write(b".\r\n")
        await client.reply()
    (mail,) = handler.mails
    assert (mail.envelope.sender, mail.envelope.recipients[0].address) == ('"a b"@\udcff.example', "jörg@d")


@pytest.mark.parametrize("protocol", ["EHLO", "LHLO"])
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ScannerError("ALL VIRUS SCANNERS FAILED"), "scan FAILED: ALL VIRUS SCANNERS FAILED"),
        (QuarantineError("cannot write"), "quarantine FAILED: cannot write"),
        (TemporaryError("not done"), "processing FAILED: not done"),
    ],
    ids=repr,
)
async def test_temporary_error_of_the_pipeline_is_451(
    make_settings: MakeSettings, protocol: str, error: TemporaryError, reason: str
) -> None:
    """B6.07, design rules 1 and 2: no verdict, no 2xx; the session goes on and the content is given up."""

    async def fail(_mail: Mail) -> Outcome:
        raise error

    handler = Recorder(fail)
    async with serving(make_settings(), handler) as running, running.client() as client:
        await client.ask(f"{protocol} x")
        assert await client.send() == f"451 4.5.0 Error in processing, id=04711-01, {reason}"
        handler.act = None
        assert (await client.send()).startswith("250 2.6.0")
    assert all(is_closed(mail.content) for mail in handler.mails)


@pytest.mark.parametrize("error", [RuntimeError("defect"), TimeoutError(), OSError(5, "x")], ids=repr)
async def test_unexpected_error_is_451_and_logged(
    make_settings: MakeSettings, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """Design rule 1: a defect never looks like success."""

    async def fail(_mail: Mail) -> Outcome:
        raise error

    async with serving(make_settings(), Recorder(fail)) as running, running.client() as client:
        reply = await client.send()
        assert reply.startswith("451 4.5.0 Error in processing, id=04711-01, internal error FAILED: ")
        assert type(error).__name__ in reply
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.exc_info


async def test_outcome_that_misses_a_recipient_is_451_for_all(make_settings: MakeSettings) -> None:
    """Design rule 1 in LMTP: no recipient gets another one's 250."""

    async def lose_one(mail: Mail) -> Outcome:
        outcome = outcome_of(mail)
        return Outcome(outcome.recipients[1:], outcome.reply)

    async with serving(make_settings(), Recorder(lose_one)) as running, running.client() as client:
        await client.ask("LHLO x")
        client.write(b"MAIL FROM:<a@b>\r\nRCPT TO:<1@d>\r\nRCPT TO:<2@d>\r\nDATA\r\n.\r\n")
        await client.replies(4)
        assert [reply[:9] for reply in await client.replies(2)] == ["451 4.5.0"] * 2


async def test_access_list(make_settings: MakeSettings) -> None:
    """B6.11: a peer outside of inet_acl is dropped without a word, one inside is served."""
    async with serving(make_settings(inet_acl=["192.0.2.0/24"]), Recorder()) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        async with Client(reader, writer) as client:
            assert await client.closed()
    async with serving(make_settings(inet_acl=["127.0.0.0/8"]), Recorder()) as running, running.client() as client:
        assert (await client.ask("NOOP")).startswith("250")


async def test_ipv6(make_settings: MakeSettings) -> None:
    """Greeting and session on ::1; on a dual-stack socket an IPv4 client keeps its plain address."""
    handler = Recorder()
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listener:
        server = MailServer(PolicyBanks(make_settings()), handler, LogIds(1))
        await server.start([listener])
        for address, host in (("::1", "[IPv6:::1]"), ("127.0.0.1", "[127.0.0.1]")):
            reader, writer = await asyncio.open_connection(address, listener.getsockname()[1])
            async with Client(reader, writer) as client:
                assert (await client.reply()).startswith(f"220 {host} ESMTP ")
                await client.send()
        await server.drain()
    assert [mail.session.peer_addr for mail in handler.mails] == ["::1", "127.0.0.1"]


async def test_unix_socket(make_settings: MakeSettings) -> None:
    """A unix socket has no addresses; file modes are its access list (B6.11)."""
    handler = Recorder()
    settings = make_settings(inet_acl=[])
    path = str(settings.MYHOME / "smtp.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen()
        server = MailServer(PolicyBanks(settings), handler, LogIds(1))
        await server.start([listener])
        reader, writer = await asyncio.open_unix_connection(path)
        async with Client(reader, writer) as client:
            assert (await client.reply()).startswith(f"220 {settings.localhost_name} ESMTP ")
            assert (await client.send()).startswith("250 2.6.0")
        await server.drain()
    assert handler.mails[0].session.peer_addr is None


async def test_large_mail_through_a_file(make_settings: MakeSettings) -> None:
    """Several megabytes in network-sized pieces: flushed while it comes, mapped for the handler, removed after it."""
    handler = Recorder()
    settings = make_settings(spool_memory_limit=10_000)
    large = b"Subject: large\r\n\r\n" + b"0123456789\r\n.dot\r\n" * 200_000
    async with serving(settings, handler) as running, running.client() as client:
        assert (await client.send(large.replace(b"\r\n.", b"\r\n.."))).startswith("250 2.6.0")
    assert handler.octets == [large]
    assert not list(settings.TEMPBASE.iterdir())
