"""Carries out the verdicts. The order keeps mail safe (design rule 1): quarantine, forward, notify, then reply."""

import logging
from collections.abc import Sequence

from mailcordon.act import replies
from mailcordon.act.connection_cache import ConnectionCache, ConnectionCounters
from mailcordon.act.courier import Courier
from mailcordon.act.fate import Fate, one_reply
from mailcordon.act.forward import Forwarder
from mailcordon.act.notify import Notifier, reason_not_to_notify
from mailcordon.act.quarantine import Quarantine
from mailcordon.act.timeouts import Deadline, Timeouts
from mailcordon.config.policy import Policy
from mailcordon.config.settings import Settings
from mailcordon.mail.category import Destiny, Major
from mailcordon.mail.finding import Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import Disposition, Outcome, Verdict

log = logging.getLogger(__name__)

_HARMFUL = frozenset({Major.VIRUS, Major.BANNED})


class Actor:
    """Acts on messages, any number at a time; one instance a worker."""

    def __init__(self, settings: Settings, timeouts: Timeouts | None = None) -> None:
        self._settings = settings
        self._timeouts = timeouts or Timeouts()
        self._cache = ConnectionCache(
            enabled=settings.smtp_connection_cache_enable,
            hello_name=settings.localhost_name,
            timeouts=self._timeouts,
        )
        courier = Courier(self._cache)
        self._quarantine = Quarantine(settings, courier)
        self._forwarder = Forwarder(settings, courier)
        self._notifier = Notifier(settings, courier)

    @property
    def counters(self) -> ConnectionCounters:
        """Counters of the sessions to next hops (features 13.08)."""
        return self._cache.counters

    async def act(
        self, mail: Mail, findings: Findings, verdicts: Sequence[Verdict], policies: Sequence[Policy]
    ) -> Outcome:
        """Do what the verdicts say; a 2xx in the outcome means that the mail is safe elsewhere or done with.

        Raises QuarantineError when a copy could not be stored; nothing else has happened then.
        """
        deadline = Deadline.of(mail, self._settings.child_timeout, self._timeouts)
        together = mail.session.protocol != "LMTP"
        if together and any(verdict.destiny is Destiny.TEMPFAIL for verdict in verdicts):
            return self._withheld(mail, verdicts, policies)
        copies = await self._quarantine.keep(mail, findings, verdicts, policies, deadline)
        fates = await self._forward(mail, verdicts, policies, deadline)
        if together:
            await self._settle_together(mail, findings, fates, deadline)
        else:
            bounced = [fate for fate in fates if fate.disposition is Disposition.BOUNCED]
            await self._notify(mail, findings, bounced, deadline)
        return Outcome(
            tuple(fate.outcome() for fate in fates),
            one_reply(fates, mail.log_id),
            copies,
        )

    async def close(self) -> None:
        """Take leave of the next hops."""
        await self._cache.close()

    def _withheld(self, mail: Mail, verdicts: Sequence[Verdict], policies: Sequence[Policy]) -> Outcome:
        """With one reply for all, the client would bring the mail again for those who got it already."""
        fates = []
        for verdict, policy in zip(verdicts, policies, strict=True):
            reply = replies.blocked(verdict) if verdict.destiny is Destiny.TEMPFAIL else replies.withheld(mail.log_id)
            fates.append(Fate(verdict, policy, Disposition.TEMP_FAILED, reply))
        first = next(fate for fate in fates if fate.verdict.destiny is Destiny.TEMPFAIL)
        return Outcome(tuple(fate.outcome() for fate in fates), first.reply)

    async def _forward(
        self, mail: Mail, verdicts: Sequence[Verdict], policies: Sequence[Policy], deadline: Deadline
    ) -> list[Fate]:
        wanted = {number: verdict for number, verdict in enumerate(verdicts) if verdict.blocking is None}
        handovers = await self._forwarder.forward(mail, wanted, deadline)
        return [
            Fate.forwarded(verdict, policy, handovers[number]) if number in handovers else Fate.blocked(verdict, policy)
            for number, (verdict, policy) in enumerate(zip(verdicts, policies, strict=True))
        ]

    async def _settle_together(self, mail: Mail, findings: Findings, fates: Sequence[Fate], deadline: Deadline) -> None:
        """One reply stands for all recipients: who cannot be told by it is told by a notification (B5.08, B5.12)."""
        dispositions = {fate.disposition for fate in fates}
        untold = [fate for fate in fates if fate.disposition in (Disposition.BOUNCED, Disposition.REJECTED)]
        if Disposition.TEMP_FAILED in dispositions:
            # The client comes back with the whole message; the sender is told when all is done.
            for fate in untold:
                fate.postpone(replies.withheld(mail.log_id))
        elif not dispositions <= {Disposition.REJECTED, Disposition.DISCARDED}:
            await self._notify(mail, findings, untold, deadline)

    async def _notify(self, mail: Mail, findings: Findings, fates: Sequence[Fate], deadline: Deadline) -> None:
        told = []
        for fate in fates:
            reason = reason_not_to_notify(mail, fate.verdict, fate.policy)
            if reason is None:
                told.append(fate)
                continue
            address = fate.verdict.recipient.address
            log.info("(%s) DSN suppressed for <%s>: %s", mail.log_id, address, reason)
            fate.not_told()
        if not told:
            return
        harmful = any(found.category.major in _HARMFUL for found in findings.found)
        failures = [fate.failure for fate in told]
        handover = await self._notifier.send(mail, failures, deadline, may_return_message=not harmful)
        for fate in told:
            if handover.reply.ok:
                fate.told()
            else:
                fate.postpone(replies.notification_failed(handover.reply, mail.log_id))
