"""Non-delivery notifications (B11.01, B11.02, B11.05, RFC 3464, RFC 6522)."""

import email
import email.policy
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from email.message import EmailMessage, Message
from typing import cast

import pytest
from acting import SPAM, passed, stopped

from mailcordon.act.dsn import Failure, compose
from mailcordon.act.hop_reply import HopReply
from mailcordon.act.notify import reason_not_to_notify
from mailcordon.config.policy import policy_for
from mailcordon.config.settings import Settings
from mailcordon.config.types import NextHop
from mailcordon.mail.category import Destiny
from mailcordon.mail.envelope import Client, Recipient, Session
from mailcordon.mail.message import Mail
from mailcordon.mail.reply import Reply

MakeMail = Callable[..., Mail]
MakeSettings = Callable[..., Settings]
HOP = NextHop(protocol="smtp", host="127.0.0.1", port=10025)
BLOCKED = Reply(554, "5.7.0", "Bounce, id=04711-01 - INFECTED: Eicar-Test-Signature")
ORIGINAL = b"From: a\r\nMessage-ID: <orig@sender.example>\r\nSubject: caf\xc3\xa9\r\nnot a field\r\n\r\nsecret body\r\n"


def composed(mail: Mail, *failures: Failure, full: bool = False) -> bytes:
    now = datetime.now().astimezone()
    message = compose(mail, failures, hostname="gate.example.test", hop=HOP, now=now, full=full)
    return b"".join(message.chunks())


def parsed(octets: bytes) -> tuple[EmailMessage, EmailMessage, list[Message], EmailMessage]:
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    text, status, original = cast("list[EmailMessage]", message.get_payload())
    assert not message.defects
    return message, text, cast("list[Message]", status.get_payload()), original


def test_every_field(make_mail: MakeMail) -> None:
    session = Session(client=Client(helo="mx.sender.example", addr="192.0.2.7"))
    recipient = Recipient("bob@example.test", orcpt="rfc822;b+2Bob@example.test")
    mail = make_mail(ORIGINAL, recipients=[recipient], session=session)
    octets = composed(mail, Failure(recipient, BLOCKED))
    message, text, (whole, one), original = parsed(octets)
    assert message["From"] == '"Content-filter at gate.example.test" <postmaster@gate.example.test>'
    assert message["To"] == "alice@sender.example"
    assert message["Message-ID"] == f"<DSN{mail.mail_id}@gate.example.test>"
    assert message["In-Reply-To"] == "<orig@sender.example>"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["Date"]
    assert "<bob@example.test>" in text.get_content()
    assert "INFECTED: Eicar-Test-Signature" in text.get_content()
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
    remote = HopReply(550, "5.1.1", "<eve@example.test>: unknown")
    failures = (
        Failure(Recipient("bob@example.test"), BLOCKED),
        Failure(Recipient("eve@example.test"), Reply(550, "5.1.1", f"from MTA({HOP}): {remote}"), remote),
    )
    _, _, (_, first, second), _ = parsed(composed(make_mail(ORIGINAL), *failures))
    assert "Remote-MTA" not in first
    assert second["Remote-MTA"] == "dns; [127.0.0.1]"
    assert second["Diagnostic-Code"] == "smtp; 550 5.1.1 <eve@example.test>: unknown"
    assert second["Status"] == "5.1.1"


def test_whole_message_when_asked_for(make_mail: MakeMail) -> None:
    octets = composed(make_mail(ORIGINAL), Failure(Recipient("bob@example.test"), BLOCKED), full=True)
    _, _, _, original = parsed(octets)
    assert original.get_content_type() == "message/rfc822"
    assert ORIGINAL in octets


def test_long_header_is_cut_at_a_line(make_mail: MakeMail) -> None:
    _, _, _, original = parsed(
        composed(make_mail(b"A: 1234567\r\n" * 20_000), Failure(Recipient("b@b.example"), BLOCKED))
    )
    text = original.get_payload()
    assert isinstance(text, str)
    assert 60_000 < len(text) <= 64 * 1024
    assert set(text.split()) == {"A:", "1234567"}


def test_international_addresses(make_mail: MakeMail) -> None:
    """RFC 6533: the global variants, addresses in UTF-8."""
    failure = Failure(Recipient("jörg@example.test"), BLOCKED)
    octets = composed(make_mail(ORIGINAL, sender="ålice@sender.example"), failure)
    assert "To: <ålice@sender.example>\r\n".encode() in octets
    assert "Final-Recipient: utf-8; jörg@example.test\r\n".encode() in octets
    assert b"Content-Type: message/global-delivery-status\r\n" in octets
    assert b"Content-Type: message/global-headers\r\n" in octets


def test_nothing_in_the_mail_can_add_fields_or_parts(make_mail: MakeMail) -> None:
    evil = "x\r\n\r\n--=_\r\nContent-Type: text/html\r\nBcc: y"
    mail = make_mail(b"Message-ID: <a> <b>\r\n\r\nx", sender=f"{evil}@a", session=Session(helo=evil))
    failure = Failure(Recipient(f"{evil}@b", orcpt=f"rfc822;{evil}"), Reply(554, "5.7.0", evil))
    message, _, (whole, one), _ = parsed(composed(mail, failure))
    assert "Bcc" not in message
    assert len(message.get_all("Content-Type", [])) == 1
    for part in (whole, one):
        assert set(part.keys()) & {"Bcc", "Content-Type"} == set()


def reason(
    make_settings: MakeSettings, mail: Mail, *, notify: str | None = None, score: float | None = None, spam: bool = True
) -> str | None:
    recipient = Recipient("bob@example.test", notify=notify)
    verdict = stopped(recipient, Destiny.BOUNCE, category=SPAM, score=score) if spam else passed(recipient, score=score)
    return reason_not_to_notify(mail, verdict, policy_for(make_settings(), recipient))


def test_notification_is_due(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """The twin of the cases below."""
    mail = make_mail(ORIGINAL)
    assert reason(make_settings, mail) is None
    assert reason(make_settings, mail, notify="SUCCESS,FAILURE") is None
    assert reason(make_settings, mail, score=9.9) is None
    assert reason(make_settings, make_mail(b"Precedence: first-class\r\n\r\n")) is None
    assert reason(make_settings, make_mail(b"List-Id: <x>\r\n\r\n"), spam=False) is None


@pytest.mark.parametrize("notify", ["NEVER", "SUCCESS", "DELAY,SUCCESS"])
def test_not_when_the_sender_asks_for_none(make_mail: MakeMail, make_settings: MakeSettings, notify: str) -> None:
    """B11.02."""
    assert reason(make_settings, make_mail(ORIGINAL), notify=notify) == f"NOTIFY={notify}"


def test_not_to_the_null_sender(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    assert reason(make_settings, make_mail(ORIGINAL, sender="")) == "null sender"


def test_not_from_the_cutoff_level_on(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """B11.02, B11.03: 10 as packaged."""
    assert reason(make_settings, make_mail(ORIGINAL), score=10.0) == "spam score above the cutoff level"


@pytest.mark.parametrize("field", [b"Precedence: Bulk", b"Precedence: list", b"List-Id: <x.example>"])
def test_not_for_bulk_mail(make_mail: MakeMail, make_settings: MakeSettings, field: bytes) -> None:
    assert reason(make_settings, make_mail(field + b"\r\n\r\n")) == "bulk mail"


def test_envelope_id_is_decoded(make_mail: MakeMail) -> None:
    mail = make_mail(ORIGINAL)
    with_id = replace(mail, envelope=replace(mail.envelope, envid="a+2Bb"))
    _, _, (whole, _), _ = parsed(composed(with_id, Failure(Recipient("bob@example.test"), BLOCKED)))
    assert whole["Original-Envelope-Id"] == "a+b"
