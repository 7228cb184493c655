"""Makes the record of a message (contract B2.28)."""

from contextlib import suppress
from email.errors import HeaderParseError
from email.header import decode_header

from mailcordon.config.settings import Settings
from mailcordon.mail.content_code import content_code
from mailcordon.mail.finding import Findings
from mailcordon.mail.header import HeaderSection
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import Outcome, RecipientOutcome
from mailcordon.store.records import (
    LENGTH,
    Beginning,
    RecipientRow,
    Record,
    address,
    fate_code,
)

_NOT_KEPT = " "
_FIELD_LIMIT = 4096
"""Octets of a field that are decoded; 255 characters of it are kept."""
_AM_ID_LENGTH = 20


def beginning_of(mail: Mail, settings: Settings, tag: str, *, secret_id: str) -> Beginning:
    """What is known when the message has come."""
    client = mail.session.client
    return Beginning(
        partition_tag=tag,
        mail_id=mail.mail_id,
        secret_id=secret_id,
        am_id=mail.log_id[:_AM_ID_LENGTH],
        time_num=int(mail.received_at.timestamp()),
        sender=address(mail.envelope.sender, case_sensitive=settings.localpart_is_case_sensitive),
        policy="/".join(mail.session.policy_banks)[:LENGTH],
        client_addr=(client.addr or client.claimed_addr or "")[:LENGTH],
        size=mail.size,
        host=settings.myhostname[:LENGTH],
    )


def record_of(beginning: Beginning, mail: Mail, settings: Settings, findings: Findings, outcome: Outcome) -> Record:
    """What is known when it is done with."""
    copies = sorted(outcome.quarantine, key=lambda copy: copy.is_archive)
    main = max((item.verdict.main for item in outcome.recipients), default=None)
    spam = findings.spam
    points = sum(points for _, points in findings.points)
    return Record(
        beginning=beginning,
        content=content_code(main) if main is not None else "?",
        quar_type=copies[0].kind if copies else _NOT_KEPT,
        quar_loc=copies[0].location[:LENGTH] if copies else "",
        dsn_sent=outcome.dsn_sent.value,
        spam_level=round(spam.score + points, 3) if spam else None,
        message_id=_text(mail.header, "Message-ID"),
        from_addr=_decoded(mail.header, "From"),
        subject=_decoded(mail.header, "Subject"),
        originating=mail.session.originating,
        recipients=tuple(
            _row(item, case_sensitive=settings.localpart_is_case_sensitive) for item in outcome.recipients
        ),
    )


def _row(item: RecipientOutcome, *, case_sensitive: bool) -> RecipientRow:
    verdict = item.verdict
    return RecipientRow(
        address=address(verdict.recipient.address, case_sensitive=case_sensitive),
        is_local=verdict.is_local,
        content=content_code(verdict.main),
        ds=fate_code(item.disposition),
        blacklisted=verdict.blacklisted,
        whitelisted=verdict.whitelisted,
        bspam_level=verdict.score,
        smtp_resp=str(item.reply)[:LENGTH],
    )


def _text(header: HeaderSection, name: str) -> str:
    field = header.first(name)
    return field.text[:LENGTH] if field else ""


def _decoded(header: HeaderSection, name: str) -> str:
    """The beginning of a field as people read it; what cannot be decoded stays as it is."""
    field = header.first(name)
    if field is None:
        return ""
    octets = field.body[:_FIELD_LIMIT].strip()
    if b"=?" not in octets:
        return octets.decode("utf-8", "replace")[:LENGTH]
    raw = octets.decode("utf-8", "replace")
    text = raw
    with suppress(HeaderParseError, ValueError, LookupError):
        text = "".join(_piece(piece, charset) for piece, charset in decode_header(raw))
    return text[:LENGTH]


def _piece(piece: bytes | str, charset: str | None) -> str:
    if isinstance(piece, str):
        return piece
    try:
        return piece.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        return piece.decode("latin-1")
