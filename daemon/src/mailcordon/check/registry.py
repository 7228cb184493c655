"""All checks there are. A new one is a file of its own and one line in `_all_checks`."""

import asyncio
import logging
import time
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any

from mailcordon.check.banned import BannedCheck
from mailcordon.check.base import Check, ScannerState, merged
from mailcordon.check.header import HeaderCheck
from mailcordon.check.spam import SpamCheck
from mailcordon.check.spam_engines import spam_scanner
from mailcordon.check.virus import VirusCheck
from mailcordon.check.virus_scanners import virus_check
from mailcordon.config.policy import Policy
from mailcordon.config.settings import SCANNER_SHARE, Settings
from mailcordon.log_levels import NOTICE
from mailcordon.mail.finding import Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.part import Part
from mailcordon.mail.timing import Timing

log = logging.getLogger(__name__)


Fingerprint = asyncio.Task[str | None]
"""What `Fingerprints.ask` has begun: it never fails."""


class Checks:
    """The checks of one worker process; they keep connections for their lifetime."""

    def __init__(self, settings: Settings) -> None:
        checks = _all_checks(settings)
        self._virus, self._spam, *_ = checks
        self._checks: tuple[Check, ...] = checks

    async def run(
        self, mail: Mail, root: Part, policies: Sequence[Policy], fingerprint: Fingerprint | None = None
    ) -> Findings:
        """Run all checks that are wanted at once. Raises ScannerError if one that must not be left out gave no result.

        `fingerprint`: asked for already; the spam check waits for it, as its scanners are told. The last check needs no
        task of its own: it works until it waits, then the others begin.
        """
        different = tuple(dict.fromkeys(policies))
        wanted = [check for check in self._checks if check.is_wanted(mail, different)]
        if not wanted:
            return Findings() if fingerprint is None else Findings(os_fingerprint=await fingerprint)
        *others, last = wanted
        tasks = [
            asyncio.create_task(self._run(check, mail, root, policies, fingerprint), name=f"{mail.log_id} {check.name}")
            for check in others
        ]
        try:
            found = [await self._run(last, mail, root, policies, fingerprint)]
            if fingerprint is not None:
                found.append(Findings(os_fingerprint=await fingerprint))
            return merged([*await asyncio.gather(*tasks), *found]) if tasks or fingerprint else found[0]
        except BaseException:
            # One failure settles it: the mail is tried again later, no need to wait for the others.
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise

    def _run(
        self, check: Check, mail: Mail, root: Part, policies: Sequence[Policy], fingerprint: Fingerprint | None
    ) -> Coroutine[Any, Any, Findings]:
        if fingerprint is not None and check is self._spam:
            return _run_knowing(fingerprint, check, mail, root, policies)
        return _run(check, mail, root, policies)

    async def ready(self) -> tuple[ScannerState, ...]:
        """Ask all scanners whether they answer, and log it (B8.08). Never raises; a scanner may well come later."""
        groups = await asyncio.gather(*(check.ready() for check in self._checks))
        states = tuple(state for group in groups for state in group)
        for state in states:
            log.log(NOTICE if state.failure is None else logging.WARNING, "%s", state)
        return states

    def counters(self) -> dict[str, float]:
        """What the checks have counted themselves, by the names of B17.05."""
        return self._virus.counters()

    async def close(self) -> None:
        """Close all connections."""
        for check in self._checks:
            await check.close()


def _run(check: Check, mail: Mail, root: Part, policies: Sequence[Policy]) -> Coroutine[Any, Any, Findings]:
    running = check.run(mail, root, policies)
    return running if mail.timing is None else _timed(check.name, running, mail.timing)


async def _run_knowing(
    fingerprint: Fingerprint, check: Check, mail: Mail, root: Part, policies: Sequence[Policy]
) -> Findings:
    return await _run(check, replace(mail, os_fingerprint=await fingerprint), root, policies)


async def _timed(name: str, running: Coroutine[Any, Any, Findings], timing: Timing) -> Findings:
    started = time.perf_counter()
    try:
        return await running
    finally:
        timing.beside(name, time.perf_counter() - started)


def _all_checks(settings: Settings) -> tuple[VirusCheck, SpamCheck, BannedCheck, HeaderCheck]:
    first_share = settings.scanner_share
    backup_share = SCANNER_SHARE * (settings.shortest_child_timeout - first_share)
    return (
        virus_check(settings, first_share, backup_share),
        SpamCheck(
            [spam_scanner(entry, settings, first_share) for entry in settings.spam_scanners],
            timeout_seconds=first_share,
            failure_is_fatal=settings.spam_scanners_failure_is_fatal,
        ),
        BannedCheck(),
        HeaderCheck(settings.allowed_header_tests),
    )
