"""The plugins of one worker, and what they do with each message."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from mailcordon.config.policy import Policy
from mailcordon.config.policy_banks import PolicyBanks
from mailcordon.config.settings import Settings
from mailcordon.errors import HookError
from mailcordon.hooks.call import Caller
from mailcordon.hooks.evidence import proven
from mailcordon.hooks.load import Hooks, load_plugins
from mailcordon.hooks.report_guard import ReportGuard
from mailcordon.hooks.view import Known, Message
from mailcordon.hooks.wishes import AddFinding, AddScore, LoadBanks, SendReport, SetCredible, Wish, Wishes
from mailcordon.log_levels import NOTICE
from mailcordon.mail.category import Major
from mailcordon.mail.feedback import FeedbackReport
from mailcordon.mail.finding import Finding, Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.reply import Reply
from mailcordon.mail.verdict import Disposition, Outcome, Verdict

log = logging.getLogger(__name__)

SHARE = 0.1
"""Of the time that remains for a message, what one call of a hook may take: scanners and next hops need theirs."""
LEAST = 0.1
"""Seconds; with less to give a hook is not called: it would look as if it hung."""
LEAST_FOR_REPORTS = 10.0
"""Seconds; with less left for the message no report is begun: were the time over meanwhile, the client would bring mail
again that was forwarded already."""
_WORTH_REPORTING = frozenset({Major.SPAM, Major.VIRUS})

Send = Callable[[Mail, Settings, Findings, FeedbackReport], Awaitable[Reply]]
"""Sends a report; the answer is the next hop's."""


class Plugins:
    """The plugins that are configured; one instance a worker."""

    def __init__(self, banks: PolicyBanks, hooks: Hooks) -> None:
        settings = banks.base
        self.banks = banks
        self.hooks = hooks
        self.callers = {hook.plugin: Caller(hook.plugin) for functions in hooks.values() for hook in functions}
        self.guard = ReportGuard(
            settings.MYHOME / "db" / "abuse_reports.sqlite",
            interval=settings.abuse_report_interval,
            per_hour=settings.abuse_reports_per_hour,
        )

    @classmethod
    def of(cls, banks: PolicyBanks) -> "Plugins | None":
        """None when there are none. Raises ConfigError when one cannot be loaded."""
        return cls(banks, banks.base.once(load_plugins)) if banks.base.plugins else None

    def meet(self, mail: Mail) -> "HookedMail":
        """A message that plugins are to see."""
        return HookedMail(self, mail)


class HookedMail:
    """One message on its way past the plugins: what they asked for so far, and the mail as it is under their banks."""

    def __init__(self, plugins: Plugins, mail: Mail) -> None:
        self.mail = mail
        self._plugins = plugins
        self._checked = Findings(signatures=mail.signatures)
        self._added: list[Finding] = []
        self._points: list[tuple[str, float]] = []
        self._credible: str | None = None
        self._reports: list[tuple[str, SendReport]] = []
        self._notes: dict[str, dict[str, Any]] = {}
        self._time = plugins.banks.base.shortest_child_timeout

    @property
    def findings(self) -> Findings:
        """What the checks found, and what plugins added to it; nothing was taken away."""
        checked = self._checked
        return replace(
            checked,
            found=(*checked.found, *self._added),
            points=(*checked.points, *self._points),
            sender_credible=checked.sender_credible if self._credible is None else self._credible,
        )

    async def message_received(self) -> Mail:
        """Before anything was looked at. The answer is the mail as it goes on."""
        await self._call("message_received")
        return self.mail

    async def before_checks(self, structure: tuple[Finding, ...]) -> Mail:
        """`structure`: what was found while the parts were. The answer is the mail as it goes on."""
        self._checked = replace(self._checked, found=structure)
        await self._call("before_checks")
        return self.mail

    async def after_checks(self, checked: Findings, policies: tuple[Policy, ...]) -> tuple[Mail, Findings]:
        """`checked`: the findings of all checks. The answer is what is to be judged."""
        self._checked = checked
        await self._call("after_checks", policies)
        return self.mail, self.findings

    async def before_send(
        self, mail: Mail, judged: Findings, policies: tuple[Policy, ...], verdicts: tuple[Verdict, ...]
    ) -> Findings:
        """After the judgement, which was about `judged`. The answer is what holds when the verdicts are carried out."""
        self.mail, self._checked = mail, judged
        self._added, self._points = [], []
        await self._call("before_send", policies, verdicts)
        return self.findings

    async def after_send(
        self,
        settings: Settings,
        policies: tuple[Policy, ...],
        verdicts: tuple[Verdict, ...],
        outcome: Outcome,
        send: Send,
    ) -> None:
        """The mail is done: whatever happens here, nothing about it changes. Reports are sent with `send`."""
        await self._call("after_send", policies, verdicts, outcome)
        if any(item.disposition is Disposition.TEMP_FAILED for item in outcome.recipients):
            # It comes again, and plugins will then ask again.
            return
        for number, (plugin, wish) in enumerate(self._reports, 1):
            try:
                if self._remaining() < LEAST_FOR_REPORTS:
                    raise HookError("the time for the message is nearly over")  # noqa: TRY301 - as any other reason
                await self._send(settings, self._report(wish, verdicts, number), send)
            except Exception as error:  # noqa: BLE001 - the mail is done: it must not come again because of a report
                why = str(error) if isinstance(error, HookError) else repr(error)
                log.warning(
                    "(%s) plugin %s: no report to <%s>: %s", self.mail.log_id, plugin, wish.contact.address, why
                )

    async def _call(
        self,
        point: str,
        policies: tuple[Policy, ...] = (),
        verdicts: tuple[Verdict, ...] = (),
        outcome: Outcome | None = None,
    ) -> None:
        banks = self._plugins.banks
        for hook in self._plugins.hooks[point]:
            limit = min(banks.base.plugin_timeout, SHARE * self._remaining())
            if limit < LEAST:
                log.warning("(%s) plugin %s: no time is left for %s", self.mail.log_id, hook.plugin, point)
                continue
            outcomes = outcome.recipients if outcome else ()
            known = Known(point, self.mail, self.findings, policies, verdicts, outcomes)
            wishes = Wishes()
            notes = self._notes.setdefault(hook.plugin, {})
            message = Message(known, wishes, banks=banks.base.policy_bank, plugin=hook.plugin, notes=notes)
            try:
                await self._plugins.callers[hook.plugin].call(hook, point, message, limit)
            finally:
                asked = wishes.seal()
            for wish in asked:
                self._fulfil(hook.plugin, wish)

    def _fulfil(self, plugin: str, wish: Wish) -> None:
        match wish:
            case LoadBanks(names):
                session = self._plugins.banks.with_more(self.mail.session, names)
                self.mail = replace(self.mail, session=session)
            case AddFinding(finding):
                self._added.append(finding)
            case AddScore(test, points):
                self._points.append((test, points))
            case SetCredible(reason):
                self._credible = reason
                log.info("(%s) plugin %s: sender_credible: %s", self.mail.log_id, plugin, reason or "no")
            case SendReport():
                self._reports.append((plugin, wish))

    def _remaining(self) -> float:
        return max(0.0, self._time - self.mail.age)

    def _report(self, wish: SendReport, verdicts: tuple[Verdict, ...], number: int) -> FeedbackReport:
        """Raises HookError when the report must not be sent."""
        majors = {category.major for verdict in verdicts for category in verdict.categories}
        if wish.feedback_type.accuses and majors.isdisjoint(_WORTH_REPORTING):
            raise HookError("the mail is neither spam nor infected")
        report = proven(self.mail, self.findings.signatures, wish.contact, wish.feedback_type, wish.evidence, wish.text)
        return replace(
            report,
            number=number,
            category=max(verdict.main for verdict in verdicts),
            score=max((verdict.score for verdict in verdicts if verdict.score is not None), default=None),
        )

    async def _send(self, settings: Settings, report: FeedbackReport, send: Send) -> None:
        """Raises HookError when it was not sent. One that may have been sent after all counts as sent."""
        guard = self._plugins.guard
        ticket = await asyncio.to_thread(guard.admit, report)
        try:
            async with asyncio.timeout(SHARE * self._remaining()):
                reply = await send(self.mail, settings, self.findings, report)
        except TimeoutError:
            raise HookError("the next hop is too slow") from None
        if not reply.ok:
            await asyncio.to_thread(guard.withdraw, ticket)
            raise HookError(str(reply))
        kind = report.feedback_type.value
        log.log(NOTICE, "(%s) %s report sent to <%s>", self.mail.log_id, kind, report.recipient)
