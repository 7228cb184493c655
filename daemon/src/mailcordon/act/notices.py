"""Notices about blocked mail, to administrators and to recipients (B11.06, B11.07).

They are sent beside the mail, after everything else was done with it: its reply does not wait for them, and when one
cannot be sent this is logged and counted, and nothing else. So the mail neither gets lost nor comes twice.
"""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from mailcordon.act.counters import OutgoingCounters, Purpose
from mailcordon.act.courier import Courier, Route
from mailcordon.act.edit import EditedMessage
from mailcordon.act.fate import Fate
from mailcordon.act.notice_context import about, about_recipient
from mailcordon.act.outgoing import Outgoing
from mailcordon.act.own_message import compose
from mailcordon.act.template_set import Templates
from mailcordon.act.timeouts import Deadline
from mailcordon.act.wording import Kind
from mailcordon.config.by_category import value_at
from mailcordon.config.policy import Policy
from mailcordon.config.settings import Settings
from mailcordon.mail.category import Category, Major
from mailcordon.mail.envelope import Envelope, Recipient
from mailcordon.mail.finding import Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import Disposition, QuarantineCopy

log = logging.getLogger(__name__)

MAX_PENDING = 64
"""Notices of one worker that are under way at a time; the next mail with one waits."""
PATIENCE = 30.0
"""Seconds that they get when the worker leaves."""
MAX_KNOWN_VIRUSES = 100_000
_SPAM = frozenset({Major.SPAM, Major.SPAMMY})


@dataclass(frozen=True, slots=True)
class _Notice:
    """One that is to be written."""

    kind: Kind
    to: tuple[str, ...]
    fates: tuple[Fate, ...]
    """The recipients whom it tells of."""
    mailfrom: str
    hdrfrom: str


class Notices:
    """Writes and sends them; one instance a worker."""

    def __init__(self, courier: Courier, templates: Templates, counters: OutgoingCounters) -> None:
        self._courier = courier
        self._templates = templates
        self._counters = counters
        self._pending: set[asyncio.Task[None]] = set()
        self._known_viruses: set[str] = set()

    async def begin(
        self,
        mail: Mail,
        settings: Settings,
        findings: Findings,
        fates: Sequence[Fate],
        copies: Sequence[QuarantineCopy],
        deadline: Deadline,
    ) -> None:
        """See to it that everybody is told who is to be told of `fates`. Never raises."""
        try:
            for notice in self._wanted(settings, findings, fates):
                message = self._written(notice, mail, settings, findings, copies)
                if len(self._pending) >= MAX_PENDING:
                    await asyncio.wait(
                        self._pending, timeout=deadline.within(PATIENCE), return_when=asyncio.FIRST_COMPLETED
                    )
                if len(self._pending) >= MAX_PENDING:
                    self._failed(mail, notice.kind, "too many notices are under way")
                    continue
                task = asyncio.create_task(self._send(notice, message, mail, settings, deadline))
                self._pending.add(task)
                task.add_done_callback(self._pending.discard)
        except Exception:
            # The mail is done with: no defect here may bring it a 4xx, and so back again.
            self._counters.notice_fails += 1
            log.exception("(%s) cannot write a notice", mail.log_id)

    async def close(self) -> None:
        """Wait for those that are under way, but not for long."""
        if self._pending:
            _, late = await asyncio.wait(self._pending, timeout=PATIENCE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _wanted(self, settings: Settings, findings: Findings, fates: Sequence[Fate]) -> Iterator[_Notice]:
        # What will be tried again is told when it is done with.
        blocked = [
            fate
            for fate in fates
            if fate.verdict.blocking is not None and fate.disposition is not Disposition.TEMP_FAILED
        ]
        if not blocked:
            return
        yield from self._to_administrators(settings, findings, blocked)
        yield from _to_recipients(settings, blocked)

    def _to_administrators(self, settings: Settings, findings: Findings, blocked: Sequence[Fate]) -> Iterator[_Notice]:
        has_new_virus = self._has_new_virus(findings)
        for kind in (Kind.VIRUS_ADMIN, Kind.SPAM_ADMIN):
            told = tuple(
                fate for fate in blocked if (fate.verdict.decisive.major in _SPAM) is (kind is Kind.SPAM_ADMIN)
            )
            addresses = [_admin(fate.policy, fate.verdict.decisive) for fate in told]
            if has_new_virus and kind is Kind.VIRUS_ADMIN:
                addresses += [fate.policy.newvirus_admin for fate in told]
            to = tuple(dict.fromkeys(filter(None, addresses)))
            if to and kind is Kind.SPAM_ADMIN:
                yield _Notice(kind, to, told, settings.mailfrom_notify_spamadmin, settings.hdrfrom_notify_spamadmin)
            elif to:
                yield _Notice(kind, to, told, settings.mailfrom_notify_admin, settings.hdrfrom_notify_admin)

    def _has_new_virus(self, findings: Findings) -> bool:
        new = set(findings.virus_names) - self._known_viruses
        if len(self._known_viruses) < MAX_KNOWN_VIRUSES:
            self._known_viruses |= new
        return bool(new)

    def _written(
        self,
        notice: _Notice,
        mail: Mail,
        settings: Settings,
        findings: Findings,
        copies: Sequence[QuarantineCopy],
    ) -> EditedMessage:
        now = datetime.now().astimezone()
        verdicts = [fate.verdict for fate in notice.fates]
        # Recipients must not learn of each other.
        shown = notice.fates if notice.kind is not Kind.VIRUS_RECIPIENT or len(notice.fates) == 1 else ()
        context = about(
            mail,
            settings,
            findings.for_recipients(verdict.recipient.address for verdict in verdicts),
            [about_recipient(fate.verdict.recipient.address, "failed", fate.reply) for fate in shown],
            category=max(verdict.decisive for verdict in verdicts),
            hdrfrom=notice.hdrfrom,
            copies=copies,
            now=now,
            score=max((verdict.score for verdict in verdicts if verdict.score is not None), default=None),
        )
        is_secret = notice.kind is Kind.VIRUS_RECIPIENT and len(notice.to) > 1
        return compose(
            self._templates.of(settings.l10n_language).word(notice.kind, context, mail.log_id),
            mail,
            to="undisclosed-recipients:;" if is_secret else ",\n ".join(f"<{address}>" for address in notice.to),
            message_id=notice.kind.message_id(mail.mail_id, settings.myhostname),
            now=now,
        )

    async def _send(
        self, notice: _Notice, message: EditedMessage, mail: Mail, settings: Settings, deadline: Deadline
    ) -> None:
        envelope = Envelope(
            sender=notice.mailfrom,
            recipients=tuple(Recipient(address, notify="NEVER") for address in notice.to),
        )
        self._counters.notices += 1
        try:
            handovers = await self._courier.send(
                mail, Outgoing(envelope, message), Route.notify(settings), deadline, purpose=Purpose.NOTICE
            )
        except Exception as error:  # noqa: BLE001 - nobody else would hear of it
            failures = [str(error) or type(error).__name__]
        else:
            failures = list(dict.fromkeys(str(handover.reply) for handover in handovers if not handover.reply.ok))
        for failure in failures:
            self._failed(mail, notice.kind, failure)

    def _failed(self, mail: Mail, kind: Kind, why: str) -> None:
        self._counters.notice_fails += 1
        log.warning("(%s) notice %s not sent: %s", mail.log_id, kind.name, why)


def _to_recipients(settings: Settings, blocked: Sequence[Fate]) -> Iterator[_Notice]:
    warned = tuple(
        fate
        for fate in blocked
        if value_at(fate.policy.warnrecip, fate.verdict.decisive) and (fate.verdict.is_local or settings.warn_offsite)
    )
    if warned:
        to = tuple(dict.fromkeys(fate.verdict.recipient.address for fate in warned))
        yield _Notice(Kind.VIRUS_RECIPIENT, to, warned, settings.mailfrom_notify_recip, settings.hdrfrom_notify_recip)


def _admin(policy: Policy, category: Category) -> str:
    return value_at(policy.admins, category) or ""
