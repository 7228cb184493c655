"""Abuse reports (B11.05, B11.08, RFC 5965)."""

import email
import email.policy
from collections.abc import Callable
from datetime import datetime
from email.message import EmailMessage
from typing import cast

import pytest

from mailcordon.act.arf import compose
from mailcordon.act.wording import Wording
from mailcordon.mail.envelope import Recipient
from mailcordon.mail.feedback import FeedbackReport, FeedbackType
from mailcordon.mail.message import Mail

MakeMail = Callable[..., Mail]
ORIGINAL = b"From: a@isp.example\r\nSubject: buy\r\n\r\nsecret body\r\n"
REPORT = FeedbackReport(
    FeedbackType.ABUSE, "abuse@isp.example", "First line\nsecond line", "192.0.2.7", 4711, "isp.example"
)


WORDING = Wording((("From", "Filter <f@gate.example.test>"), ("Subject", "abuse report")), "From 192.0.2.7.\nEnd\n")


def composed(mail: Mail, report: FeedbackReport = REPORT, *, full: bool = True) -> bytes:
    now = datetime.now().astimezone()
    message = compose(mail, report, WORDING, hostname="gate.example.test", product="mailcordon", now=now, full=full)
    return b"".join(message.chunks())


def parsed(octets: bytes) -> tuple[EmailMessage, str, dict[str, list[str]], EmailMessage]:
    """The whole, the text, the fields of the report, and the original."""
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "feedback-report"
    text, feedback, original = cast("list[EmailMessage]", message.get_payload())
    assert not message.defects
    assert feedback.get_content_type() == "message/feedback-report"
    (block,) = cast("list[EmailMessage]", feedback.get_payload())
    return message, text.get_content(), {name: block.get_all(name, []) for name in block}, original


def test_every_field(make_mail: MakeMail) -> None:
    """B11.08, features 18.18: three parts, every field of the second (RFC 5965)."""
    mail = make_mail(ORIGINAL, recipients=["bob@example.test", "eve@example.test"])
    message, text, fields, original = parsed(composed(mail))
    assert message["From"] == "Filter <f@gate.example.test>"
    assert message["To"] == "abuse@isp.example"
    assert message["Subject"] == "abuse report"
    assert message["Message-ID"] == f"<ARF{mail.mail_id}@gate.example.test>"
    assert message["Auto-Submitted"] == "auto-replied"
    assert text == "From 192.0.2.7.\r\nEnd\r\n"
    assert fields == {
        "Feedback-Type": ["abuse"],
        "User-Agent": ["mailcordon"],
        "Version": ["1"],
        "Original-Mail-From": ["<alice@sender.example>"],
        "Original-Rcpt-To": ["<bob@example.test>", "<eve@example.test>"],
        "Arrival-Date": [email.utils.format_datetime(mail.received_at)],
        "Reporting-MTA": ["dns; gate.example.test"],
        "Source-IP": ["192.0.2.7"],
        "Source-Port": ["4711"],
        "Reported-Domain": ["isp.example"],
        "Authentication-Results": ["gate.example.test; dkim=pass header.d=isp.example"],
        "Incidents": ["1"],
    }
    assert original.get_content_type() == "message/rfc822"
    assert ORIGINAL in composed(mail)


def test_header_section_only(make_mail: MakeMail) -> None:
    """What could do harm is not sent on."""
    octets = composed(make_mail(ORIGINAL), full=False)
    assert parsed(octets)[3].get_content_type() == "text/rfc822-headers"
    assert b"Subject: buy\r\n" in octets
    assert b"secret" not in octets


def test_second_report_about_a_message(make_mail: MakeMail) -> None:
    """Contract B11.05: a Message-ID stands for one message only."""
    mail = make_mail(ORIGINAL)
    report = FeedbackReport(FeedbackType.FRAUD, "abuse@other.example", reported_domain="other.example", number=2)
    message, _, fields, _ = parsed(composed(mail, report))
    assert message["Message-ID"] == f"<ARF{mail.mail_id}.2@gate.example.test>"
    assert "Source-IP" not in fields


@pytest.mark.parametrize(
    ("word", "written"),
    [(word, word) for word in ("abuse", "dkim", "fraud", "miscategorized", "not-spam", "opt-out", "opt-out-list")]
    + [("virus", "virus"), ("other", "other"), ("Abuse", "other"), ("invented", "other"), ("", "other")],
)
def test_feedback_types(make_mail: MakeMail, word: str, written: str) -> None:
    """Features 12.23, B11.08: enumerated, `other` for all the rest."""
    report = FeedbackReport(FeedbackType(word), "abuse@isp.example", reported_domain="isp.example")
    assert parsed(composed(make_mail(ORIGINAL), report))[2]["Feedback-Type"] == [written]


def test_nothing_is_smuggled_in(make_mail: MakeMail) -> None:
    """Whatever sender, recipients, subject and text hold stays in its place."""
    evil = "x\r\n\r\n--=_\r\nBcc: all@example.test\r\n"
    mail = make_mail(
        b"Subject: =?utf-8?q?a=0D=0ABcc:_x?= b\r\n c\r\n\r\n.\r\n",
        sender="a@b\r\nBcc: x",
        recipients=[Recipient(f"{evil}@example.test")],
    )
    report = FeedbackReport(FeedbackType.ABUSE, "abuse@isp.example", evil, "192.0.2.7")
    octets = composed(mail, report)
    head = octets.partition(b"\r\n\r\n")[0]
    assert b"\r\nBcc:" not in head
    message, _, fields, _ = parsed(octets)
    assert "Bcc" not in message
    assert set(fields) == {
        *("Feedback-Type", "User-Agent", "Version", "Original-Mail-From", "Original-Rcpt-To", "Arrival-Date"),
        *("Reporting-MTA", "Source-IP", "Incidents"),
    }


def test_international_original(make_mail: MakeMail) -> None:
    """RFC 6533's kinds of parts for mail with addresses beyond ASCII."""
    mail = make_mail("From: jörg@isp.example\r\n\r\nx\r\n".encode(), sender="jörg@isp.example")
    assert parsed(composed(mail))[3].get_content_type() == "message/global"
