"""Makes what is sent for a mail from quarantine, in each of the formats (B1.31 to B1.33, features 12.16 to 12.24)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from email.utils import format_datetime

from mailcordon.act import arf, enclosing
from mailcordon.act.edit import EditedMessage, with_fields
from mailcordon.act.fields import make_field
from mailcordon.act.notice_context import about, for_report, plain
from mailcordon.act.received import received_field
from mailcordon.act.template_set import TemplateSet
from mailcordon.act.wording import Kind
from mailcordon.config.by_category import value_at
from mailcordon.config.settings import Settings
from mailcordon.mail.addresses import addresses_in
from mailcordon.mail.category import CLEAN, Category, Major
from mailcordon.mail.feedback import FeedbackReport
from mailcordon.mail.finding import Findings
from mailcordon.mail.header import HeaderEdits, HeaderSection
from mailcordon.mail.message import Mail
from mailcordon.mail.release import ReleaseRequest, RequestKind

UNDISCLOSED = "undisclosed-recipients:;"

_REMOVED = re.compile(
    r"x-amavis-(hold|alert|modified|penpals|policybank|os-fingerprint)|x-spam-.*|x-crm114-.*", re.IGNORECASE
)
_ALERTS = {"INFECTED": Major.VIRUS, "BANNED": Major.BANNED, "BAD HEADER": Major.BAD_HEADER}


def category_of(header: HeaderSection) -> Category:
    """What a quarantine copy says it was kept for."""
    found = [
        Category(major)
        for field in header.all("X-Amavis-Alert")
        for word, major in _ALERTS.items()
        if field.text.startswith(word)
    ]
    if (header.text("X-Spam-Flag") or "").upper().startswith("YES"):
        found.append(Category(Major.SPAM))
    return max(found, default=CLEAN)


def resent(mail: Mail, request: ReleaseRequest, settings: Settings, removed: frozenset[str]) -> EditedMessage:
    """The mail as it came, with Resent fields on top (B1.32); fields named in `removed` go."""
    fields = [
        *(make_field(name, body, encode=False) for name, body in _resent_fields(mail, request, settings)),
        make_field("Received", received_field(mail, settings)),
    ]
    removals = frozenset() if request.kind is RequestKind.REPORT else _removals(mail.header) | removed
    return with_fields(mail, fields, HeaderEdits(remove=removals))


def composed(
    mail: Mail,
    request: ReleaseRequest,
    settings: Settings,
    templates: TemplateSet,
    *,
    msg_format: str,
    recipient: str,
    number: int,
    category: Category,
) -> EditedMessage:
    """A message of our own for one recipient that brings the mail along: `arf`, `attach` or `plain`."""
    now = datetime.now().astimezone()
    report = FeedbackReport(request.kind.feedback_type, recipient, number=number, category=category)
    kind = Kind.REPORT if request.kind is RequestKind.REPORT else Kind.RELEASE
    context = about(
        mail,
        settings,
        Findings(),
        (),
        category=category,
        hdrfrom=_author(settings, request.kind, category),
        copies=(),
        now=now,
        score=None,
    )
    context = replace(
        for_report(context, report),
        report_format=msg_format,
        requested_by=plain(request.requested_by or ""),
        parent_mail_id=plain(request.mail_id),
    )
    wording = templates.word(kind, context, mail.log_id)
    if msg_format == "arf":
        return arf.compose(
            mail,
            report,
            wording,
            hostname=settings.myhostname,
            product=settings.myproduct_name,
            now=now,
            full=True,
        )
    message_id = kind.message_id(f"{mail.mail_id}.{number}" if number > 1 else mail.mail_id, settings.myhostname)
    if msg_format == "plain":
        return enclosing.inline(mail, wording, to=f"<{recipient}>", message_id=message_id, now=now)
    international = not all(address.isascii() for address in (recipient, mail.envelope.sender))
    return enclosing.attached(
        mail, wording, to=f"<{recipient}>", message_id=message_id, now=now, international=international
    )


def _author(settings: Settings, kind: RequestKind, category: Category) -> str:
    if kind is RequestKind.REPORT:
        return value_at(settings.hdrfrom_notify_report_by_ccat, category) or settings.hdrfrom_notify_report
    return value_at(settings.hdrfrom_notify_release_by_ccat, category) or settings.hdrfrom_notify_release


def _removals(header: HeaderSection) -> frozenset[str]:
    return frozenset(name for name in header.names if _REMOVED.fullmatch(name))


def _resent_fields(mail: Mail, request: ReleaseRequest, settings: Settings) -> Iterator[tuple[str, str]]:
    ourselves = settings.mailfrom_notify_recip or addresses_in(settings.hdrfrom_notify_recip)[0]
    author = request.requested_by or ourselves
    addressees: Sequence[str] = [recipient.address for recipient in mail.envelope.recipients]
    yield "Resent-From", f"<{author}>"
    if author != ourselves:
        yield "Resent-Sender", f"<{ourselves}>"
    yield "Resent-To", f"<{addressees[0]}>" if len(addressees) == 1 else UNDISCLOSED
    yield "Resent-Date", format_datetime(datetime.now().astimezone())
    yield "Resent-Message-ID", f"<RE{mail.mail_id}@{settings.myhostname}>"
