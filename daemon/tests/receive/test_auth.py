"""AUTH PLAIN and LOGIN (Contract B6.02, B6.04, B6.05; RFC 4954)."""

import base64
import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from receiving import Client, Recorder, serving

from certificates import make_certificate
from mailcordon.cli.main import main
from mailcordon.config.password import PasswordHash
from mailcordon.config.settings import Settings
from mailcordon.receive.replies import CommandError
from mailcordon.receive.sasl import SaslExchange

MakeSettings = Callable[..., Settings]
PASSWORD = "open sésame"
FAILED = "535 5.7.8 Error: authentication failed"
SUCCEEDED = "235 2.7.0 Authentication succeeded"
BAD_RESPONSE = "501 5.5.2 Error: bad authentication response"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def plain(password: str = PASSWORD, user: str = "alice", authorize: str = "") -> str:
    return b64(f"{authorize}\0{user}\0{password}")


@pytest.fixture(scope="module")
def stored() -> str:
    return str(PasswordHash.of(PASSWORD))


@pytest.fixture
def make_auth(make_settings: MakeSettings, stored: str) -> MakeSettings:
    """Settings with a user alice, who may say her password in clear."""

    def make(**overrides: Any) -> Settings:
        return make_settings(
            **{
                "auth_mech_avail": ["PLAIN", "LOGIN"],
                "auth_users": {"hash": {"alice": stored, "broken": "{PLAIN}x"}},
                "smtpd_tls_auth_only": False,
                **overrides,
            }
        )

    return make


async def offers(client: Client) -> list[str]:
    return [line[4:] for line in (await client.ask("EHLO mx.example")).split("\n")]


@pytest.mark.parametrize("digit", "0123456789")
def test_hash_is_no_template(make_settings: MakeSettings, tmp_path: Path, digit: str) -> None:
    """Contract B6.04: the `$1` to `$5` of lookups (B3.10, B3.13) may stand in a hash by chance."""
    value = f"$scrypt$ln=14,r=8,p=1${digit * 22}${digit * 43}"
    PasswordHash.parse(value)
    (tmp_path / "users").write_text(f"alice {value}\n")
    for table in ({"hash": {"alice": value}}, {"hash_file": str(tmp_path / "users")}, {"regexp": [["(a)lice", value]]}):
        assert make_settings(auth_users=table).auth_users.find("alice") == value


async def test_offered_only_if_configured(make_auth: MakeSettings) -> None:
    """Contract B6.02: AUTH with the mechanisms of auth_mech_avail; without any it is not known at all."""
    async with serving(make_auth(auth_mech_avail=["LOGIN"]), Recorder()) as running, running.client() as client:
        assert "AUTH LOGIN" in await offers(client)
        assert (await client.ask(f"AUTH PLAIN {plain()}")).startswith("504 5.5.4")
    async with serving(make_auth(auth_mech_avail=[]), Recorder()) as running, running.client() as client:
        assert not [offer for offer in await offers(client) if offer.startswith("AUTH")]
        assert (await client.ask(f"AUTH PLAIN {plain()}")).startswith("502 5.5.1")


@pytest.mark.parametrize(
    "dialogue",
    [
        [(f"AUTH PLAIN {plain()}", SUCCEEDED)],
        [(f"auth plain {plain(authorize='alice')}", SUCCEEDED)],
        [("AUTH PLAIN", "334 "), (plain(), SUCCEEDED)],
        [("AUTH LOGIN", "334 VXNlcm5hbWU6"), (b64("alice"), "334 UGFzc3dvcmQ6"), (b64(PASSWORD), SUCCEEDED)],
        [(f"AUTH LOGIN {b64('alice')}", "334 UGFzc3dvcmQ6"), (b64(PASSWORD), SUCCEEDED)],
        [(f"AUTH PLAIN {plain('open sesame')}", FAILED), (f"AUTH PLAIN {plain()}", SUCCEEDED)],
    ],
)
async def test_who_knows_the_password(make_auth: MakeSettings, dialogue: list[tuple[str, str]]) -> None:
    """Contract B6.04: 235; the connection stays that user's, so AUTH is neither offered nor taken again. It makes no
    mail originating (B4.03)."""
    handler = Recorder()
    async with serving(make_auth(auth_required_inp=True), handler) as running, running.client() as client:
        assert "AUTH PLAIN LOGIN" in await offers(client)
        for line, reply in dialogue:
            assert await client.ask(line) == reply
        assert "AUTH PLAIN LOGIN" not in await offers(client)
        assert (await client.ask(f"AUTH PLAIN {plain()}")).startswith("503 5.5.1")
        for _ in range(2):
            assert (await client.send()).startswith("250")
    assert [mail.session.originating for mail in handler.mails] == [False, False]


@pytest.mark.parametrize(
    ("dialogue", "reply"),
    [
        ([f"AUTH PLAIN {plain('wrong')}"], FAILED),
        ([f"AUTH PLAIN {plain('')}"], FAILED),
        ([f"AUTH PLAIN {plain(user='bob')}"], FAILED),
        ([f"AUTH PLAIN {plain(user='')}"], FAILED),
        ([f"AUTH PLAIN {plain('x', user='broken')}"], FAILED),
        (["AUTH LOGIN", "", ""], FAILED),
        ([f"AUTH PLAIN {plain(authorize='root')}"], BAD_RESPONSE),
        ([f"AUTH PLAIN {b64('alice')}"], BAD_RESPONSE),
        (["AUTH PLAIN ="], BAD_RESPONSE),
        (["AUTH PLAIN", "no base64"], BAD_RESPONSE),
        (["AUTH PLAIN", "*"], "501 5.7.0 Authentication aborted"),
        (["AUTH LOGIN", b64("alice"), "*"], "501 5.7.0 Authentication aborted"),
        (["AUTH CRAM-MD5"], "504 5.5.4 Error: authentication mechanism not offered"),
        (["AUTH"], "504 5.5.4 Error: authentication mechanism not offered"),
        (["NOOP"], "250 2.0.0 Ok NOOP"),
    ],
)
async def test_who_does_not_may_not_send(make_auth: MakeSettings, dialogue: list[str], reply: str) -> None:
    """Contract B6.04, B6.05: 535, and 530 for mail under auth_required_inp; the session goes on."""
    handler = Recorder()
    async with serving(make_auth(auth_required_inp=True), handler) as running, running.client() as client:
        await client.ask("EHLO mx.example")
        said = [await client.ask(line) for line in dialogue]
        assert said[-1] == reply
        for command in (
            "MAIL FROM:<a@b.example>",
            "RCPT TO:<c@d.example>",
            "DATA",
            "XFORWARD ADDR=192.0.2.7",
            "VRFY x",
        ):
            assert await client.ask(command) == "530 5.7.0 Authentication required"
        assert (await client.ask("RSET")).startswith("250")
        assert await client.ask(f"AUTH PLAIN {plain()}") == SUCCEEDED
        assert (await client.send()).startswith("250")
    assert len(handler.mails) == 1


async def test_mail_without_auth_where_it_is_not_required(make_auth: MakeSettings) -> None:
    """Contract B6.05: offered is not demanded. Within a transaction it comes too late."""
    async with serving(make_auth(), Recorder()) as running, running.client() as client:
        await client.ask("EHLO mx.example")
        assert (await client.send()).startswith("250")
        await client.ask("MAIL FROM:<a@b.example>")
        assert (await client.ask(f"AUTH PLAIN {plain()}")).startswith("503 5.5.1")


async def test_passwords_are_said_under_tls_only(make_auth: MakeSettings, tmp_path: Path) -> None:
    """Contract B6.02: as packaged, AUTH is neither offered nor taken in clear."""
    certificate = make_certificate(tmp_path)
    settings = make_auth(
        smtpd_tls_auth_only=True,
        auth_required_inp=True,
        tls_security_level_in="may",
        smtpd_tls_cert_file=str(certificate.cert_file),
        smtpd_tls_key_file=str(certificate.key_file),
    )
    context = ssl.create_default_context(cafile=certificate.cert_file)
    async with serving(settings, Recorder()) as running, running.client() as client:
        assert "AUTH PLAIN LOGIN" not in await offers(client)
        assert (await client.ask(f"AUTH PLAIN {plain()}")).startswith("538 5.7.11")
        assert (await client.ask("STARTTLS")).startswith("220")
        await client.writer.start_tls(context, server_hostname="localhost")
        assert "AUTH PLAIN LOGIN" in await offers(client)
        assert await client.ask(f"AUTH PLAIN {plain()}") == SUCCEEDED
        assert (await client.send()).startswith("250")


async def test_tls_forgets_who_said_so_before(make_auth: MakeSettings, tmp_path: Path) -> None:
    """Contract B6.10: what was said in clear counts no more."""
    certificate = make_certificate(tmp_path)
    settings = make_auth(
        auth_required_inp=True,
        tls_security_level_in="may",
        smtpd_tls_cert_file=str(certificate.cert_file),
        smtpd_tls_key_file=str(certificate.key_file),
    )
    context = ssl.create_default_context(cafile=certificate.cert_file)
    async with serving(settings, Recorder()) as running, running.client() as client:
        await client.ask("EHLO mx.example")
        assert await client.ask(f"AUTH PLAIN {plain()}") == SUCCEEDED
        assert (await client.ask("STARTTLS")).startswith("220")
        await client.writer.start_tls(context, server_hostname="localhost")
        await client.ask("EHLO mx.example")
        assert (await client.ask("MAIL FROM:<a@b.example>")).startswith("530 5.7.0")


async def test_guessing_ends_the_session(make_auth: MakeSettings, caplog: pytest.LogCaptureFixture) -> None:
    """B6.15: failures count as errors. Neither passwords nor what may be one reach the log."""
    caplog.set_level(logging.DEBUG)
    secret = b64("alice\0hidden\0")
    async with serving(make_auth(smtpd_hard_error_limit=4), Recorder()) as running, running.client() as client:
        await client.ask("EHLO mx.example")
        assert await client.ask(f"AUTH PLAIN {plain('hidden')}") == FAILED
        assert (await client.ask("AUTH PLAIN")).startswith("334")
        assert (await client.ask(f"{secret}!")).startswith("501")
        assert (await client.ask(f"AUTH OTHER {secret}")).startswith("504")
        client.write(f"AUTH PLAIN {plain('hidden')}\r\n".encode())
        assert [reply[:3] for reply in await client.replies(2)] == ["535", "421"]
        assert await client.closed()
    assert "authentication of client 127.0.0.1 as 'alice' failed" in caplog.text
    assert secret[:12] not in caplog.text
    assert plain("hidden") not in caplog.text


async def test_client_that_leaves_meanwhile(make_auth: MakeSettings) -> None:
    """Gone before the password is checked: the server goes on. What was pipelined behind AUTH is answered after it."""
    async with serving(make_auth(), Recorder()) as running:
        async with running.client() as client:
            client.write(f"AUTH PLAIN {plain()}\r\n".encode())
        async with running.client() as client:
            client.write(f"EHLO x\r\nAUTH PLAIN {plain()}\r\nNOOP\r\n".encode())
            assert [reply[:3] for reply in await client.replies(3)] == ["250", "235", "250"]


@given(st.sampled_from(["PLAIN", "LOGIN"]), st.text(max_size=40), st.binary(max_size=40))
def test_any_response(mechanism: str, text: str, octets: bytes) -> None:
    """Hostile responses raise CommandError only."""
    for response in (text, base64.b64encode(octets).decode()):
        exchange = SaslExchange(mechanism)
        try:
            exchange.begin(response)
            exchange.respond(response)
        except CommandError:
            continue


def test_hash_from_the_command(stored: str) -> None:
    """`mailcordon password` prints what auth_users takes, another one each time."""
    printed = CliRunner().invoke(main, ["password"], input=f"{PASSWORD}\n{PASSWORD}\n").output.splitlines()[-1]
    assert PasswordHash.parse(printed).fits(PASSWORD)
    assert not PasswordHash.parse(printed).fits(PASSWORD + "x")
    assert printed != stored


def test_hash_of_another_program() -> None:
    """The form is not ours alone; octets by RFC 7914 12, third test vector, cut to 32."""
    octets = bytes.fromhex("7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2")
    text = f"$scrypt$ln=14,r=8,p=1${b64('SodiumChloride').rstrip('=')}${base64.b64encode(octets).decode().rstrip('=')}"
    assert PasswordHash.parse(text).fits("pleaseletmein")
    assert str(PasswordHash.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret",
        "$scrypt$ln=14,r=8,p=1$x$y",
        "$scrypt$ln=99,r=8,p=1$c29kaXVtMTIzNDU2$c29kaXVtMTIzNDU2c29kaXVtMTIzNDU2",
        "$scrypt$ln=0,r=8,p=1$c29kaXVtMTIzNDU2$c29kaXVtMTIzNDU2c29kaXVtMTIzNDU2",
        "$scrypt$ln=14,r=8,p=1$c29kaXVtMTIzN$c29kaXVtMTIzNDU2c29kaXVtMTIzNDU2",
    ],
)
def test_what_is_no_hash(text: str) -> None:
    """One line, in which no hash stands."""
    with pytest.raises(ValueError, match=r"^[^\n]*scrypt") as raised:
        PasswordHash.parse(text)
    assert "c29kaXVt" not in str(raised.value)
