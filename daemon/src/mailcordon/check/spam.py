"""The spam check: the scores of all spam scanners, summed (B14.06)."""

import asyncio
import logging
from collections.abc import Sequence

from mailcordon.check.base import ScannerState, SpamScanner, state_of
from mailcordon.config.policy import Policy
from mailcordon.errors import ScannerError
from mailcordon.mail.finding import Findings, SpamScore
from mailcordon.mail.message import Mail
from mailcordon.mail.part import Part

log = logging.getLogger(__name__)


class SpamCheck:
    """Has the message rated."""

    name = "spam"

    def __init__(self, scanners: Sequence[SpamScanner], *, size_limit: int, failure_is_fatal: bool) -> None:
        self._scanners = tuple(scanners)
        self._size_limit = size_limit
        self._failure_is_fatal = failure_is_fatal

    def is_wanted(self, mail: Mail, policies: Sequence[Policy]) -> bool:
        """If a recipient wants a score, and the message is not too large."""
        if not self._scanners or not any(policy.wants_spam_score for policy in policies):
            return False
        if self._size_limit and mail.size > self._size_limit:
            log.debug("(%s) spam check skipped, %d octets are more than %d", mail.log_id, mail.size, self._size_limit)
            return False
        return True

    async def run(self, mail: Mail, root: Part, policies: Sequence[Policy]) -> Findings:
        """The spam score, if one was made. Raises ScannerError when a scanner failed and that is fatal."""
        head = scanner_fields(mail)
        scores = await asyncio.gather(*(self._run_scanner(mail, head, scanner) for scanner in self._scanners))
        return Findings(spam=_total([score for score in scores if score is not None]))

    async def _run_scanner(self, mail: Mail, head: bytes, scanner: SpamScanner) -> SpamScore | None:
        try:
            return await scanner.score(head, mail.content)
        except ScannerError as error:
            log.warning("(%s) spam scanner %s FAILED - %s", mail.log_id, scanner.name, error)
            if self._failure_is_fatal:
                raise
            return None

    async def ready(self) -> Sequence[ScannerState]:
        """Whether each scanner answers."""
        return await asyncio.gather(*(state_of("spam", scanner) for scanner in self._scanners))

    async def close(self) -> None:
        """Nothing to do: spam scanners keep no connections."""


def scanner_fields(mail: Mail) -> bytes:
    """The extra fields of the copy that spam scanners see (B9.08), as octets that end with CRLF.

    The virus check runs at the same time, hence no X-Amavis-AV-Status.
    """
    recipients = ",\r\n ".join(f"<{recipient.address}>" for recipient in mail.envelope.recipients)
    bank = f"X-Amavis-PolicyBank: {'/'.join(mail.session.policy_banks)}".rstrip()
    fields = (
        f"Return-Path: <{mail.envelope.sender}>\r\n"
        f"X-Envelope-To: {recipients}\r\n"
        f"{bank}\r\n"
        f"X-Amavis-MessageSize: {mail.size}\r\n"
    )
    return fields.encode("utf-8", "surrogateescape")


def _total(scores: Sequence[SpamScore]) -> SpamScore | None:
    if not scores:
        return None
    return SpamScore(
        score=round(sum(score.score for score in scores), 3),
        tests=tuple(test for score in scores for test in score.tests),
        autolearn=next((score.autolearn for score in scores if score.autolearn), None),
        source=", ".join(score.source for score in scores),
    )
