"""Delivery status notifications (B11.01, B11.05, RFC 3461, RFC 3464, RFC 6522)."""

import email
import email.policy
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from email.message import EmailMessage, Message
from typing import cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailcordon.act.dsn import Status, compose
from mailcordon.act.hop_reply import HopReply
from mailcordon.act.wording import Wording
from mailcordon.config.next_hop import NextHop
from mailcordon.mail.envelope import Client, Recipient, Session
from mailcordon.mail.message import Mail
from mailcordon.mail.reply import Reply

MakeMail = Callable[..., Mail]
HOP = NextHop(protocol="smtp", host="127.0.0.1", port=10025)
BLOCKED = Reply(554, "5.7.0", "Bounce, id=04711-01 - INFECTED: Eicar-Test-Signature")
ORIGINAL = b"From: a\r\nMessage-ID: <orig@sender.example>\r\nSubject: caf\xc3\xa9\r\nnot a field\r\n\r\nsecret body\r\n"


WORDING = Wording((("From", "Filter <postmaster@gate.example.test>"), ("Subject", "Not delivered")), "Sorry.\n")


def composed(mail: Mail, *statuses: Status, full: bool = False, wording: Wording = WORDING) -> bytes:
    now = datetime.now().astimezone()
    message_id = f"<DSN{mail.mail_id}@gate.example.test>"
    message = compose(mail, statuses, wording, message_id=message_id, hostname="gate.example.test", now=now, full=full)
    return b"".join(message.chunks())


def parsed(octets: bytes) -> tuple[EmailMessage, EmailMessage, list[Message], EmailMessage]:
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    text, status, original = cast("list[EmailMessage]", message.get_payload())
    assert not message.defects
    return message, text, cast("list[Message]", status.get_payload()), original


def test_every_field(make_mail: MakeMail) -> None:
    """Contract B11.01, B11.05, features 14.06, 18.18: three parts, all fields of message and recipient."""
    session = Session(client=Client(helo="mx.sender.example", addr="192.0.2.7"))
    recipient = Recipient("bob@example.test", orcpt="rfc822;b+2Bob@example.test")
    mail = make_mail(ORIGINAL, recipients=[recipient], session=session)
    octets = composed(mail, Status(recipient, BLOCKED))
    message, text, (whole, one), original = parsed(octets)
    assert (message["From"], message["Subject"]) == ("Filter <postmaster@gate.example.test>", "Not delivered")
    assert message["To"] == "alice@sender.example"
    assert message["Message-ID"] == f"<DSN{mail.mail_id}@gate.example.test>"
    assert message["In-Reply-To"] == "<orig@sender.example>"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["Date"]
    assert text.get_content() == "Sorry.\r\n"
    assert {name: str(value) for name, value in whole.items() if name != "Arrival-Date"} == {
        "Reporting-MTA": "dns; gate.example.test",
        "Received-From-MTA": "dns; mx.sender.example ([192.0.2.7])",
    }
    assert whole["Arrival-Date"]
    assert {name: str(value) for name, value in one.items() if name != "Last-Attempt-Date"} == {
        "Original-Recipient": "rfc822;b+ob@example.test",
        "Final-Recipient": "rfc822; bob@example.test",
        "Action": "failed",
        "Status": "5.7.0",
        "Diagnostic-Code": f"smtp; {BLOCKED}",
        "Final-Log-ID": f"04711-01/{mail.mail_id}",
    }
    assert original.get_content_type() == "text/rfc822-headers"
    assert b"Subject: caf\xc3\xa9\r\n" in octets
    assert b"secret body" not in octets
    assert b"not a field" not in octets


def test_several_recipients_and_a_refusal_of_the_next_hop(make_mail: MakeMail) -> None:
    """Contract B11.01: Remote-MTA and its own words, where the next hop refused."""
    remote = HopReply(550, "5.1.1", "<eve@example.test>: unknown")
    failures = (
        Status(Recipient("bob@example.test"), BLOCKED),
        Status(
            Recipient("eve@example.test"), Reply(550, "5.1.1", f"from MTA({HOP}): {remote}"), remote=remote, hop=HOP
        ),
    )
    _, _, (_, first, second), _ = parsed(composed(make_mail(ORIGINAL), *failures))
    assert "Remote-MTA" not in first
    assert second["Remote-MTA"] == "dns; [127.0.0.1]"
    assert second["Diagnostic-Code"] == "smtp; 550 5.1.1 <eve@example.test>: unknown"
    assert second["Status"] == "5.1.1"


def test_whole_message_when_asked_for(make_mail: MakeMail) -> None:
    """Contract B11.01: RET=FULL."""
    octets = composed(make_mail(ORIGINAL), Status(Recipient("bob@example.test"), BLOCKED), full=True)
    _, _, _, original = parsed(octets)
    assert original.get_content_type() == "message/rfc822"
    assert ORIGINAL in octets


def test_long_header_is_cut_at_a_line(make_mail: MakeMail) -> None:
    _, _, _, original = parsed(
        composed(make_mail(b"A: 1234567\r\n" * 20_000), Status(Recipient("b@b.example"), BLOCKED))
    )
    text = original.get_payload()
    assert isinstance(text, str)
    assert 60_000 < len(text) <= 64 * 1024
    assert set(text.split()) == {"A:", "1234567"}


def test_international_addresses(make_mail: MakeMail) -> None:
    """Contract B11.01, RFC 6533: the global variants, addresses in UTF-8."""
    failure = Status(Recipient("jörg@example.test"), BLOCKED)
    octets = composed(make_mail(ORIGINAL, sender="ålice@sender.example"), failure)
    assert "To: <ålice@sender.example>\r\n".encode() in octets
    assert "Final-Recipient: utf-8; jörg@example.test\r\n".encode() in octets
    assert b"Content-Type: message/global-delivery-status\r\n" in octets
    assert b"Content-Type: message/global-headers\r\n" in octets


def test_nothing_in_the_mail_can_add_fields_or_parts(make_mail: MakeMail) -> None:
    evil = "x\r\n\r\n--=_\r\nContent-Type: text/html\r\nBcc: y"
    mail = make_mail(b"Message-ID: <a> <b>\r\n\r\nx", sender=f"{evil}@a", session=Session(helo=evil))
    failure = Status(Recipient(f"{evil}@b", orcpt=f"rfc822;{evil}"), Reply(554, "5.7.0", evil))
    message, _, (whole, one), _ = parsed(composed(mail, failure))
    assert "Bcc" not in message
    assert len(message.get_all("Content-Type", [])) == 1
    for part in (whole, one):
        assert set(part.keys()) & {"Bcc", "Content-Type"} == set()


def test_envelope_id_is_decoded(make_mail: MakeMail) -> None:
    mail = make_mail(ORIGINAL)
    with_id = replace(mail, envelope=replace(mail.envelope, envid="a+2Bb"))
    _, _, (whole, _), _ = parsed(composed(with_id, Status(Recipient("bob@example.test"), BLOCKED)))
    assert whole["Original-Envelope-Id"] == "a+b"


def test_actions_of_success(make_mail: MakeMail) -> None:
    """Contract B11.01, features 14.06: what was handed over is reported as such (RFC 3464 2.3.3)."""
    remote = HopReply(250, "2.0.0", "Ok: queued as 4711")
    statuses = (
        Status(Recipient("bob@example.test"), Reply(250, "2.6.0", "Ok"), "relayed", remote, HOP),
        Status(Recipient("eve@example.test"), Reply(250, "2.6.0", "Ok"), "delivered", remote, HOP),
    )
    _, _, (_, first, second), _ = parsed(composed(make_mail(ORIGINAL), *statuses))
    assert [(one["Action"], one["Status"], one["Remote-MTA"]) for one in (first, second)] == [
        ("relayed", "2.6.0", "dns; [127.0.0.1]"),
        ("delivered", "2.6.0", "dns; [127.0.0.1]"),
    ]


def test_text_needs_no_hop_that_takes_8_bits(make_mail: MakeMail) -> None:
    """Words of any language, and lines of any length, go through any hop."""
    text = "Größe: 1\n" + "x" * 5000 + "\n.\n=20 Ende \n"
    wording = Wording((("From", "Prüfer <a@b.example>"), ("Subject", "Größe")), text)
    octets = composed(make_mail(b"Subject: x\r\n\r\n"), Status(Recipient("bob@example.test"), BLOCKED), wording=wording)
    assert octets.isascii()
    assert max(map(len, octets.split(b"\r\n"))) <= 998
    message, part, _, _ = parsed(octets)
    assert (message["Subject"], message["From"]) == ("Größe", "Prüfer <a@b.example>")
    assert part.get_content().replace("\r\n", "\n") == text


PIECES = [*"ab:;<>@\r\n\t \x00\x7f\x85\u2028é=?-_\udcff", "\r\n\r\n", "\r\nBcc: x@y", "--=_", "=?utf-8?Q?=0A?="]
HOSTILE = st.lists(st.sampled_from(PIECES), max_size=20).map("".join)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(HOSTILE, min_size=8, max_size=8), st.booleans())
def test_hostile_values_never_make_fields_or_parts(make_mail: MakeMail, values: list[str], full: bool) -> None:
    """Contract B11.12: whatever stands in envelope, header and replies, the structure stays the same."""
    sender, address, orcpt, reply, helo, subject, text, header = values
    octets = header.encode("utf-8", "surrogateescape")
    mail = make_mail(octets, sender=sender, session=Session(helo=helo, client=Client(helo=helo, addr=helo)))
    mail = replace(mail, envelope=replace(mail.envelope, envid=orcpt))
    status = Status(
        Recipient(address, orcpt=orcpt), Reply(554, "5.7.0", reply), "failed", HopReply(550, "5.1.1", reply)
    )
    wording = Wording((("From", sender), ("Subject", subject)), text)
    made = composed(mail, status, full=full, wording=wording)
    head, _, body = made.partition(b"\r\n\r\n")
    names = [line.partition(b":")[0] for line in head.split(b"\r\n") if line[:1] not in b" \t"]
    assert sorted(set(names)) == sorted(names)
    assert set(names) <= {
        *(b"From", b"Subject", b"To", b"Date", b"Message-ID", b"In-Reply-To", b"Auto-Submitted", b"MIME-Version"),
        b"Content-Type",
    }
    boundary = head.rpartition(b'boundary="')[2].partition(b'"')[0]
    assert body.count(b"--" + boundary) == 4
    status_part = body.split(b"--" + boundary)[2]
    fields = [line.partition(b":")[0] for line in status_part.split(b"\r\n") if line and line[:1] not in b" \t"]
    assert set(fields) <= {
        *(b"Content-Type", b"Content-Transfer-Encoding", b"Original-Envelope-Id", b"Reporting-MTA"),
        *(b"Received-From-MTA", b"Arrival-Date", b"Original-Recipient", b"Final-Recipient", b"Action", b"Status"),
        *(b"Diagnostic-Code", b"Last-Attempt-Date", b"Final-Log-ID"),
    }
    assert sorted(set(fields)) == sorted(fields)
