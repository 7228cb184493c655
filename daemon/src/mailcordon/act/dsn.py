"""Delivery status notifications: the message itself (RFC 3464, RFC 6522, RFC 6533; B11.01, B11.05).

Put together by hand rather than by the `email` package: the header section of the original goes in octet for octet, and
the same function that makes every other new field makes these, so that no value can bring a line of its own.
"""

import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from mailcordon.act.edit import EditedMessage
from mailcordon.act.fields import make_field
from mailcordon.act.hop_reply import HopReply
from mailcordon.act.outgoing import xtext_decoded
from mailcordon.config.types import NextHop
from mailcordon.mail.envelope import Recipient
from mailcordon.mail.header import HeaderSection
from mailcordon.mail.message import Mail
from mailcordon.mail.reply import Reply

FULL_MESSAGE_LIMIT = 64 * 1024
"""Octets up to which RET=FULL returns the whole message."""
_HEADER_LIMIT = 64 * 1024
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\r\n]")
_FIELD = re.compile(rb"^[!-9;-~]+[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*\n?", re.MULTILINE)
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,250}>")


@dataclass(frozen=True, slots=True)
class Failure:
    """A recipient who does not get the mail, and why."""

    recipient: Recipient
    reply: Reply
    """5xx, what the client would be told if the mail were refused."""
    remote: HopReply | None = None
    """What the next hop said, if it was the one to refuse."""


def compose(
    mail: Mail, failures: Sequence[Failure], *, hostname: str, hop: NextHop, now: datetime, full: bool
) -> EditedMessage:
    """The notification to the sender. `full` returns the whole message, otherwise its header section only."""
    addresses = [mail.envelope.sender, *(failure.recipient.address for failure in failures)]
    international = not all(address.isascii() for address in addresses)
    boundary = "=_" + secrets.token_hex(16)
    head = b"".join(_header(mail, hostname, boundary, now, international=international))
    parts = [
        _text_part(mail, failures, hostname),
        _status_part(mail, failures, hostname, hop, now, international=international),
        _original_part(mail, full=full, international=international),
    ]
    separator = f"\r\n--{boundary}\r\n".encode()
    end = f"\r\n--{boundary}--\r\n".encode()
    return EditedMessage([head + b"\r\n" + b"".join(separator + part for part in parts) + end])


def _header(mail: Mail, hostname: str, boundary: str, now: datetime, *, international: bool) -> Iterator[bytes]:
    yield make_field("From", f'"Content-filter at {hostname}" <postmaster@{hostname}>')
    yield make_field("To", f"<{mail.envelope.sender}>", encode=not international)
    yield make_field("Subject", "Your message was not delivered")
    yield make_field("Date", format_datetime(now))
    yield make_field("Message-ID", f"<DSN{mail.mail_id}@{hostname}>")
    original_id = _MESSAGE_ID.search(mail.header.text("Message-ID") or "")
    if original_id:
        yield make_field("In-Reply-To", original_id.group())
    yield make_field("Auto-Submitted", "auto-replied")
    yield make_field("MIME-Version", "1.0")
    yield make_field("Content-Type", f'multipart/report; report-type=delivery-status;\n boundary="{boundary}"')


def _text_part(mail: Mail, failures: Sequence[Failure], hostname: str) -> bytes:
    lines = [
        f"The mail filter at {hostname} could not deliver your message",
        f"of {format_datetime(mail.received_at)} to:",
        "",
    ]
    for failure in failures:
        lines += [f"  <{failure.recipient.address}>", f"    {failure.reply}", ""]
    lines += ["Details for programs and the header of your message follow below.", f"Our reference: {mail.mail_id}"]
    text = "\r\n".join(_UNSAFE.sub("?", line) for line in lines) + "\r\n"
    return _part("text/plain; charset=utf-8", text.encode("utf-8", "surrogateescape"))


def _status_part(
    mail: Mail, failures: Sequence[Failure], hostname: str, hop: NextHop, now: datetime, *, international: bool
) -> bytes:
    blocks = [_message_fields(mail, hostname)]
    blocks += [_recipient_fields(mail, failure, hop, now) for failure in failures]
    body = b"\r\n".join(
        b"".join(make_field(name, value, encode=not international) for name, value in block) for block in blocks
    )
    return _part("message/global-delivery-status" if international else "message/delivery-status", body)


def _message_fields(mail: Mail, hostname: str) -> Iterator[tuple[str, str]]:
    if mail.envelope.envid:
        yield "Original-Envelope-Id", xtext_decoded(mail.envelope.envid)
    yield "Reporting-MTA", f"dns; {hostname}"
    client = mail.session.client
    helo, address = client.helo or mail.session.helo, client.addr or mail.session.peer_addr
    if helo:
        yield "Received-From-MTA", f"dns; {helo}" + (f" ([{address}])" if address else "")
    yield "Arrival-Date", format_datetime(mail.received_at)


def _recipient_fields(mail: Mail, failure: Failure, hop: NextHop, now: datetime) -> Iterator[tuple[str, str]]:
    recipient = failure.recipient
    if recipient.orcpt:
        yield "Original-Recipient", xtext_decoded(recipient.orcpt)
    kind = "rfc822" if recipient.address.isascii() else "utf-8"
    yield "Final-Recipient", f"{kind}; {recipient.address}"
    yield "Action", "failed"
    yield "Status", failure.reply.enhanced
    if failure.remote is not None and hop.host:
        yield "Remote-MTA", f"dns; [{hop.host}]" if _is_literal(hop.host) else f"dns; {hop.host}"
    yield "Diagnostic-Code", f"smtp; {failure.remote or failure.reply}"
    yield "Last-Attempt-Date", format_datetime(now)
    yield "Final-Log-ID", f"{mail.log_id}/{mail.mail_id}"


def _is_literal(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def _original_part(mail: Mail, *, full: bool, international: bool) -> bytes:
    if full:
        return _part("message/global" if international else "message/rfc822", bytes(mail.content.view()))
    return _part("message/global-headers" if international else "text/rfc822-headers", _fields_only(mail.header))


def _fields_only(header: HeaderSection) -> bytes:
    """The fields, without lines that are none: those could hold what was blocked."""
    octets = header.octets
    if len(octets) > _HEADER_LIMIT:
        octets = octets[: octets.rfind(b"\n", 0, _HEADER_LIMIT) + 1]
    return b"".join(match.group() for match in _FIELD.finditer(octets))


def _part(content_type: str, body: bytes) -> bytes:
    return b"".join(
        [
            make_field("Content-Type", content_type),
            make_field("Content-Transfer-Encoding", "7bit" if body.isascii() else "8bit"),
            b"\r\n",
            body,
        ]
    )
