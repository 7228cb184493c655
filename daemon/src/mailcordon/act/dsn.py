"""Delivery status notifications: the message itself (RFC 3461, RFC 3464, RFC 6522, RFC 6533; B11.01)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Literal

from mailcordon.act.edit import EditedMessage
from mailcordon.act.fields import make_field
from mailcordon.act.hop_reply import HopReply
from mailcordon.act.mime_parts import multipart, new_boundary, original_part, part, text_part
from mailcordon.act.outgoing import xtext_decoded
from mailcordon.act.own_message import own_header
from mailcordon.act.wording import Wording
from mailcordon.config.next_hop import NextHop
from mailcordon.mail.envelope import Recipient
from mailcordon.mail.message import Mail
from mailcordon.mail.reply import Reply


@dataclass(frozen=True, slots=True)
class Status:
    """A recipient, and what became of the mail for him."""

    recipient: Recipient
    reply: Reply
    """What the client is told, or would be told if the mail were refused."""
    action: Literal["failed", "delivered", "relayed"] = "failed"
    """`relayed`: to a server that sends no report of its own (RFC 3461 5.2.2)."""
    remote: HopReply | None = None
    """What the next hop said, if it was asked."""
    hop: NextHop | None = None
    """That hop."""


def is_international(mail: Mail, statuses: Sequence[Status]) -> bool:
    """Whether the notification holds addresses beyond ASCII (RFC 6533)."""
    addresses = [mail.envelope.sender, *(status.recipient.address for status in statuses)]
    return not all(address.isascii() for address in addresses)


def compose(
    mail: Mail,
    statuses: Sequence[Status],
    wording: Wording,
    *,
    message_id: str,
    hostname: str,
    now: datetime,
    full: bool,
) -> EditedMessage:
    """The notification to the sender. `full` returns the whole message, otherwise its header section only."""
    international = is_international(mail, statuses)
    boundary = new_boundary()
    kind = "global-delivery-status" if international else "delivery-status"
    header = [
        *own_header(
            wording,
            mail,
            to=f"<{mail.envelope.sender}>",
            message_id=message_id,
            now=now,
            international=not mail.envelope.sender.isascii(),
        ),
        make_field("Content-Type", f'multipart/report; report-type={kind};\n boundary="{boundary}"'),
    ]
    parts = [
        text_part(wording.text.rstrip("\n").split("\n")),
        _status_part(mail, statuses, hostname, now, international=international),
        original_part(mail, full=full, international=international),
    ]
    return EditedMessage([multipart(header, parts, boundary)])


def _status_part(mail: Mail, statuses: Sequence[Status], hostname: str, now: datetime, *, international: bool) -> bytes:
    blocks = [_message_fields(mail, hostname)]
    blocks += [_recipient_fields(mail, status, now) for status in statuses]
    body = b"\r\n".join(
        b"".join(make_field(name, value, encode=not international) for name, value in block) for block in blocks
    )
    return part("message/global-delivery-status" if international else "message/delivery-status", body)


def _message_fields(mail: Mail, hostname: str) -> Iterator[tuple[str, str]]:
    if mail.envelope.envid:
        yield "Original-Envelope-Id", xtext_decoded(mail.envelope.envid)
    yield "Reporting-MTA", f"dns; {hostname}"
    client = mail.session.client
    helo, address = client.helo or mail.session.helo, client.addr or mail.session.peer_addr
    if helo:
        yield "Received-From-MTA", f"dns; {helo}" + (f" ([{address}])" if address else "")
    yield "Arrival-Date", format_datetime(mail.received_at)


def _recipient_fields(mail: Mail, status: Status, now: datetime) -> Iterator[tuple[str, str]]:
    recipient = status.recipient
    if recipient.orcpt:
        yield "Original-Recipient", xtext_decoded(recipient.orcpt)
    kind = "rfc822" if recipient.address.isascii() else "utf-8"
    yield "Final-Recipient", f"{kind}; {recipient.address}"
    yield "Action", status.action
    yield "Status", status.reply.enhanced
    host = status.hop.host if status.hop else None
    if status.remote is not None and host:
        yield "Remote-MTA", f"dns; [{host}]" if _is_literal(host) else f"dns; {host}"
    yield "Diagnostic-Code", f"smtp; {status.remote or status.reply}"
    yield "Last-Attempt-Date", format_datetime(now)
    yield "Final-Log-ID", f"{mail.log_id}/{mail.mail_id}"


def _is_literal(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()
