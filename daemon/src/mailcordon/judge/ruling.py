"""What is decided for the recipients of one policy before the words are found for it."""

from dataclasses import dataclass

from mailcordon.config.policy import Policy
from mailcordon.mail.category import Category, Destiny
from mailcordon.mail.finding import Finding
from mailcordon.mail.penpal import PenPal

LEAST_BLACKLISTED_SCORE = 64.0
MOST_WHITELISTED_SCORE = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Ruling:
    """The decision for the recipients of one policy; members as in `Verdict`."""

    policy: Policy
    found: tuple[Finding, ...]
    """The findings that concern these recipients."""
    categories: frozenset[Category]
    main: Category
    blocking: Category | None
    destiny: Destiny
    softened: Destiny | None
    score: float | None
    quarantine_to: str | None
    pen_pal: PenPal | None
    extension: str | None
    """For the recipients' addresses (B9.10)."""

    @property
    def by_precedence(self) -> list[Category]:
        """The categories, the highest first."""
        return sorted(self.categories, reverse=True)

    @property
    def shown_score(self) -> float | None:
        """The score that readers of the mail are told (B9.03): what a hard list says outweighs it."""
        sender = self.policy.sender
        if self.policy.bypass_spam_checks:
            return None
        if sender.whitelisted:
            return min(self.score or 0.0, MOST_WHITELISTED_SCORE)
        if sender.blacklisted:
            return max(self.score or 0.0, LEAST_BLACKLISTED_SCORE)
        return self.score
