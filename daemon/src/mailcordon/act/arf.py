"""Abuse reports in the Abuse Reporting Format (RFC 5965; B11.05, B11.08)."""

from collections.abc import Iterator
from datetime import datetime
from email.utils import format_datetime

from mailcordon.act.edit import EditedMessage
from mailcordon.act.fields import make_field
from mailcordon.act.mime_parts import multipart, new_boundary, original_part, part, text_part
from mailcordon.act.own_message import own_header
from mailcordon.act.wording import Kind, Wording
from mailcordon.mail.feedback import FeedbackReport
from mailcordon.mail.message import Mail


def compose(
    mail: Mail, report: FeedbackReport, wording: Wording, *, hostname: str, product: str, now: datetime, full: bool
) -> EditedMessage:
    """The report to the party that is responsible. `full` encloses the whole message, otherwise its header section."""
    boundary = new_boundary()
    international = not all(
        address.isascii() for address in (mail.envelope.sender, *(item.address for item in mail.envelope.recipients))
    )
    number = f".{report.number}" if report.number > 1 else ""
    head = [
        *own_header(
            wording,
            mail,
            to=f"<{report.recipient}>",
            message_id=Kind.REPORT.message_id(f"{mail.mail_id}{number}", hostname),
            now=now,
        ),
        make_field("Content-Type", f'multipart/report; report-type=feedback-report;\n boundary="{boundary}"'),
    ]
    parts = [
        text_part(wording.text.rstrip("\n").split("\n")),
        _feedback_part(mail, report, hostname, product),
        original_part(mail, full=full, international=international),
    ]
    return EditedMessage([multipart(head, parts, boundary)])


def _feedback_part(mail: Mail, report: FeedbackReport, hostname: str, product: str) -> bytes:
    fields = b"".join(make_field(name, value) for name, value in _feedback_fields(mail, report, hostname, product))
    return part("message/feedback-report", fields)


def _feedback_fields(mail: Mail, report: FeedbackReport, hostname: str, product: str) -> Iterator[tuple[str, str]]:
    yield "Feedback-Type", report.feedback_type.value
    yield "User-Agent", product
    yield "Version", "1"
    yield "Original-Mail-From", f"<{mail.envelope.sender}>"
    for recipient in mail.envelope.recipients:
        yield "Original-Rcpt-To", f"<{recipient.address}>"
    yield "Arrival-Date", format_datetime(mail.received_at)
    yield "Reporting-MTA", f"dns; {hostname}"
    if report.source_address:
        yield "Source-IP", report.source_address
    if report.source_port:
        yield "Source-Port", str(report.source_port)
    if report.reported_domain:
        yield "Reported-Domain", report.reported_domain
        yield "Authentication-Results", f"{hostname}; dkim=pass header.d={report.reported_domain}"
    yield "Incidents", "1"
