"""STARTTLS towards the next hop (features 13.10, 13.11, contract B7.02)."""

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from acting import cache, outgoing, soon

from certificates import Certificate, make_certificate
from mailcordon.act.counters import Purpose
from mailcordon.act.courier import Courier, Route
from mailcordon.act.tls import Security, TlsContexts
from mailcordon.config.next_hop import DeliveryMethod, NextHop
from mailcordon.mail.message import Mail
from next_hop import DROP, Hop, running

MakeMail = Callable[..., Mail]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def context(certificate: Certificate) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate.cert_file, certificate.key_file)
    return made


async def send(
    hop: Hop, mail: Mail, security: Security, *, ca_file: str = "", host: str = "127.0.0.1", times: int = 1
) -> str:
    route = Route(DeliveryMethod((NextHop("smtp", host, hop.port),)), security)
    async with cache(contexts=TlsContexts(ca_file)) as kept:
        for _ in range(times):
            (handover,) = await Courier(kept).send(mail, outgoing(), route, soon(), purpose=Purpose.RELAY)
    return str(handover.reply)


@pytest.mark.parametrize("level", ["none", "may", "encrypt"])
async def test_hop_with_starttls(make_mail: MakeMail, context: ssl.SSLContext, level: str) -> None:
    """Features 13.10; EHLO is said anew after the handshake (RFC 3207 4.2)."""
    async with running(tls=context) as hop:
        assert (await send(hop, make_mail(b"x"), Security(level))).startswith("250 2.6.0 ")  # type: ignore[arg-type]
    first = ["EHLO localhost"] if level == "none" else ["EHLO localhost", "STARTTLS", "(TLS)", "EHLO localhost"]
    assert hop.commands[: len(first)] == first
    assert ("STARTTLS" in hop.commands) == (level != "none")
    assert len(hop.taken) == 1


@pytest.mark.parametrize(("level", "code"), [("none", "250"), ("may", "250"), ("encrypt", "451")])
async def test_hop_without_starttls(make_mail: MakeMail, level: str, code: str) -> None:
    """Features 13.10: without the offer, encrypt is a temporary failure and nothing of the mail is told."""
    async with running() as hop:
        reply = await send(hop, make_mail(b"x"), Security(level))  # type: ignore[arg-type]
    assert reply.startswith(code)
    assert len(hop.taken) == (code == "250")
    if level == "encrypt":
        assert reply.endswith("during STARTTLS (not offered, and tls_security_level_out is encrypt): id=04711-01")
        assert hop.commands == ["EHLO localhost"]


@pytest.mark.parametrize(("level", "delivered"), [("may", True), ("encrypt", False)])
@pytest.mark.parametrize("keywords", [("STARTTLS",), ()])
async def test_hop_that_changes_its_mind(
    make_mail: MakeMail, level: str, delivered: bool, keywords: tuple[str, ...]
) -> None:
    """It offers STARTTLS and refuses it, or knows HELO only."""
    answers = {"STARTTLS": "454 4.7.0 TLS not available"} if keywords else {"EHLO": "500 5.5.1 what?"}
    async with running(keywords=keywords, answers=answers) as hop:
        reply = await send(hop, make_mail(b"x"), Security(level))  # type: ignore[arg-type]
    assert reply.startswith("250" if delivered else "451 4.5.0 ")
    assert len(hop.taken) == delivered


@pytest.mark.parametrize(("level", "delivered"), [("may", True), ("encrypt", False)])
async def test_handshake_fails(make_mail: MakeMail, level: str, delivered: bool) -> None:
    """With may the mail goes over another connection in the clear, with encrypt it waits."""
    useless = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    async with running(tls=useless) as hop:
        reply = await send(hop, make_mail(b"x"), Security(level))  # type: ignore[arg-type]
    assert reply.startswith("250" if delivered else "451 4.5.0 ")
    assert "\n" not in reply
    assert hop.connections == (2 if delivered else 1)
    assert len(hop.taken) == delivered


@pytest.mark.parametrize("level", ["may", "encrypt"])
@pytest.mark.parametrize("injected", ["250 2.1.0 Ok", "250-injected"])
async def test_nothing_said_before_the_handshake_counts_after_it(
    make_mail: MakeMail, context: ssl.SSLContext, level: str, injected: str
) -> None:
    """Features 13.17 on the client's side: octets after the 220 could be taken for replies inside TLS."""
    async with running(tls=context, answers={"STARTTLS": f"220 2.0.0 Go\r\n{injected}"}) as hop:
        reply = await send(hop, make_mail(b"x"), Security(level))  # type: ignore[arg-type]
    assert reply.endswith("during STARTTLS (reply that nobody asked for): id=04711-01")
    assert hop.taken == []


@pytest.mark.parametrize("level", ["may", "encrypt"])
async def test_verified(make_mail: MakeMail, context: ssl.SSLContext, certificate: Certificate, level: str) -> None:
    """Features 13.11: verification is an option; the name is that of `forward_method`."""
    security, ca_file = Security(level, verify=True), str(certificate.cert_file)  # type: ignore[arg-type]
    async with running(tls=context) as hop:
        reply = await send(hop, make_mail(b"x"), security, ca_file=ca_file, host="localhost")
        assert reply.startswith("250 2.6.0 ")
        assert len(hop.taken) == 1
        for host, authorities in (("127.0.0.1", ca_file), ("localhost", "")):
            hop.commands.clear()
            reply = await send(hop, make_mail(b"x"), security, ca_file=authorities, host=host)
            assert reply.startswith(f"451 4.5.0 From MTA(smtp:[{host}]:{hop.port}) during STARTTLS (certificate not ")
    assert len(hop.taken) == 1


async def test_unusable_file_of_authorities(
    make_mail: MakeMail, context: ssl.SSLContext, certificate: Certificate, tmp_path: Path
) -> None:
    async with running(tls=context) as hop:
        for file, why in ((tmp_path / "none", "No such file or directory"), (certificate.key_file, "NO_CERT")):
            reply = await send(hop, make_mail(b"x"), Security("encrypt", verify=True), ca_file=str(file))
            assert f"(tls_ca_file_out: {file} cannot be read: {why}" in reply
            assert reply.startswith("451")


async def test_encrypted_session_is_kept(make_mail: MakeMail, context: ssl.SSLContext) -> None:
    """Features 13.01, 13.07, 13.12: the handshake is made once."""
    async with running(tls=context) as hop:
        await send(hop, make_mail(b"x"), Security("encrypt"), times=3)
    assert hop.connections == 1
    assert hop.commands.count("STARTTLS") == 1
    assert len(hop.taken) == 3


async def test_open_session_is_not_used_for_mail_to_be_encrypted(make_mail: MakeMail, context: ssl.SSLContext) -> None:
    """Features 13.10: the level is that of the message's policy bank, whatever the mail before wanted."""
    async with running(tls=context) as hop, cache() as kept:
        for level in ("none", "encrypt", "none"):
            route = Route(DeliveryMethod((hop.hop,)), Security(level))
            await Courier(kept).send(make_mail(b"x"), outgoing(), route, soon(), purpose=Purpose.RELAY)
    assert hop.connections == 2
    assert len(hop.taken) == 3
    assert kept.counters.reuse_recent == 1


async def test_hop_that_drops_in_the_handshake(make_mail: MakeMail, context: ssl.SSLContext) -> None:
    async with running(keywords=("STARTTLS",), answers={"STARTTLS": DROP}) as hop:
        reply = await send(hop, make_mail(b"x"), Security("encrypt"))
    assert reply.startswith("451 4.5.0 ")
    assert hop.taken == []
