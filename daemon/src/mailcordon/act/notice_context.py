"""What a template of a notification may say: its variables, made of a mail and what became of it (B11.11, B11.12).

Every text is one line without control characters and of bounded length, whatever the mail holds.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.errors import MessageError
from email.header import decode_header
from email.utils import format_datetime

from mailcordon.config.partition_tag import partition_tag, shown_tag
from mailcordon.config.settings import Settings
from mailcordon.mail.category import Category, Major
from mailcordon.mail.feedback import FeedbackReport
from mailcordon.mail.finding import Findings, banned_parts, names_of
from mailcordon.mail.message import Mail
from mailcordon.mail.reply import Reply
from mailcordon.mail.score import points_text
from mailcordon.mail.verdict import QuarantineCopy

MAX_TEXT = 1000
"""Characters of one value."""
MAX_ITEMS = 100
"""Recipients, names and header lines that are listed."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class AboutRecipient:
    """One recipient, and what became of the mail for him."""

    address: str
    action: str
    """`failed`, `relayed` or `delivered` (RFC 3464 2.3.3)."""
    status: str
    """Enhanced status code such as `5.7.0`."""
    reply: str
    """What the client was told, or would have been."""


@dataclass(frozen=True, slots=True)
class NoticeContext:
    """The variables. A text that is not known is empty."""

    hostname: str
    product: str
    hdrfrom: str
    """Author of the notification."""
    date: str
    mail_id: str
    partition_tag: str
    """Empty where there is none, as in the log (features 12.05)."""
    log_id: str
    received: str
    """When the mail came."""
    size: int
    sender: str
    """Envelope sender."""
    author: str
    to: str
    subject: str
    message_id: str
    """From, To, Subject and Message-ID of the mail."""
    header_lines: tuple[str, ...]
    client_addr: str
    client_name: str
    client_helo: str
    originating: bool
    policy_banks: tuple[str, ...]
    category: str
    """Contents category (B5.02)."""
    viruses: tuple[str, ...]
    banned: tuple[str, ...]
    bad_header: tuple[str, ...]
    score: str
    tests: tuple[str, ...]
    """Rules of the spam scanner that hit, as `NAME=points`."""
    quarantine: str
    recipients: tuple[AboutRecipient, ...]
    more_recipients: int
    """How many there are beyond those in `recipients`."""
    feedback_type: str = ""
    origin: str = ""
    """Of an abuse report: its type, and the address or domain that it is about."""
    report_text: tuple[str, ...] = ()
    """Of an abuse report: what the one who asked for it has to say."""
    report_format: str = "arf"
    """How a report or released mail is sent: `arf`, `attach` or `plain`."""
    requested_by: str = ""
    """Who asked for a report on, or the release of, a mail in quarantine."""
    parent_mail_id: str = ""
    """The mail_id under which that was kept (B1.36)."""


def about(
    mail: Mail,
    settings: Settings,
    findings: Findings,
    recipients: Sequence[AboutRecipient],
    *,
    category: Category,
    hdrfrom: str,
    copies: Sequence[QuarantineCopy],
    now: datetime,
    score: float | None,
) -> NoticeContext:
    """The variables of a notification about `mail`."""
    header, session = mail.header, mail.session
    client = session.client
    tests = (*(findings.spam.tests if findings.spam else ()), *findings.points)
    return NoticeContext(
        hostname=settings.myhostname,
        product=settings.myproduct_name,
        hdrfrom=hdrfrom,
        date=format_datetime(now),
        mail_id=mail.mail_id,
        partition_tag=shown_tag(partition_tag(settings, mail.received_at)),
        log_id=mail.log_id,
        received=format_datetime(mail.received_at),
        size=mail.size,
        sender=plain(mail.envelope.sender),
        author=readable(header.text("From")),
        to=readable(header.text("To")),
        subject=readable(header.text("Subject")),
        message_id=plain(header.text("Message-ID") or ""),
        header_lines=_lines(header.octets),
        client_addr=plain(client.addr or session.peer_addr or ""),
        client_name=plain(client.name or ""),
        client_helo=plain(client.helo or session.helo or ""),
        originating=session.originating,
        policy_banks=session.policy_banks,
        category=category.display_name,
        viruses=_some(findings.virus_names),
        banned=_some(banned_parts(findings.found)),
        bad_header=_some(names_of(Major.BAD_HEADER, findings.found)),
        score="" if score is None else points_text(score),
        tests=_some(name if points is None else f"{name}={points_text(points)}" for name, points in tests),
        quarantine=plain(next((copy.location for copy in copies if not copy.is_archive), "")),
        recipients=tuple(recipients[:MAX_ITEMS]),
        more_recipients=max(0, len(recipients) - MAX_ITEMS),
    )


def for_report(context: NoticeContext, report: FeedbackReport) -> NoticeContext:
    """The variables of an abuse report."""
    return replace(
        context,
        feedback_type=report.feedback_type.value,
        origin=plain(report.source_address or report.reported_domain or ""),
        report_text=_some(report.text.splitlines()),
    )


def about_recipient(address: str, action: str, reply: Reply) -> AboutRecipient:
    """One of the recipients."""
    return AboutRecipient(plain(address), action, plain(reply.enhanced), plain(str(reply)))


def plain(text: str) -> str:
    """`text` as one harmless line; octets that are no UTF-8 become U+FFFD."""
    cut = text[:MAX_TEXT].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return _CONTROL.sub("?", cut)


def readable(text: str | None) -> str:
    """The body of a header field as one harmless line, encoded words decoded (RFC 2047)."""
    raw = (text or "")[:MAX_TEXT]
    if "=?" not in raw:
        return plain(raw)
    try:
        pieces = [
            piece if isinstance(piece, str) else piece.decode(charset or "ascii", "replace")
            for piece, charset in decode_header(plain(raw))
        ]
    except (MessageError, LookupError, ValueError):
        return plain(raw)
    return plain("".join(pieces))


def _some(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(plain(name) for name, _ in zip(names, range(MAX_ITEMS), strict=False))


def _lines(octets: bytes) -> tuple[str, ...]:
    text = octets[: MAX_ITEMS * MAX_TEXT].decode("utf-8", "replace")
    return tuple(plain(line.rstrip("\r")) for line in text.split("\n", MAX_ITEMS)[:MAX_ITEMS] if line.strip())


def sample_contexts() -> tuple[NoticeContext, NoticeContext]:
    """One in which everything is known, and one in which next to nothing is: to try templates with."""
    full = NoticeContext(
        hostname="gate.example.com",
        product="mailcordon",
        hdrfrom='"Content-filter at gate.example.com" <postmaster@gate.example.com>',
        date="Sun, 22 Nov 2026 12:00:00 +0000",
        mail_id="AbCdEfGhIjKl",
        partition_tag="47",
        log_id="04711-01",
        received="Sun, 22 Nov 2026 11:59:58 +0000",
        size=4711,
        sender="alice@example.net",
        author="Alice <alice@example.net>",
        to="Bob <bob@example.com>",
        subject="Hello",
        message_id="<4711@example.net>",
        header_lines=("From: Alice <alice@example.net>", "Subject: Hello"),
        client_addr="192.0.2.7",
        client_name="mx.example.net",
        client_helo="mx.example.net",
        originating=True,
        policy_banks=("MYNETS",),
        category="Virus",
        viruses=("Eicar-Test-Signature", "Another"),
        banned=("multipart/mixed | application/octet-stream,.exe,game.exe",),
        bad_header=("Missing required header field",),
        score="12.3",
        tests=("GTUBE=1000", "BAYES_99"),
        quarantine="V/virus-AbCdEfGhIjKl",
        recipients=(
            AboutRecipient("bob@example.com", "failed", "5.7.0", "554 5.7.0 Bounce, id=04711-01 - spam"),
            AboutRecipient("eve@example.com", "relayed", "2.6.0", "250 2.6.0 Ok"),
        ),
        more_recipients=3,
        feedback_type="abuse",
        origin="192.0.2.7",
        report_text=("Please see to it.",),
        report_format="attach",
        requested_by="bob@example.com",
        parent_mail_id="MnOpQrStUvWx",
    )
    bare = NoticeContext(
        hostname=full.hostname,
        product=full.product,
        hdrfrom=full.hdrfrom,
        date=full.date,
        mail_id=full.mail_id,
        partition_tag="",
        log_id=full.log_id,
        received=full.received,
        size=0,
        sender="",
        author="",
        to="",
        subject="",
        message_id="",
        header_lines=(),
        client_addr="",
        client_name="",
        client_helo="",
        originating=False,
        policy_banks=(),
        category="Clean",
        viruses=(),
        banned=(),
        bad_header=(),
        score="",
        tests=(),
        quarantine="",
        recipients=(),
        more_recipients=0,
    )
    return full, bare
