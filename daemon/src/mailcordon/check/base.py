"""What a check is, and what a scanner behind a check is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from mailcordon.check.scan_input import ScanInput
from mailcordon.config.av_scanner import Scope
from mailcordon.config.policy import Policy
from mailcordon.errors import ScannerError
from mailcordon.mail.finding import Finding, Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.part import Part
from mailcordon.mail.signature import Signature


@dataclass(frozen=True, slots=True)
class ScannerState:
    """Whether a configured scanner answers (features 7.02)."""

    name: str
    tier: str
    """`primary` or `secondary` virus scanner, or `spam`."""
    address: str
    failure: str | None = None
    """Why it does not answer, one line; None when it does."""
    is_program: bool = False
    """It is started for each message; `address` is its path, empty where this host does not have it."""

    @property
    def is_absent(self) -> bool:
        """This host does not have the program: nobody asks it, and that is no failure (features 5.27)."""
        return self.is_program and not self.address

    def __str__(self) -> str:
        """The line for the log that operators look for at start (B8.08)."""
        if self.is_absent:
            return f"No {self.tier} av scanner: {self.name}"
        if self.failure is not None:
            return f"No answer from {self.tier} scanner {self.name}: {self.failure}"
        if self.tier == "spam":
            return f"Found spam scanner {self.name} at {self.address}"
        if self.is_program:
            return f"Found {self.tier} av scanner {self.name} at {self.address}"
        return f"Using {self.tier} internal av scanner code for {self.name}"


class Check(Protocol):
    """One kind of check."""

    @property
    def name(self) -> str:
        """Short name for log and timing."""

    def is_wanted(self, mail: Mail, policies: Sequence[Policy]) -> bool:
        """Whether its result would make a difference to any recipient."""

    async def run(self, mail: Mail, root: Part, policies: Sequence[Policy]) -> Findings:
        """What this check alone has to say. Raises ScannerError when it cannot say it and the mail must wait."""

    async def ready(self) -> Sequence[ScannerState]:
        """Ask the servers behind the check whether they are there; never raises."""

    async def close(self) -> None:
        """Give up connections."""


class Scanner(Protocol):
    """A scanner behind a check."""

    @property
    def name(self) -> str:
        """As configured."""

    @property
    def address(self) -> str:
        """Where it is found, for the log."""

    async def ping(self) -> None:
        """Raises ScannerError when the scanner does not answer."""


class VirusScanner(Scanner, Protocol):
    """A virus scanner, wherever it runs."""

    @property
    def scope(self) -> Scope:
        """What it wants to see of a message."""

    @property
    def is_program(self) -> bool:
        """Whether it is started for each message."""

    async def scan(self, subject: ScanInput, seconds: float) -> tuple[Finding, ...]:
        """What it found; nothing means clean. Raises ScannerError when there is no verdict, also after `seconds`."""

    async def close(self) -> None:
        """Give up connections."""


async def state_of(tier: str, scanner: Scanner, *, is_program: bool = False) -> ScannerState:
    """Ask a scanner whether it is there."""
    try:
        await scanner.ping()
    except ScannerError as error:
        return ScannerState(scanner.name, tier, scanner.address, str(error), is_program)
    return ScannerState(scanner.name, tier, scanner.address, None, is_program)


def merged(partial: Iterable[Findings]) -> Findings:
    """All findings in order; at most one of them holds spam scores."""
    found: tuple[Finding, ...] = ()
    spam, by_user, virus_checked, sender_credible, os_fingerprint, modified = None, None, False, "", None, ""
    points: tuple[tuple[str, float], ...] = ()
    signatures: tuple[Signature, ...] = ()
    for result in partial:
        found += result.found
        spam = spam or result.spam
        by_user = by_user or result.spam_by_user
        virus_checked = virus_checked or result.virus_checked
        sender_credible = sender_credible or result.sender_credible
        points += result.points
        signatures += result.signatures
        os_fingerprint = os_fingerprint or result.os_fingerprint
        modified = modified or result.modified
    return Findings(found, spam, by_user, points, virus_checked, sender_credible, signatures, os_fingerprint, modified)
