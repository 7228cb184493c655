"""STARTTLS at the running server (B6.10, features 13.13 to 13.17), on asyncio's event loop and on the workers' own."""

import asyncio
import logging
import re
import smtplib
import socket
import ssl
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop
from receiving import MESSAGE, SEND, Client, Recorder, Running, held_back, serving, until

from certificates import Certificate, make_certificate
from mailcordon.config.policy_banks import PolicyBanks
from mailcordon.config.settings import Settings
from mailcordon.errors import StartupError
from mailcordon.mail.ids import LogIds
from mailcordon.receive import tls
from mailcordon.receive.server import MailServer

MakeSettings = Callable[..., Settings]
Scenario = Callable[[Running], Awaitable[None]]
Run = Callable[[Settings, Recorder, Scenario], None]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def make_tls(make_settings: MakeSettings, certificate: Certificate) -> MakeSettings:
    """Settings with a certificate."""

    def make(**overrides: object) -> Settings:
        files = {"smtpd_tls_cert_file": certificate.cert_file, "smtpd_tls_key_file": certificate.key_file}
        return make_settings(**{**files, **overrides})

    return make


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a scenario against a server; nothing is left behind."""

    def run_it(settings: Settings, handler: Recorder, scenario: Scenario) -> None:
        async def main() -> None:
            async with serving(settings, handler) as running:
                await scenario(running)
            assert running.server.messages_in_flight == 0

        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(main())
        assert not list(settings.TEMPBASE.iterdir())

    return run_it


def trusting(certificate: Certificate) -> ssl.SSLContext:
    """A client's context that knows our certificate."""
    return ssl.create_default_context(cafile=certificate.cert_file)


@asynccontextmanager
async def encrypted(running: Running, certificate: Certificate, hello: str = "EHLO") -> AsyncIterator[Client]:
    """A client that has said STARTTLS, and nothing after it."""
    async with running.client() as client:
        assert "250-STARTTLS" in await client.ask(f"{hello} mx.example")
        assert await client.ask("STARTTLS") == "220 2.0.0 Ready to start TLS"
        await client.writer.start_tls(trusting(certificate), server_hostname="localhost")
        yield client


@pytest.mark.parametrize("level", ["may", "encrypt"])
@pytest.mark.parametrize(("hello", "protocol"), [("EHLO", "ESMTP"), ("LHLO", "LMTP")])
def test_mail_over_tls(
    run: Run, make_tls: MakeSettings, certificate: Certificate, level: str, hello: str, protocol: str
) -> None:
    """Contract B6.10, B9.06, features 13.13: all works as before STARTTLS, small mails and large, LMTP, too."""
    handler = Recorder()
    large = b"Subject: large\r\n\r\n" + b"0123456789\r\n" * 100_000

    async def scenario(running: Running) -> None:
        async with encrypted(running, certificate, hello) as client:
            assert "STARTTLS" not in await client.ask(f"{hello} mx.example")
            assert (await client.send()).startswith("250 2.6.0")
            assert (await client.send(large)).startswith("250 2.6.0")
            assert (await client.send(MESSAGE, chunk=1)).startswith("250 2.6.0")
            assert await client.ask("STARTTLS") == "554 5.5.1 Error: TLS already active"
            assert (await client.ask("QUIT")).startswith("221")
            assert await client.closed()

    run(make_tls(tls_security_level_in=level, spool_memory_limit=10_000), handler, scenario)
    assert handler.octets == [MESSAGE, large, MESSAGE]
    assert [(mail.session.protocol, mail.session.tls) for mail in handler.mails] == [(protocol, True)] * 3
    assert all(re.fullmatch("[A-Z0-9_-]{10,}", mail.session.cipher or "") for mail in handler.mails)


def test_may_is_no_must(run: Run, make_tls: MakeSettings) -> None:
    """Features 13.13: offered, and mail in clear is taken all the same."""
    handler = Recorder()

    async def scenario(running: Running) -> None:
        async with running.client() as client:
            assert "250-STARTTLS" in await client.ask("EHLO mx.example")
            assert (await client.send()).startswith("250 2.6.0")

    run(make_tls(tls_security_level_in="may"), handler, scenario)
    assert [mail.session.tls for mail in handler.mails] == [False]


def test_encrypt_demands_tls_before_mail(run: Run, make_tls: MakeSettings) -> None:
    """Contract B6.05, B6.10, B21.05, features 13.13: 530 to all but NOOP, EHLO, LHLO, STARTTLS and QUIT."""
    handler = Recorder()

    async def scenario(running: Running) -> None:
        async with running.client() as client:
            for line in ("NOOP", "EHLO mx.example", "LHLO mx.example"):
                assert (await client.ask(line)).startswith("250")
            for line in ("HELO x", "MAIL FROM:<a@b>", "RCPT TO:<a@b>", "DATA", "RSET", "VRFY x", "XFORWARD NAME=x"):
                assert await client.ask(line) == "530 5.7.0 Must issue a STARTTLS command first"
            assert (await client.ask("QUIT")).startswith("221")

    run(make_tls(tls_security_level_in="encrypt"), handler, scenario)
    assert not handler.mails


@pytest.mark.parametrize("level", ["none", ""])
def test_off_offers_nothing(run: Run, make_settings: MakeSettings, level: str) -> None:
    """Features 13.13, 13.14: none and its other spelling; no certificate is needed then."""

    async def scenario(running: Running) -> None:
        async with running.client() as client:
            assert "STARTTLS" not in await client.ask("EHLO mx.example")
            assert (await client.ask("STARTTLS")).startswith("502 5.5.1")
            assert (await client.send()).startswith("250 2.6.0")

    run(make_settings(tls_security_level_in=level), Recorder(), scenario)


@pytest.mark.parametrize(
    "injected", [b"RSET\r\n", SEND + MESSAGE + b".\r\n", b"XFORWARD NAME=evil\r\nEHLO evil\r\n", b"N"]
)
def test_injected_commands_are_forgotten(
    run: Run, make_tls: MakeSettings, certificate: Certificate, injected: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Features 13.17, contract B6.10: what came in clear behind STARTTLS is neither answered nor done under TLS."""
    handler = Recorder()

    async def scenario(running: Running) -> None:
        async with running.client() as client:
            await client.ask("EHLO mx.example")
            client.write(b"STARTTLS\r\n" + injected)
            assert (await client.reply()).startswith("220")
            await client.writer.start_tls(trusting(certificate), server_hostname="localhost")
            # The first reply under TLS answers the first command under TLS.
            assert await client.ask("VRFY x") == "252 2.0.0 Argument not checked"
            assert (await client.send()).startswith("250 2.6.0")

    run(make_tls(tls_security_level_in="may"), handler, scenario)
    assert handler.octets == [MESSAGE]
    assert (handler.mails[0].session.client.name, handler.mails[0].session.helo) == (None, None)
    assert [r.levelno for r in caplog.records if "STARTTLS pipelining violation attempt" in r.message] == [
        logging.WARNING
    ]


def test_state_in_clear_is_forgotten(
    run: Run, make_tls: MakeSettings, certificate: Certificate, caplog: pytest.LogCaptureFixture
) -> None:
    """Features 13.17: EHLO and XFORWARD of before; a client that keeps to the rules is not accused of anything."""
    handler = Recorder()

    async def scenario(running: Running) -> None:
        async with running.client() as client:
            await client.ask("LHLO in.clear.example")
            await client.ask("XFORWARD NAME=in.clear.example ADDR=192.0.2.1")
            await client.ask("STARTTLS")
            await client.writer.start_tls(trusting(certificate), server_hostname="localhost")
            assert (await client.send()).startswith("250 2.6.0")

    run(make_tls(tls_security_level_in="may"), handler, scenario)
    session = handler.mails[0].session
    assert (session.protocol, session.helo, session.client.name, session.client.addr) == ("SMTP", None, None, None)
    assert "violation" not in caplog.text


def test_starttls_inside_of_a_transaction(run: Run, make_tls: MakeSettings) -> None:
    """A transaction in clear does not go on under TLS; STARTTLS takes no argument."""

    async def scenario(running: Running) -> None:
        async with running.client() as client:
            assert await client.ask("STARTTLS now") == "501 5.5.2 Syntax: STARTTLS"
            await client.ask("MAIL FROM:<a@b>")
            assert (await client.ask("STARTTLS")).startswith("503 5.5.1")
            assert (await client.ask("RCPT TO:<c@d>")).startswith("250")

    run(make_tls(tls_security_level_in="may"), Recorder(), scenario)


@pytest.mark.parametrize(
    "instead", [b"", b"\r\n", b"EHLO x\r\nMAIL FROM:<a@b>\r\n", b"\x16\x03\x01\x00\x05hello" * 9], ids=repr
)
def test_no_handshake(run: Run, make_tls: MakeSettings, instead: bytes) -> None:
    """A client that leaves, or speaks something else, ends its own connection and nothing more."""

    async def scenario(running: Running) -> None:
        async with running.client() as client:
            await client.ask("STARTTLS")
            client.write(instead)
            client.writer.write_eof()
            assert b"250" not in await asyncio.wait_for(client.reader.read(), 10)
        async with running.client() as client:
            assert (await client.send()).startswith("250 2.6.0")
        await until(lambda: not running.server._connections)

    run(make_tls(tls_security_level_in="may"), Recorder(), scenario)


def test_silent_handshake_is_cut_off(run: Run, make_tls: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The handshake has a time limit of its own, far below smtpd_timeout."""
    monkeypatch.setattr(tls, "HANDSHAKE_LIMIT", 0.5)

    async def scenario(running: Running) -> None:
        async with running.client() as client:
            await client.ask("STARTTLS")
            assert await client.closed()
        await until(lambda: not running.server._connections)

    run(make_tls(tls_security_level_in="may"), Recorder(), scenario)


def test_reset_under_tls_loses_only_what_is_incomplete(
    run: Run, make_tls: MakeSettings, certificate: Certificate
) -> None:
    """Design rule 1: a client that goes away within its message has not handed it over."""
    handler = Recorder()

    async def scenario(running: Running) -> None:
        async with encrypted(running, certificate) as client:
            client.write(SEND + MESSAGE)
            await client.replies(3)
            client.writer.transport.abort()
        await until(lambda: not running.server._connections)

    run(make_tls(tls_security_level_in="may"), handler, scenario)
    assert not handler.mails


async def test_silent_client_under_tls_is_dropped(make_tls: MakeSettings, certificate: Certificate) -> None:
    """smtpd_timeout holds under TLS, and the 421 is readable there."""
    settings = make_tls(tls_security_level_in="may", smtpd_timeout=1)
    async with serving(settings, Recorder()) as running, encrypted(running, certificate) as client:
        assert (await client.reply()).startswith("421 4.4.2")
        assert await client.closed()


async def test_drain_under_tls(make_tls: MakeSettings, certificate: Certificate, gate: asyncio.Event) -> None:
    """The message in progress is answered, then 421."""
    handler = held_back(gate)
    settings = make_tls(tls_security_level_in="may")
    async with serving(settings, handler) as running, encrypted(running, certificate) as client:
        sending = asyncio.create_task(client.send())
        await until(lambda: len(handler.mails) == 1)
        draining = asyncio.create_task(running.server.drain())
        gate.set()
        assert (await sending).startswith("250 2.6.0")
        assert (await client.reply()).startswith("421 4.3.2")
        await asyncio.wait_for(draining, 10)


async def test_each_interface_has_its_level(make_tls: MakeSettings) -> None:
    """Features 13.13: the bank of the port says whether TLS is needed there."""
    with socket.create_server(("127.0.0.1", 0)) as plain, socket.create_server(("127.0.0.1", 0)) as strict:
        ports = [listener.getsockname()[1] for listener in (plain, strict)]
        settings = make_tls(
            interface_policy={str(ports[1]): "STRICT"}, policy_bank={"STRICT": {"tls_security_level_in": "encrypt"}}
        )
        server = MailServer(PolicyBanks(settings), Recorder(), LogIds(1))
        await server.start([plain, strict])
        async with Running(server, ports[0], plain).client() as client:
            assert "STARTTLS" not in await client.ask("EHLO x")
            assert (await client.send()).startswith("250")
        async with Running(server, ports[1], strict).client() as client:
            assert "STARTTLS" in await client.ask("EHLO x")
            assert (await client.ask("MAIL FROM:<a@b>")).startswith("530 5.7.0")
        await server.drain()


@pytest.mark.parametrize(
    ("newest", "works"), [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True)], ids=["1.1", "1.2"]
)
async def test_old_versions_are_refused(
    make_tls: MakeSettings, certificate: Certificate, newest: ssl.TLSVersion, *, works: bool
) -> None:
    """Features 18.10: TLS 1.2 at least."""
    context = trusting(certificate)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    # What the client is willing to speak must not be what refuses.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1_1 if not works else ssl.TLSVersion.TLSv1_2
        context.maximum_version = newest
    async with serving(make_tls(tls_security_level_in="may"), Recorder()) as running, running.client() as client:
        await client.ask("STARTTLS")
        upgrading = client.writer.start_tls(context, server_hostname="localhost")
        if works:
            await upgrading
            assert (await client.send()).startswith("250")
        else:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await upgrading


async def test_client_that_we_did_not_write(make_tls: MakeSettings, certificate: Certificate) -> None:
    """smtplib, with a verified certificate."""
    handler = Recorder()
    async with serving(make_tls(tls_security_level_in="encrypt"), handler) as running:

        def send() -> None:
            with smtplib.SMTP("127.0.0.1", running.port, local_hostname="mx.example") as smtp:
                smtp._host = "localhost"  # type: ignore[attr-defined] # the name in the certificate
                smtp.starttls(context=trusting(certificate))
                smtp.sendmail("a@b.example", ["c@d.example"], MESSAGE)

        await asyncio.to_thread(send)
    assert (handler.octets, handler.mails[0].session.tls) == ([MESSAGE], True)


def test_unusable_certificate(make_settings: MakeSettings, certificate: Certificate, tmp_path: Path) -> None:
    """Features 13.15: one line that names setting and file; a key with a password does not ask for it."""
    other = make_certificate(tmp_path, "other")
    locked = tmp_path / "locked.pem"
    locked.write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n")
    for cert_file, key_file, reason in (
        (certificate.cert_file, other.key_file, "key values mismatch"),
        (tmp_path / "missing.pem", certificate.key_file, "No such file or directory"),
        (certificate.cert_file, locked, "are not a certificate with its key"),
    ):
        settings = make_settings(
            tls_security_level_in="may", smtpd_tls_cert_file=cert_file, smtpd_tls_key_file=key_file
        )
        with pytest.raises(StartupError, match=reason) as caught:
            tls.server_context(settings)
        assert str(cert_file) in str(caught.value)
        assert "\n" not in str(caught.value)
