"""Tells the sender what became of his mail (B11.01 to B11.05)."""

import logging
from collections.abc import Sequence
from datetime import datetime

from mailcordon.act import replies
from mailcordon.act.counters import Purpose
from mailcordon.act.courier import Courier, Handover, Route
from mailcordon.act.dsn import compose, is_international
from mailcordon.act.dsn_rules import Case, Result, why_not
from mailcordon.act.fate import Fate
from mailcordon.act.mime_parts import FULL_MESSAGE_LIMIT
from mailcordon.act.notice_context import about, about_recipient
from mailcordon.act.outgoing import Outgoing
from mailcordon.act.template_set import Templates
from mailcordon.act.timeouts import Deadline
from mailcordon.act.wording import Kind
from mailcordon.config.notices import fakes_sender, sender_cutoff, sender_is_warned
from mailcordon.config.settings import Settings
from mailcordon.mail.bulk import is_bulk
from mailcordon.mail.category import HARMFUL, Major
from mailcordon.mail.envelope import Envelope, Recipient
from mailcordon.mail.finding import Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import Disposition, DsnSent, QuarantineCopy, Verdict

log = logging.getLogger(__name__)

_KINDS = {
    Major.VIRUS: Kind.VIRUS_SENDER,
    Major.BANNED: Kind.VIRUS_SENDER,
    Major.SPAM: Kind.SPAM_SENDER,
    Major.SPAMMY: Kind.SPAM_SENDER,
}
_RESULTS = {
    Disposition.RELAYED: Result.DELIVERED,
    Disposition.RELAYED_TAGGED: Result.DELIVERED,
    Disposition.DISCARDED: Result.DISCARDED,
    Disposition.TEMP_FAILED: Result.POSTPONED,
}


class Notifier:
    """Sends delivery status notifications."""

    def __init__(self, courier: Courier, templates: Templates) -> None:
        self._courier = courier
        self._templates = templates

    async def tell_sender(
        self,
        mail: Mail,
        settings: Settings,
        findings: Findings,
        fates: Sequence[Fate],
        copies: Sequence[QuarantineCopy],
        deadline: Deadline,
        *,
        client_tells: bool,
    ) -> None:
        """One notification about all of whom the sender is to hear; the `fates` change accordingly.

        `client_tells`: who brought us the mail learns of each rejection by a reply. A failure that cannot be reported
        is postponed, so that the sender hears of it at last; the mail of those who have it already is not.
        """
        if not any(_may_concern(settings, findings, fate) for fate in fates):
            return
        told = self._to_be_told(mail, settings, findings, fates, client_tells=client_tells)
        if not told:
            return
        handover = await self._send(mail, settings, findings, told, copies, deadline)
        for fate in told:
            if handover.reply.ok:
                fate.told()
            elif not fate.is_delivered:
                fate.postpone(replies.notification_failed(handover.reply, mail.log_id))
        if not handover.reply.ok:
            log.warning("(%s) DSN not sent to <%s>: %s", mail.log_id, mail.envelope.sender, handover.reply)

    def _to_be_told(
        self, mail: Mail, settings: Settings, findings: Findings, fates: Sequence[Fate], *, client_tells: bool
    ) -> list[Fate]:
        common = _common(mail, settings, findings)
        told = []
        for fate in fates:
            case = _case(common, settings, findings, fate, client_tells=client_tells)
            rule = why_not(case)
            if rule is None:
                told.append(fate)
            elif rule.sent is DsnSent.SUPPRESSED:
                fate.not_told()
                log.info(
                    "(%s) DSN suppressed for <%s>: %s, score: %s, sender_credible: %s",
                    mail.log_id,
                    fate.verdict.recipient.address,
                    rule.reason,
                    "-" if case.score is None else case.score,
                    findings.sender_credible or "-",
                )
        return told

    async def _send(
        self,
        mail: Mail,
        settings: Settings,
        findings: Findings,
        fates: Sequence[Fate],
        copies: Sequence[QuarantineCopy],
        deadline: Deadline,
    ) -> Handover:
        now = datetime.now().astimezone()
        failed = [fate for fate in fates if not fate.is_delivered]
        category = max(fate.verdict.decisive for fate in failed or fates)
        kind = _KINDS.get(category.major, Kind.DSN)
        statuses = [fate.status for fate in fates]
        context = about(
            mail,
            settings,
            findings.for_recipients(fate.verdict.recipient.address for fate in fates),
            [about_recipient(one.recipient.address, one.action, one.reply) for one in statuses],
            category=category,
            hdrfrom=settings.hdrfrom_notify_sender,
            copies=copies,
            now=now,
            score=max((fate.verdict.score for fate in fates if fate.verdict.score is not None), default=None),
        )
        log.info(
            "(%s) DSN: %s to <%s>, sender_credible: %s",
            mail.log_id,
            kind.name,
            mail.envelope.sender,
            findings.sender_credible or "-",
        )
        harmful = any(found.category.major in HARMFUL for found in findings.found)
        message = compose(
            mail,
            statuses,
            self._templates.of(settings.l10n_language).word(kind, context, mail.log_id),
            message_id=kind.message_id(mail.mail_id, settings.myhostname),
            hostname=settings.myhostname,
            now=now,
            full=bool(failed) and not harmful and mail.envelope.ret == "FULL" and mail.size <= FULL_MESSAGE_LIMIT,
        )
        copy_to = [settings.dsn_bcc] if settings.dsn_bcc else []
        envelope = Envelope(
            sender="",
            recipients=tuple(Recipient(address, notify="NEVER") for address in [mail.envelope.sender, *copy_to]),
            body_type=None if message.is_ascii() else "8BITMIME",
            smtputf8=is_international(mail, statuses),
        )
        handovers = await self._courier.send(
            mail, Outgoing(envelope, message), Route.notify(settings), deadline, purpose=Purpose.DSN
        )
        return handovers[0]


def _may_concern(settings: Settings, findings: Findings, fate: Fate) -> bool:
    """Quick, for it is asked for every message: whether the rules might say that the sender is to be told."""
    if fate.is_delivered:
        notify = fate.verdict.recipient.notify
        return (notify is not None and "SUCCESS" in notify) or _is_warned(settings, findings, fate)
    return fate.disposition in (Disposition.BOUNCED, Disposition.REJECTED)


def _is_warned(settings: Settings, findings: Findings, fate: Fate) -> bool:
    main = fate.verdict.main
    return main.major > Major.MTA and sender_is_warned(settings, main, sender_credible=findings.sender_credible)


def _common(mail: Mail, settings: Settings, findings: Findings) -> Case:
    """What is the same for all recipients of a mail."""
    sender = mail.envelope.sender
    return Case(
        sender=sender,
        sender_cutoff=sender_cutoff(settings, sender, sender_credible=findings.sender_credible),
        is_bulk=is_bulk(mail.header),
        os_fingerprint=findings.os_fingerprint or "",
        dkim_envsender_sig=mail.dkim_envsender_sig,
    )


def _case(common: Case, settings: Settings, findings: Findings, fate: Fate, *, client_tells: bool) -> Case:
    verdict, policy = fate.verdict, fate.policy
    notify = verdict.recipient.notify
    return Case(
        result=_RESULTS.get(fate.disposition, Result.FAILED),
        sender=common.sender,
        told_by_client=client_tells and fate.disposition is Disposition.REJECTED,
        notify=notify.upper() if notify is not None else None,
        passed_on=fate.handover is not None
        and fate.handover.offers_dsn
        and settings.propagate_dsn_if_possible
        and not settings.terminate_dsn_on_notify_success,
        warned=_is_warned(settings, findings, fate),
        fakes_sender=_fakes_sender(settings, findings, verdict),
        # Points of soft lists count for those who want no spam check, too (features 14.07).
        score=(verdict.points or None) if verdict.score is None else verdict.score,
        sender_cutoff=common.sender_cutoff,
        recipient_cutoff=(
            policy.spam_crediblefrom_dsn_cutoff_level if findings.sender_credible else policy.spam_dsn_cutoff_level
        ),
        blacklisted=verdict.blacklisted,
        whitelisted=verdict.whitelisted,
        is_bulk=common.is_bulk,
        is_clean=verdict.main.major <= Major.MTA,
        os_fingerprint=common.os_fingerprint,
        dkim_envsender_sig=common.dkim_envsender_sig,
    )


def _fakes_sender(settings: Settings, findings: Findings, verdict: Verdict) -> bool:
    # Also where something else blocks it, such as the next hop.
    majors = {category.major for category in verdict.categories}
    if Major.VIRUS in majors and fakes_sender(settings, findings.virus_names):
        return True
    return Major.BANNED in majors and any(
        found.is_discarded for found in findings.found if found.concerns(verdict.recipient.address)
    )
