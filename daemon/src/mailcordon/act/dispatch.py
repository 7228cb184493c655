"""Carries out the verdicts. The order keeps mail safe (design rule 1): quarantine, forward, notify, then reply."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace

from mailcordon.act import replies
from mailcordon.act.connection_cache import ConnectionCache
from mailcordon.act.counters import OutgoingCounters
from mailcordon.act.courier import Courier, Handover
from mailcordon.act.fate import Fate, one_reply
from mailcordon.act.forward import Forwarder
from mailcordon.act.header_changes import header_changes
from mailcordon.act.notices import Notices
from mailcordon.act.notify import Notifier
from mailcordon.act.quarantine import Quarantine
from mailcordon.act.release import Releaser
from mailcordon.act.report import Reporter
from mailcordon.act.session_keeping import SessionKeeping
from mailcordon.act.template_set import Templates
from mailcordon.act.timeouts import Deadline, Timeouts
from mailcordon.act.tls import TlsContexts
from mailcordon.config.policy import Policy
from mailcordon.config.policy_banks import Regime
from mailcordon.config.settings import Settings
from mailcordon.mail.category import Destiny
from mailcordon.mail.feedback import FeedbackReport
from mailcordon.mail.finding import Findings
from mailcordon.mail.keeping import SqlCopies, SqlQuarantine
from mailcordon.mail.message import Mail
from mailcordon.mail.release import ReleaseRequest
from mailcordon.mail.reply import Reply
from mailcordon.mail.verdict import Disposition, Outcome, Verdict

log = logging.getLogger(__name__)

_TOLD_BY_ONE_REPLY = frozenset({Disposition.REJECTED, Disposition.DISCARDED})


class Actor:
    """Acts on messages, any number at a time; one instance a worker."""

    def __init__(self, settings: Settings, timeouts: Timeouts | None = None) -> None:
        """`settings` are those without any policy bank: what they say of connections holds for all messages."""
        self._timeouts = timeouts or Timeouts()
        self._keeping = SessionKeeping(
            enabled=settings.smtp_connection_cache_enable, on_demand=settings.smtp_connection_cache_on_demand
        )
        self._cache = ConnectionCache(
            self._keeping,
            hello_name=settings.localhost_name,
            timeouts=self._timeouts,
            contexts=TlsContexts(settings.tls_ca_file_out),
        )
        courier = Courier(self._cache)
        self._quarantine = Quarantine(courier)
        self._forwarder = Forwarder(courier)
        templates = settings.once(Templates)
        for problem in templates.problems:
            # Seen by check-config; what comes up later costs the administrator's words only.
            log.error("%s", problem)
        self._notifier = Notifier(courier, templates)
        self._notices = Notices(courier, templates, self._cache.counters)
        self._reporter = Reporter(courier, templates)
        self._releaser = Releaser(settings, courier, templates, self._timeouts)

    @property
    def counters(self) -> OutgoingCounters:
        """Counters of mail and sessions to next hops (features 13.08)."""
        return self._cache.counters

    async def act(
        self,
        mail: Mail,
        settings: Settings,
        findings: Findings,
        verdicts: Sequence[Verdict],
        policies: Sequence[Policy],
        sql: SqlCopies | None = None,
    ) -> Outcome:
        """Do what the verdicts say; a 2xx in the outcome means that the mail is safe elsewhere or done with.

        `sql`: the message's place in a data base, for quarantine methods that want one.
        Raises QuarantineError when a copy could not be stored; nothing else has happened then.
        """
        deadline = Deadline.of(mail, settings.child_timeout, self._timeouts)
        self._keeping.begin(deadline.at - settings.child_timeout)
        try:
            return await self._act(mail, settings, findings, verdicts, policies, deadline, sql)
        finally:
            self._keeping.end(asyncio.get_running_loop().time())

    async def _act(
        self,
        mail: Mail,
        settings: Settings,
        findings: Findings,
        verdicts: Sequence[Verdict],
        policies: Sequence[Policy],
        deadline: Deadline,
        sql: SqlCopies | None,
    ) -> Outcome:
        together = mail.session.protocol != "LMTP"
        if together and any(verdict.destiny is Destiny.TEMPFAIL for verdict in verdicts):
            return self._withheld(mail, verdicts, policies)
        copies = await self._quarantine.keep(mail, settings, findings, verdicts, deadline, sql)
        mail.lap("quarantine")
        fates = await self._forward(mail, settings, verdicts, policies, deadline)
        mail.lap("forward")
        if together and any(fate.disposition is Disposition.TEMP_FAILED for fate in fates):
            # The client comes back with the whole message; the sender is told when all is done.
            for fate in fates:
                if fate.disposition in (Disposition.BOUNCED, Disposition.REJECTED):
                    fate.postpone(replies.withheld(mail.log_id))
        else:
            # One reply stands for all: who cannot be told by it is told by a notification (B5.08, B5.12).
            client_tells = not together or all(fate.disposition in _TOLD_BY_ONE_REPLY for fate in fates)
            await self._notifier.tell_sender(
                mail, settings, findings, fates, copies, deadline, client_tells=client_tells
            )
        reply = one_reply(fates, mail.log_id)
        if not (together and reply.temporary):
            await self._notices.begin(mail, settings, findings, fates, copies, deadline)
        mail.lap("notify")
        changes = (
            header_changes(mail, fates, place=settings.prepend_header_fields_hdridx) if mail.client_delivers else ()
        )
        return Outcome(tuple(fate.outcome() for fate in fates), reply, copies, changes)

    async def report(self, mail: Mail, settings: Settings, findings: Findings, report: FeedbackReport) -> Reply:
        """Send a report about a mail that is done with; the answer is the next hop's."""
        deadline = Deadline.of(mail, settings.child_timeout, self._timeouts)
        return await self._reporter.send(mail, settings, findings, report, deadline)

    async def release(
        self, request: ReleaseRequest, regime: Regime, sql: SqlQuarantine | None = None
    ) -> Sequence[Reply]:
        """Send on what is in quarantine; a reply for each recipient. `regime`: what holds where the request came in."""
        return await self._releaser.answer(request, regime, sql)

    async def close(self) -> None:
        """Send what is still to be told, and take leave of the next hops."""
        await self._notices.close()
        await self._cache.close()
        told = ", ".join(f"{name} {count}" for name, count in self.counters.by_name().items())
        log.debug("sessions to next hops: %s", told)

    def _withheld(self, mail: Mail, verdicts: Sequence[Verdict], policies: Sequence[Policy]) -> Outcome:
        """With one reply for all, the client would bring the mail again for those who got it already."""
        fates = []
        for verdict, policy in zip(verdicts, policies, strict=True):
            reply = replies.blocked(verdict) if verdict.destiny is Destiny.TEMPFAIL else replies.withheld(mail.log_id)
            fates.append(Fate(verdict, policy, Disposition.TEMP_FAILED, reply))
        first = next(fate for fate in fates if fate.verdict.destiny is Destiny.TEMPFAIL)
        return Outcome(tuple(fate.outcome() for fate in fates), first.reply)

    async def _forward(
        self,
        mail: Mail,
        settings: Settings,
        verdicts: Sequence[Verdict],
        policies: Sequence[Policy],
        deadline: Deadline,
    ) -> list[Fate]:
        wanted = {number: verdict for number, verdict in enumerate(verdicts) if verdict.blocking is None}
        if mail.client_delivers:
            handovers = dict.fromkeys(wanted, Handover(replies.continued(mail.log_id)))
        else:
            handovers = await self._forwarder.forward(mail, settings, wanted, deadline)
        if settings.soft_bounce:
            handovers = {
                number: replace(handover, reply=replies.softened(handover.reply))
                for number, handover in handovers.items()
            }
        return [
            Fate.forwarded(verdict, policy, handovers[number]) if number in handovers else Fate.blocked(verdict, policy)
            for number, (verdict, policy) in enumerate(zip(verdicts, policies, strict=True))
        ]
