"""All checks there are. A new one is a file of its own and one line in `_all_checks`."""

import asyncio
import logging
from collections.abc import Sequence

from mailcordon.check.base import Check, ScannerState, merged
from mailcordon.check.clamd import ClamdClient
from mailcordon.check.spam import SpamCheck
from mailcordon.check.spamd import SpamdClient
from mailcordon.check.virus import VirusCheck
from mailcordon.config.policy import Policy
from mailcordon.config.settings import Settings
from mailcordon.config.types import AvScanner
from mailcordon.log_levels import NOTICE
from mailcordon.mail.finding import Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.part import Part

log = logging.getLogger(__name__)


class Checks:
    """The checks of one worker process; they keep connections for their lifetime."""

    def __init__(self, settings: Settings) -> None:
        self._checks = _all_checks(settings)

    async def run(self, mail: Mail, root: Part, policies: Sequence[Policy]) -> Findings:
        """Run all checks at once. Raises ScannerError if a check that must not be left out gave no result."""
        tasks = [
            asyncio.create_task(check.run(mail, root, policies), name=f"{mail.log_id} {check.name}")
            for check in self._checks
        ]
        try:
            return merged(await asyncio.gather(*tasks))
        except BaseException:
            # One failure settles it: the mail is tried again later, no need to wait for the others.
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise

    async def ready(self) -> tuple[ScannerState, ...]:
        """Ask all scanners whether they answer, and log it (B8.08). Never raises; a scanner may well come later."""
        groups = await asyncio.gather(*(check.ready() for check in self._checks))
        states = tuple(state for group in groups for state in group)
        for state in states:
            log.log(NOTICE if state.failure is None else logging.WARNING, "%s", state)
        return states

    async def close(self) -> None:
        """Close all connections."""
        for check in self._checks:
            await check.close()


def _all_checks(settings: Settings) -> tuple[Check, ...]:
    return (
        VirusCheck(
            _virus_scanners(settings, settings.av_scanners),
            _virus_scanners(settings, settings.av_scanners_backup),
            failure_is_fatal=settings.virus_scanners_failure_is_fatal,
        ),
        SpamCheck(
            [
                SpamdClient(scanner.name, scanner.socket, settings.spam_scan_timeout)
                for scanner in settings.spam_scanners
            ],
            size_limit=settings.sa_mail_body_size_limit,
            failure_is_fatal=settings.spam_scanners_failure_is_fatal,
        ),
    )


def _virus_scanners(settings: Settings, configured: Sequence[AvScanner]) -> list[ClamdClient]:
    return [ClamdClient(scanner.name, scanner.socket, settings.av_scan_timeout) for scanner in configured]
