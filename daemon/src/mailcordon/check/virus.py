"""The virus check: primary scanners, then backup scanners, else nothing passes for clean (rule 2; B14.01, B14.04)."""

import asyncio
import logging
import math
from collections.abc import Sequence
from pathlib import Path

from mailcordon.check.base import ScannerState, VirusScanner, state_of
from mailcordon.check.scan_directory import remove_leftovers
from mailcordon.check.scan_input import ScanInput
from mailcordon.check.verdict_cache import VerdictCache
from mailcordon.check.virus_names import is_virus
from mailcordon.config.policy import Policy
from mailcordon.config.settings import SCANNER_SHARE
from mailcordon.errors import EndlessScanError, ScannerError
from mailcordon.log_levels import NOTICE
from mailcordon.mail.category import OVER_LIMITS, Category, Major
from mailcordon.mail.finding import Finding, Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.part import Part

log = logging.getLogger(__name__)

LEAST_REST = 0.1
"""Of the time for a message, what counts as remaining at least: a quick scan is in time whatever was before it."""
Verdict = tuple[Finding, ...]


class VirusCheck:
    """Has the message scanned unless no recipient wants it."""

    name = "virus"

    def __init__(
        self,
        primary: Sequence[VirusScanner],
        backup: Sequence[VirusScanner],
        *,
        failure_is_fatal: bool,
        first_infected_stops: bool = False,
        absent: Sequence[ScannerState] = (),
        scan_base: Path | None = None,
        cache: VerdictCache | None = None,
        message_seconds: float = math.inf,
    ) -> None:
        """`absent`: scanners that are configured and that this host does not have. `scan_base`: where programs get
        directories of their own. `message_seconds`: what a message may take altogether, from its reception on."""
        self._primary = tuple(primary)
        self._backup = tuple(backup)
        self._failure_is_fatal = failure_is_fatal
        self._first_infected_stops = first_infected_stops
        self._absent = tuple(absent)
        self._scan_base = scan_base
        self._cache = cache
        self._message_seconds = message_seconds
        self._leaves_out = any(scanner.scope == "parts" for scanner in (*primary, *backup))

    def is_wanted(self, mail: Mail, policies: Sequence[Policy]) -> bool:
        """Unless all recipients bypass it."""
        return not all(policy.bypass_virus_checks for policy in policies)

    async def run(self, mail: Mail, root: Part, policies: Sequence[Policy]) -> Findings:
        """Findings of all scanners of the first tier that gives a verdict. Raises ScannerError if none does.

        Where the message itself is why a scanner gives none, that is a finding: it would be so at each try (B13.04).
        """
        with ScanInput(mail, root) as subject:
            if self._cache is None:
                return await self._scan(subject)
            return await self._scan_unless_known(subject, self._cache)

    async def _scan_unless_known(self, subject: ScanInput, cache: VerdictCache) -> Findings:
        mail = subject.mail
        key = await cache.key(mail, subject.number_of_files)
        known = cache.find(key)
        if known is None:
            return await self._scan(subject, key)
        names = ", ".join(finding.name for finding in known) or "CLEAN"
        log.info("(%s) virus check: body seen before: %s", mail.log_id, names)
        return Findings(known, virus_checked=True)

    async def _scan(self, subject: ScanInput, key: bytes | None = None) -> Findings:
        log_id = subject.mail.log_id
        if self._leaves_out:
            try:
                await subject.leave_out_attachments()
            except OSError as error:
                log.warning("(%s) scanning the message with its attachments: %s", log_id, error.strerror)
        endless: list[Finding] = []
        for tier in (self._primary, self._backup):
            verdicts = await self._run_tier(subject, tier)
            told = [verdict for verdict in verdicts if not isinstance(verdict, ScannerError)]
            if told:
                findings = tuple(finding for found in told for finding in found)
                if self._cache is not None and tier is self._primary and len(told) == len(tier):
                    self._cache.keep(key, findings)
                return Findings(findings, virus_checked=True)
            for scanner, verdict in zip(tier, verdicts, strict=True):
                if isinstance(verdict, EndlessScanError):
                    endless.append(Finding(OVER_LIMITS, f"{scanner.name}: {verdict}", scanner.name))
        if endless:
            return Findings(tuple(endless))
        problem = "ALL VIRUS SCANNERS FAILED" if self._primary or self._backup else "NO VIRUS SCANNERS AVAILABLE"
        if self._failure_is_fatal:
            raise ScannerError(problem)
        log.warning("(%s) %s, mail is passed on as unchecked", log_id, problem)
        return Findings((Finding(Category(Major.UNCHECKED), problem, self.name),))

    async def _run_tier(self, subject: ScanInput, tier: Sequence[VirusScanner]) -> list[Verdict | ScannerError]:
        """The verdict of each scanner, or how it failed; only those so far once one has found a virus and the others
        need not be waited for."""
        if len(tier) == 1:
            return [await self._run_scanner(subject, tier[0])]
        tasks = [asyncio.create_task(self._run_scanner(subject, scanner)) for scanner in tier]
        try:
            if not self._first_infected_stops:
                return list(await asyncio.gather(*tasks))
            for next_one in asyncio.as_completed(tasks):
                verdict = await next_one
                if not isinstance(verdict, ScannerError) and any(map(is_virus, verdict)):
                    break
            return [task.result() for task in tasks if task.done()]
        finally:
            # Nobody may use what there is to scan when it is given up.
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _run_scanner(self, subject: ScanInput, scanner: VirusScanner) -> Verdict | ScannerError:
        log_id = subject.mail.log_id
        try:
            found = await scanner.scan(subject, self._share(subject.mail))
        except ScannerError as error:
            log.warning("(%s) run_av (%s) FAILED - %s", log_id, scanner.name, error)
            return error
        names = ", ".join(finding.name for finding in found)
        if any(map(is_virus, found)):
            log.info("(%s) run_av (%s): INFECTED: %s", log_id, scanner.name, names)
        elif found:
            log.info("(%s) run_av (%s): UNCHECKED: %s", log_id, scanner.name, names)
        else:
            log.debug("(%s) run_av (%s): CLEAN", log_id, scanner.name)
        return found

    def _share(self, mail: Mail) -> float:
        """What a scanner may take of the time that remains for the message (B18.07); seconds."""
        return SCANNER_SHARE * max(self._message_seconds - mail.age, LEAST_REST * self._message_seconds)

    async def ready(self) -> Sequence[ScannerState]:
        """Whether each scanner of both tiers answers, and which are not there (features 7.02).

        Also removes what programs of killed workers have left behind.
        """
        await self._tidy()
        tiers = (("primary", self._primary), ("secondary", self._backup))
        states = await asyncio.gather(
            *(
                state_of(tier, scanner, is_program=scanner.is_program)
                for tier, scanners in tiers
                for scanner in scanners
            )
        )
        return [*states, *self._absent]

    async def _tidy(self) -> None:
        base = self._scan_base
        if base is None:
            return
        try:
            removed = await asyncio.to_thread(remove_leftovers, base)
        except OSError as error:
            log.warning("cannot look for old directories in %s: %s", base, error.strerror)
        else:
            if removed:
                log.log(NOTICE, "removed %d directories of scanned mail whose processes are gone", removed)

    def counters(self) -> dict[str, float]:
        """What became of looking for remembered verdicts (B17.05); nothing where none are remembered."""
        return self._cache.counters() if self._cache is not None else {}

    async def close(self) -> None:
        """Close all connections."""
        for scanner in (*self._primary, *self._backup):
            await scanner.close()
