"""The spam check: the scores of all spam scanners, summed (B14.06)."""

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence

from mailcordon.check.base import ScannerState
from mailcordon.check.spam_scanner import SpamScanner
from mailcordon.config.policy import Policy
from mailcordon.errors import ScannerError
from mailcordon.log_levels import DETAIL
from mailcordon.mail.finding import Findings, SpamScore
from mailcordon.mail.message import Mail
from mailcordon.mail.part import Part

log = logging.getLogger(__name__)

USERS_AT_A_TIME = 4
"""Scans of one message for several users that are under way at the same time: the servers have others to serve."""


class SpamCheck:
    """Has the message rated, once for all recipients, or once for each user among them."""

    name = "spam"

    def __init__(self, scanners: Sequence[SpamScanner], *, timeout_seconds: float, failure_is_fatal: bool) -> None:
        """`timeout_seconds`: for all users of a message together."""
        self._scanners = tuple(scanners)
        self._timeout = timeout_seconds
        self._failure_is_fatal = failure_is_fatal

    def is_wanted(self, mail: Mail, policies: Sequence[Policy]) -> bool:
        """If a recipient wants a score, and the message is not too large."""
        if not self._scanners or not any(policy.wants_spam_score for policy in policies):
            return False
        if not any(scanner.takes(mail) for scanner in self._scanners):
            limit = max(scanner.size_limit for scanner in self._scanners)
            log.debug("(%s) spam check skipped, %d octets are more than %d", mail.log_id, mail.size, limit)
            return False
        return True

    async def run(self, mail: Mail, root: Part, policies: Sequence[Policy]) -> Findings:
        """The spam scores, if there are any. Raises ScannerError when a scanner failed and that is fatal."""
        scanners = [scanner for scanner in self._scanners if scanner.takes(mail)]
        users = list(dict.fromkeys(policy.sa_username for policy in policies if policy.wants_spam_score))
        if len(users) == len(scanners) == 1:
            return Findings(spam=await self._rate(mail, users[0], scanners[0]))
        by_user = await self._rate_for_each(mail, users, scanners)
        found = [score for score in by_user.values() if score is not None]
        highest = max(found, key=lambda score: score.score, default=None)
        return Findings(spam=highest, spam_by_user=by_user if len(users) > 1 else None)

    async def _rate_for_each(
        self, mail: Mail, users: Sequence[str], scanners: Sequence[SpamScanner]
    ) -> dict[str, SpamScore | None]:
        """Scores by user. What a scanner without preferences says holds for all of them: it is asked once."""
        places = asyncio.Semaphore(USERS_AT_A_TIME)

        async def rate(user: str, scanner: SpamScanner) -> SpamScore | None:
            async with places:
                return await self._rate(mail, user, scanner)

        wanted = [(user, scanner) for scanner in scanners for user in (users if scanner.knows_users else users[:1])]
        tasks = [asyncio.create_task(rate(user, scanner)) for user, scanner in wanted]
        try:
            await self._in_time(mail, tasks)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        scores = [result if isinstance(result, SpamScore) else None for result in results]
        rated = list(zip(wanted, scores, strict=True))
        return {
            user: _total(score for (of, scanner), score in rated if of == user or not scanner.knows_users)
            for user in users
        }

    async def _in_time(self, mail: Mail, tasks: Sequence[asyncio.Task[SpamScore | None]]) -> None:
        """Wait for all of them. Raises ScannerError when one has failed, or time is over, and that is fatal."""
        try:
            async with asyncio.timeout(self._timeout):
                await asyncio.gather(*tasks)
        except TimeoutError:
            failure = ScannerError(f"not all spam scores within {self._timeout:g} s")
            log.warning("(%s) spam scanners FAILED - %s", mail.log_id, failure)
            if self._failure_is_fatal:
                raise failure from None

    async def _rate(self, mail: Mail, user: str, scanner: SpamScanner) -> SpamScore | None:
        started = time.perf_counter()
        try:
            score = await scanner.score(mail, user)
        except ScannerError as error:
            log.warning("(%s) spam scanner %s FAILED - %s", mail.log_id, scanner.name, error)
            if self._failure_is_fatal:
                raise
            return None
        if mail.timing is not None:
            mail.timing.beside(f"spam-{scanner.name}", time.perf_counter() - started)
        if score.timing:
            log.log(DETAIL, "(%s) TIMING-SA %s", mail.log_id, score.timing)
        return score

    async def ready(self) -> Sequence[ScannerState]:
        """Whether each server of each scanner answers."""
        found = await asyncio.gather(*(scanner.failures() for scanner in self._scanners))
        return [
            ScannerState(scanner.name, "spam", address, failure)
            for scanner, servers in zip(self._scanners, found, strict=True)
            for address, failure in servers
        ]

    async def close(self) -> None:
        """Close all connections."""
        for scanner in self._scanners:
            await scanner.close()


def _total(found: Iterable[SpamScore | None]) -> SpamScore | None:
    scores = [score for score in found if score is not None]
    if len(scores) < 2:
        return scores[0] if scores else None
    return SpamScore(
        score=round(sum(score.score for score in scores), 3),
        tests=tuple(test for score in scores for test in score.tests),
        autolearn=next((score.autolearn for score in scores if score.autolearn), None),
        source=", ".join(score.source for score in scores),
        checker=", ".join(score.checker for score in scores if score.checker),
        descriptions=tuple(description for score in scores for description in score.descriptions),
    )
