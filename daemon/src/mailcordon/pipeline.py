"""The order in which a message walks through the rooms; nothing else knows it.

receive -> unpack -> check -> judge -> act -> reply
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from mailcordon.act.dispatch import Actor
from mailcordon.check.base import ScannerState
from mailcordon.check.registry import Checks
from mailcordon.config.policy import Policy, is_originating, policies_for
from mailcordon.config.settings import Settings
from mailcordon.judge.judge import judge
from mailcordon.log_levels import NOTICE
from mailcordon.mail.category import OVER_LIMITS
from mailcordon.mail.finding import Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.part import Part
from mailcordon.mail.verdict import Outcome, Verdict
from mailcordon.unpack import Limits, Structure, split

log = logging.getLogger(__name__)

SPLIT_IN_THREAD_FROM = 256 * 1024
"""Octets from which on splitting could hold up the event loop for more than about a millisecond."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """Everything known about a message before anything is done with it."""

    root: Part
    findings: Findings
    policies: tuple[Policy, ...]
    verdicts: tuple[Verdict, ...]
    originating: bool


class Pipeline:
    """Takes messages through all rooms; one instance a worker, any number of messages at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._checks = Checks(settings)
        self._actor = Actor(settings)

    async def inspect(self, mail: Mail) -> Inspection:
        """Unpack, check and judge. Raises ScannerError when no scanner gives a verdict and that is fatal."""
        policies = policies_for(self._settings, mail.envelope.recipients)
        originating = is_originating(self._settings, mail.session)
        structure = await self._structure(mail)
        found = await self._checks.run(mail, structure.root, policies)
        for finding in (*structure.findings, *found.found):
            if finding.category == OVER_LIMITS:
                log.log(NOTICE, "(%s) NOTICE: HOLD reason: %s", mail.log_id, finding.name)
        findings = Findings((*structure.findings, *found.found), found.spam, found.virus_checked)
        verdicts = judge(mail, findings, policies, self._settings)
        return Inspection(structure.root, findings, policies, verdicts, originating)

    async def process(self, mail: Mail) -> tuple[Inspection, Outcome]:
        """The whole way. A 2xx in the outcome means that the mail is safe elsewhere (design rule 1)."""
        inspection = await self.inspect(mail)
        outcome = await self._actor.act(mail, inspection.findings, inspection.verdicts, inspection.policies)
        return inspection, outcome

    async def discover(self) -> Sequence[ScannerState]:
        """Ask every scanner whether it is there; one line about each goes to the log (features 7.02)."""
        return await self._checks.ready()

    async def close(self) -> None:
        """Give up the connections to scanners and next hops."""
        await self._checks.close()
        await self._actor.close()

    async def _structure(self, mail: Mail) -> Structure:
        view = mail.content.view()
        limits = Limits()
        if mail.size < SPLIT_IN_THREAD_FROM:
            return split(view, limits)
        return await asyncio.to_thread(split, view, limits)
