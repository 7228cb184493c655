"""Sends reports about a mail to the party that it came from (features 6.10)."""

from datetime import datetime

from mailcordon.act.arf import compose
from mailcordon.act.counters import Purpose
from mailcordon.act.courier import Courier, Route
from mailcordon.act.mime_parts import FULL_MESSAGE_LIMIT
from mailcordon.act.notice_context import about, for_report
from mailcordon.act.outgoing import Outgoing
from mailcordon.act.template_set import Templates
from mailcordon.act.timeouts import Deadline
from mailcordon.act.wording import Kind
from mailcordon.config.settings import Settings
from mailcordon.mail.category import HARMFUL
from mailcordon.mail.envelope import Envelope, Recipient
from mailcordon.mail.feedback import FeedbackReport
from mailcordon.mail.finding import Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.reply import Reply


class Reporter:
    """Sends abuse reports."""

    def __init__(self, courier: Courier, templates: Templates) -> None:
        self._courier = courier
        self._templates = templates

    async def send(
        self, mail: Mail, settings: Settings, findings: Findings, report: FeedbackReport, deadline: Deadline
    ) -> Reply:
        """Send one report; the answer is the next hop's. Of what could do harm only the header section is enclosed."""
        harmful = any(finding.category.major in HARMFUL for finding in findings.found)
        now = datetime.now().astimezone()
        context = about(
            mail,
            settings,
            findings,
            (),
            category=report.category,
            hdrfrom=settings.hdrfrom_notify_report,
            copies=(),
            now=now,
            score=report.score,
        )
        wording = self._templates.of(settings.l10n_language).word(Kind.REPORT, for_report(context, report), mail.log_id)
        message = compose(
            mail,
            report,
            wording,
            hostname=settings.myhostname,
            product=settings.myproduct_name,
            now=now,
            full=not harmful and mail.size <= FULL_MESSAGE_LIMIT,
        )
        envelope = Envelope(
            sender="",
            recipients=(Recipient(report.recipient, notify="NEVER"),),
            body_type=None if message.is_ascii() else "8BITMIME",
        )
        (handover,) = await self._courier.send(
            mail, Outgoing(envelope, message), Route.notify(settings), deadline, purpose=Purpose.REPORT
        )
        return handover.reply
