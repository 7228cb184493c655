"""How long mail stays in quarantine (features 18.20)."""

from collections.abc import Iterable

from mailcordon.config.by_category import value_at
from mailcordon.config.settings import Settings
from mailcordon.mail.category import DISPLAY_NAMES, Category

FOR_EVER = 0
"""In the place of a number of days."""


def days_in_quarantine(settings: Settings, category: Category) -> int:
    """Days that mail of the category stays; 0: for ever."""
    days = value_at(settings.quarantine_retention_days_by_ccat, category)
    return settings.quarantine_retention_days if days is None else days


def longest_in_quarantine(settings: Settings) -> int:
    """Days that mail of any category stays; 0: for ever."""
    return longest(days_in_quarantine(settings, category) for category in DISPLAY_NAMES)


def longest(days: Iterable[int]) -> int:
    """The longest time of several, of which there must be one; 0: for ever."""
    values = set(days)
    return FOR_EVER if FOR_EVER in values else max(values)
