"""The virus check: primary scanners, then backup scanners, else nothing passes for clean (rule 2; B14.01, B14.04)."""

import asyncio
import logging
from collections.abc import Sequence

from mailcordon.check.base import ScannerState, VirusScanner, state_of
from mailcordon.config.policy import Policy
from mailcordon.errors import ScannerError
from mailcordon.mail.category import Category, Major
from mailcordon.mail.finding import Finding, Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.part import Part

log = logging.getLogger(__name__)


class VirusCheck:
    """Has the raw message scanned unless no recipient wants it."""

    name = "virus"

    def __init__(
        self, primary: Sequence[VirusScanner], backup: Sequence[VirusScanner], *, failure_is_fatal: bool
    ) -> None:
        self._primary = tuple(primary)
        self._backup = tuple(backup)
        self._failure_is_fatal = failure_is_fatal

    def is_wanted(self, mail: Mail, policies: Sequence[Policy]) -> bool:
        """Unless all recipients bypass it."""
        return not all(policy.bypass_virus_checks for policy in policies)

    async def run(self, mail: Mail, root: Part, policies: Sequence[Policy]) -> Findings:
        """Findings of all scanners of the first tier that gives a verdict. Raises ScannerError if none does."""
        for tier in (self._primary, self._backup):
            verdicts = [found for found in await self._run_tier(mail, tier) if found is not None]
            if verdicts:
                return Findings(tuple(finding for found in verdicts for finding in found), virus_checked=True)
        problem = "ALL VIRUS SCANNERS FAILED" if self._primary or self._backup else "NO VIRUS SCANNERS AVAILABLE"
        if self._failure_is_fatal:
            raise ScannerError(problem)
        log.warning("(%s) %s, mail is passed on as unchecked", mail.log_id, problem)
        return Findings((Finding(Category(Major.UNCHECKED), problem, self.name),))

    async def _run_tier(self, mail: Mail, tier: Sequence[VirusScanner]) -> list[tuple[Finding, ...] | None]:
        """The verdict of each scanner, None for one that failed."""
        return await asyncio.gather(*(self._run_scanner(mail, scanner) for scanner in tier))

    async def _run_scanner(self, mail: Mail, scanner: VirusScanner) -> tuple[Finding, ...] | None:
        try:
            found = await scanner.scan(mail.content)
        except ScannerError as error:
            log.warning("(%s) run_av (%s) FAILED - %s", mail.log_id, scanner.name, error)
            return None
        names = ", ".join(finding.name for finding in found)
        if any(finding.category.major is Major.VIRUS for finding in found):
            log.info("(%s) run_av (%s): INFECTED: %s", mail.log_id, scanner.name, names)
        elif found:
            log.info("(%s) run_av (%s): UNCHECKED: %s", mail.log_id, scanner.name, names)
        else:
            log.debug("(%s) run_av (%s): CLEAN", mail.log_id, scanner.name)
        return found

    async def ready(self) -> Sequence[ScannerState]:
        """Whether each scanner of both tiers answers (features 7.02)."""
        tiers = (("primary", self._primary), ("secondary", self._backup))
        return await asyncio.gather(*(state_of(tier, scanner) for tier, scanners in tiers for scanner in scanners))

    async def close(self) -> None:
        """Close all connections."""
        for scanner in (*self._primary, *self._backup):
            await scanner.close()
