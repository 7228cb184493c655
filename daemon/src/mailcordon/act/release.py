"""Sends on what is in quarantine: release, requeue, report (B1.23 to B1.36)."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from mailcordon.act import release_message
from mailcordon.act.counters import Purpose
from mailcordon.act.courier import Courier, Handover, Route
from mailcordon.act.edit import EditedMessage
from mailcordon.act.outgoing import Outgoing
from mailcordon.act.stored_copy import LEADING, StoredCopy, read_file, read_sql
from mailcordon.act.template_set import Templates
from mailcordon.act.timeouts import Deadline, Timeouts
from mailcordon.act.tls import Security
from mailcordon.config.policy_banks import Regime
from mailcordon.config.quarantine_method import SQL_QUARANTINE
from mailcordon.config.secret_key import secret_ids
from mailcordon.config.settings import Settings
from mailcordon.errors import MailcordonError, ReleaseError
from mailcordon.log_levels import NOTICE
from mailcordon.mail.envelope import Envelope, Recipient, Session
from mailcordon.mail.header import HeaderSection
from mailcordon.mail.ids import new_mail_id
from mailcordon.mail.keeping import SqlQuarantine
from mailcordon.mail.message import Mail
from mailcordon.mail.release import CopyKind, ReleaseRequest, RequestKind
from mailcordon.mail.reply import Reply

log = logging.getLogger(__name__)

NOBODY = Reply(250, "2.5.0", "No recipients, nothing to do")


class Releaser:
    """Answers requests about mail in quarantine."""

    def __init__(self, base: Settings, courier: Courier, templates: Templates, timeouts: Timeouts) -> None:
        """`base`: the settings without any policy bank."""
        self._base = base
        self._courier = courier
        self._templates = templates
        self._timeouts = timeouts

    async def answer(self, request: ReleaseRequest, regime: Regime, sql: SqlQuarantine | None = None) -> list[Reply]:
        """Do what is asked; one reply for each recipient, or one that says why nothing was done.

        `regime` is what holds at the socket that the request came by.
        """
        mail_id = new_mail_id(self._base.mail_id_size_bits)
        log_id = f"rel-{mail_id}"
        try:
            return await self._answer(request, regime, mail_id, log_id, sql)
        except MailcordonError as error:
            log.warning("(%s) %s of %s failed: %s", log_id, request.kind.value, request.mail_id, error)
            return [Reply(450, "4.5.0", f"ERROR: {error}")]
        except Exception as error:
            log.exception("(%s) unexpected error", log_id)
            return [Reply(450, "4.5.0", f"ERROR: internal error {type(error).__name__}")]

    async def _answer(
        self, request: ReleaseRequest, regime: Regime, mail_id: str, log_id: str, sql: SqlQuarantine | None
    ) -> list[Reply]:
        settings = regime.settings
        if request.secret_id is None and settings.auth_required_release:
            raise ReleaseError("Secret_id is required, but missing")
        if request.copy_kind is CopyKind.BSMTP:
            raise ReleaseError("releasing from BSMTP files is not supported")
        if request.copy_kind is None and settings.spam_quarantine_method == SQL_QUARANTINE:
            request = replace(request, copy_kind=CopyKind.SQL)
        if request.copy_kind is CopyKind.SQL:
            copy = await self._from_sql(request, log_id, sql)
        else:
            await self._check_secret_of_file(request, sql)
            copy = await asyncio.to_thread(
                read_file,
                request,
                self._base.QUARANTINEDIR,
                self._base.TEMPBASE,
                subdir_levels=self._base.quarantine_subdir_levels,
            )
        try:
            return await self._send(copy, request, regime, mail_id, log_id)
        finally:
            copy.content.close()

    async def _from_sql(self, request: ReleaseRequest, log_id: str, sql: SqlQuarantine | None) -> StoredCopy:
        """Raises ReleaseError and StoreError."""
        if sql is None:
            raise ReleaseError("there is no data base with a quarantine; see storage_sql_dsn")
        tag = request.partition_tag
        if tag is None:
            tags = await sql.tags(request.mail_id)
            if len(tags) > 1:
                raise ReleaseError(
                    f"Multiple ({len(tags)}) records with same mail_id exist, "
                    "specify a partition_tag in the AM.PDP request"
                )
            if not tags:
                log.warning("(%s) no record with mail_id %s, reading its copy anyway", log_id, request.mail_id)
            tag = tags[0] if tags else "0"
        row = await sql.message(tag, request.mail_id)
        await asyncio.to_thread(self._check_secret, request, row.secret_id if row else "")
        return await read_sql(sql, tag, request.mail_id, self._base.TEMPBASE)

    async def _check_secret_of_file(self, request: ReleaseRequest, sql: SqlQuarantine | None) -> None:
        """A web interface knows the secret in the data base, wherever the copy is. Raises ReleaseError, StoreError."""
        try:
            await asyncio.to_thread(self._check_secret, request)
        except ReleaseError:
            if sql is None:
                raise
            tags = [request.partition_tag] if request.partition_tag is not None else await sql.tags(request.mail_id)
            stored = [row.secret_id for tag in tags if (row := await sql.message(tag, request.mail_id)) is not None]
            await asyncio.to_thread(self._check_secret, request, *stored)

    def _check_secret(self, request: ReleaseRequest, *stored: str) -> None:
        given = request.secret_id
        if given is None:
            return
        ids = secret_ids(self._base)
        if not any(ids.accepts(request.mail_id, given, one) for one in stored or ("",)):
            raise ReleaseError("Secret_id does not match the mail_id")

    async def _send(
        self, copy: StoredCopy, request: ReleaseRequest, regime: Regime, mail_id: str, log_id: str
    ) -> list[Reply]:
        settings = regime.settings
        if settings.release_only:
            _check_bounds(copy, request)
        recipients = request.recipients or copy.recipients
        if not recipients:
            return [NOBODY]
        sender = copy.sender if request.sender is None else request.sender
        category = release_message.category_of(copy.header)
        mail = _mail(copy, request, regime, mail_id, log_id, sender, recipients)
        log.log(
            NOTICE,
            "(%s) Quarantined message %s (%s): %s <%s> -> %s",
            log_id,
            request.kind.value,
            request.kind.feedback_type.value,
            request.mail_id,
            sender,
            ",".join(f"<{address}>" for address in recipients),
        )
        is_report = request.kind is RequestKind.REPORT
        msg_format = settings.report_format if is_report else settings.release_format
        if msg_format == "resend":
            # Where the fields of the quarantine do not stand on top they go by their names.
            removed = frozenset() if copy.original_start else LEADING
            message = await asyncio.to_thread(release_message.resent, mail, request, settings, removed)
            return await self._transact(mail, settings, request, sender, recipients, message, blind_copy=not is_report)
        replies = []
        # A message of our own is no news to the sender of the mail that it brings along.
        # Nor is it brought to the one who asked, by a bounce, where he may not read it.
        asked_by = None if settings.release_only else request.requested_by
        own_sender = request.sender or asked_by or settings.mailfrom_notify_recip
        for number, recipient in enumerate(recipients, 1):
            message = await asyncio.to_thread(
                release_message.composed,
                mail,
                request,
                settings,
                self._templates.of(settings.l10n_language),
                msg_format=msg_format,
                recipient=recipient,
                number=number,
                category=category,
            )
            first = number == 1 and not is_report
            replies += await self._transact(mail, settings, request, own_sender, [recipient], message, blind_copy=first)
        return replies

    async def _transact(
        self,
        mail: Mail,
        settings: Settings,
        request: ReleaseRequest,
        sender: str,
        recipients: Sequence[str],
        message: EditedMessage,
        *,
        blind_copy: bool,
    ) -> list[Reply]:
        addressees = [*recipients]
        bcc = settings.always_bcc if blind_copy and request.kind is RequestKind.RELEASE else ""
        if bcc and bcc.lower() not in (address.lower() for address in addressees):
            addressees.append(bcc)
        envelope = Envelope(
            sender=sender,
            recipients=tuple(Recipient(address) for address in addressees),
            body_type=None if await asyncio.to_thread(message.is_ascii) else "8BITMIME",
        )
        handovers: Sequence[Handover] = await self._courier.send(
            mail,
            Outgoing(envelope, message),
            _route(request.kind, settings),
            Deadline.of(mail, settings.child_timeout, self._timeouts),
            purpose=Purpose.REPORT if request.kind is RequestKind.REPORT else Purpose.QUARANTINE,
        )
        return [handover.reply for handover in handovers[: len(recipients)]]


def _check_bounds(copy: StoredCopy, request: ReleaseRequest) -> None:
    """Who may release and not read gets no mail of others sent to himself. Raises ReleaseError."""
    if request.kind is RequestKind.REPORT:
        raise ReleaseError("request report is not allowed here")
    known = {address.lower() for address in copy.recipients}
    if any(address.lower() not in known for address in request.recipients):
        raise ReleaseError("no other recipients than those of the mail are allowed here")
    if request.sender not in (None, copy.sender):
        raise ReleaseError("no other sender than that of the mail is allowed here")


def _route(kind: RequestKind, settings: Settings) -> Route:
    if kind is RequestKind.REQUEUE:
        return Route(settings.requeue_method, Security.of(settings))
    method = settings.release_method if settings.release_method.hops else settings.notify_method
    return Route(method, Security.of(settings))


def _mail(
    copy: StoredCopy,
    request: ReleaseRequest,
    regime: Regime,
    mail_id: str,
    log_id: str,
    sender: str,
    recipients: Sequence[str],
) -> Mail:
    """The mail as it was before it came into quarantine; in a report it is told of as it was kept (B1.31)."""
    header, start = copy.header, copy.original_start
    if start and request.kind is not RequestKind.REPORT:
        copy.content.skip(start)
        header = HeaderSection(header.octets[start:], header.body_start - start)
    return Mail(
        log_id=log_id,
        mail_id=mail_id,
        received_at=datetime.now(UTC).astimezone(),
        session=Session(
            protocol="AM.PDP",
            policy_banks=regime.path,
            originating=regime.settings.originating,
        ),
        envelope=Envelope(sender=sender, recipients=tuple(Recipient(address) for address in recipients)),
        header=header,
        content=copy.content,
    )
