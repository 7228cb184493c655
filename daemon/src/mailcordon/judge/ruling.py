"""What is decided for one recipient before the words are found for it."""

from dataclasses import dataclass

from mailcordon.config.policy import Policy
from mailcordon.mail.category import Category, Destiny
from mailcordon.mail.finding import Finding


@dataclass(frozen=True, slots=True)
class Ruling:
    """The decision for one recipient; members as in `Verdict`."""

    policy: Policy
    found: tuple[Finding, ...]
    """The findings that concern this recipient."""
    categories: frozenset[Category]
    main: Category
    blocking: Category | None
    destiny: Destiny
    score: float | None
    quarantine_to: str | None
