"""How long mail stays in quarantine (features 18.20)."""

from collections.abc import Iterable, Mapping

from mailcordon.config.by_category import value_at
from mailcordon.config.settings import Settings
from mailcordon.mail.category import DISPLAY_NAMES, Category
from mailcordon.mail.content_code import OTHER, content_code

FOR_EVER = 0
"""In the place of a number of days."""


def days_in_quarantine(settings: Settings, category: Category) -> int:
    """Days that mail of the category stays; 0: for ever."""
    days = value_at(settings.quarantine_retention_days_by_ccat, category)
    return settings.quarantine_retention_days if days is None else days


def days_by_content(settings: Settings) -> Mapping[str, int]:
    """The same by the codes of B2.10; `?`, for what is unknown, has the longest time of all."""
    days: dict[str, list[int]] = {}
    for category in DISPLAY_NAMES:
        days.setdefault(content_code(category), []).append(days_in_quarantine(settings, category))
    days[OTHER] = [number for numbers in days.values() for number in numbers]
    return {code: longest(numbers) for code, numbers in sorted(days.items())}


def longest(days: Iterable[int]) -> int:
    """The longest time of several, of which there must be one; 0: for ever."""
    values = set(days)
    return FOR_EVER if FOR_EVER in values else max(values)
