"""The client waits for our verdict: smtpd_proxy_filter of Postfix (checklist 19, 20; features 18.07; B5.09, B7.06).

The client here does what Postfix's smtpd does as a proxy: EHLO, XFORWARD, one transaction without pipelining, QUIT.
"""

import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from samples import eicar, eicar_twin, gtube, gtube_twin
from servers import Clamd, Spamd

from .daemon import Daemon, NextHop, text_mail, wait_until

REJECT = """
final_virus_destiny = "reject"
final_banned_destiny = "reject"
final_spam_destiny = "reject"
"""


@pytest.fixture
def filtering(daemon: Daemon, spamd: Spamd) -> Daemon:
    """A running daemon that rejects, with both kinds of checks."""
    daemon.configure(
        "45-test",
        f"""
        {REJECT}
        bypass_spam_checks = false
        [[spam_scanners]]
        name = "spamd"
        protocol = "spamd"
        socket = "{spamd.path}"
        """,
    )
    daemon.start()
    return daemon


@pytest.fixture
def refusing(tmp_path: Path, clamd: Clamd, request: pytest.FixtureRequest) -> Iterator[Daemon]:
    """A running daemon whose next hop refuses as smtp-sink's options say."""
    hop = NextHop(tmp_path / "delivered", *request.param)
    hop.start()
    daemon = Daemon(tmp_path / "daemon", clamd.path, hop)
    daemon.start()
    yield daemon
    daemon.stop()
    hop.stop()


def proxied(daemon: Daemon, octets: bytes, recipients: tuple[str, ...] = ("bob@example.test",)) -> str:
    """What Postfix's smtpd passes on to its client after the end of the data."""
    with smtplib.SMTP("127.0.0.1", daemon.port, timeout=60) as proxy:
        assert proxy.ehlo("gate.example.test")[0] == 250
        forwarded = "NAME=mx.sender.example ADDR=192.0.2.7 PORT=4711 PROTO=ESMTP HELO=mx.sender.example SOURCE=REMOTE"
        assert proxy.docmd("XFORWARD", forwarded)[0] == 250
        assert proxy.mail("alice@sender.example", [f"SIZE={len(octets)}"])[0] == 250
        for recipient in recipients:
            assert proxy.rcpt(recipient)[0] == 250
        code, text = proxy.data(octets)
        return f"{code} {text.decode()}"


def test_virus_is_rejected_in_the_session(filtering: Daemon, next_hop: NextHop) -> None:
    """Checklist 19, B5.09 to B5.11: a permanent refusal with its reason; the harmless twin passes in the same way."""
    refused = proxied(filtering, text_mail(eicar(), "virus"))
    assert refused.startswith("554 5.7.0 Reject, id=")
    assert refused.endswith(" - INFECTED: Eicar-Test-Signature.UNOFFICIAL")
    assert proxied(filtering, text_mail(eicar_twin(), "twin")).startswith("250 2.6.0 Ok, id=")
    assert (next_hop.has("virus@"), next_hop.has("twin@")) == (False, True)
    wait_until(lambda: "{RejectedInbound,Quarantined}, [192.0.2.7]:4711 <" in filtering.log(), "the main log entry")


def test_spam_is_rejected_in_the_session(filtering: Daemon, next_hop: NextHop) -> None:
    """Checklist 19: GTUBE, and its twin."""
    refused = proxied(filtering, text_mail(gtube(), "spam"))
    assert refused.startswith("554 5.7.0 Reject, id=")
    assert refused.endswith(" - spam")
    assert proxied(filtering, text_mail(gtube_twin(), "twin")).startswith("250 2.6.0 Ok, id=")
    assert (next_hop.has("spam@"), next_hop.has("twin@")) == (False, True)


def test_nobody_is_told_of_a_rejection_by_mail(filtering: Daemon, next_hop: NextHop) -> None:
    """Features 18.07: the client is told, so no notification goes to a sender who may be forged."""
    proxied(filtering, text_mail(eicar(), "virus"), ("bob@example.test", "eve@example.test"))
    assert next_hop.messages() == []


def test_recipients_who_disagree(daemon: Daemon, next_hop: NextHop) -> None:
    """B5.08, B5.12: one reply for all. Who may have the mail gets it, once; for the other the sender is told."""
    daemon.configure("45-test", REJECT + '[virus_lovers.hash]\n"lab@example.test" = true\n')
    daemon.start()
    reply = proxied(daemon, text_mail(eicar(), "virus"), ("lab@example.test", "bob@example.test"))
    assert reply.startswith("250 2.6.0 Ok, id=")
    assert reply.endswith(", but 1 REJECT")
    to_lab = [message for message in next_hop.messages() if b"X-Rcpt-Args: <lab@example.test>" in message]
    to_sender = [message for message in next_hop.messages() if b"X-Rcpt-Args: <alice@sender.example>" in message]
    assert (len(to_lab), len(to_sender), len(next_hop.messages())) == (1, 1, 2)
    assert b"Final-Recipient: rfc822; bob@example.test" in to_sender[0]
    assert b"554 5.7.0" in to_sender[0]
    assert eicar() not in to_sender[0], "the notification must not carry the virus"


def test_scanner_down(tmp_path: Path, own_clamd: Clamd, next_hop: NextHop) -> None:
    """Checklist 20: the client is told to come again, and nothing passes unscanned."""
    daemon = Daemon(tmp_path / "daemon", own_clamd.path, next_hop)
    daemon.configure("45-test", REJECT)
    daemon.start()
    own_clamd.stop()
    assert proxied(daemon, text_mail(eicar(), "virus")).startswith("451 4.5.0 Error in processing, id=")
    own_clamd.start()
    assert proxied(daemon, text_mail(eicar(), "virus")).startswith("554 5.7.0 Reject, id=")
    daemon.stop()
    assert next_hop.messages() == []


@pytest.mark.parametrize(
    ("refusing", "expected"),
    [
        (("-f", "RCPT"), "500 5.3.0 from MTA("),
        (("-f", "."), "500 5.3.0 from MTA("),
        (("-r", "MAIL"), "450 4.3.0 from MTA("),
        (("-r", "."), "450 4.3.0 from MTA("),
    ],
    indirect=["refusing"],
)
def test_refusal_of_the_next_hop_reaches_the_client(refusing: Daemon, expected: str) -> None:
    """B7.06, design rule 1: what Postfix's second smtpd says about the mail is said to the client."""
    reply = proxied(refusing, text_mail(b"hello", "refused"))
    assert reply.startswith(expected)


def test_one_transaction_after_the_other(filtering: Daemon, next_hop: NextHop) -> None:
    """B4.06: XFORWARD is for one mail; a rejected one leaves the session usable for the next."""
    with smtplib.SMTP("127.0.0.1", filtering.port, timeout=60) as proxy:
        proxy.ehlo("gate.example.test")
        for octets, name, code in ((eicar(), "virus", 554), (eicar_twin(), "twin", 250), (gtube(), "spam", 554)):
            proxy.mail("alice@sender.example")
            proxy.rcpt("bob@example.test")
            assert proxy.data(text_mail(octets, name))[0] == code
    (delivered,) = next_hop.messages()
    assert b"twin@" in delivered
