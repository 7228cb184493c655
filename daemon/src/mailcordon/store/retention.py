"""Which messages are so old that they may go, as conditions of SQL (contracts B2.32, features 18.20)."""

from collections.abc import Mapping
from dataclasses import dataclass

from mailcordon.config.retention import FOR_EVER, days_by_content
from mailcordon.config.settings import Settings
from mailcordon.mail.content_code import OTHER

DAY = 86_400
UNFINISHED = 3600
"""Seconds after which a message without an end has none any more: its client has it still."""
NEVER = 0
"""In the place of a time: nothing was received before."""


@dataclass(frozen=True, slots=True)
class Retention:
    """Times in seconds of Unix; what was received before is old."""

    log: int
    """Of messages of which no copy is kept."""
    copies: Mapping[str, int]
    """Of copies in quarantine, by the code of their contents (B2.10)."""
    other_copies: int
    """Of those with another code, or none."""
    unfinished: int
    """Of messages without an end and without a copy."""

    @classmethod
    def at(cls, now: int, settings: Settings) -> "Retention":
        """What the settings say at that time."""
        copies = {code: _before(now, days) for code, days in days_by_content(settings).items()}
        return cls(
            log=_before(now, settings.sql_log_retention_days),
            copies=copies,
            other_copies=copies.pop(OTHER),
            unfinished=now - UNFINISHED,
        )

    @property
    def has_old_copy(self) -> str:
        """If there is a copy of the message in `msgs`, it is old."""
        return f"time_num < {self._copies_before}"

    @property
    def newest_copies(self) -> int:
        """No copy that was received later is old."""
        return max(self.other_copies, *self.copies.values())

    @property
    def oldest(self) -> int:
        """All that was received before is old in every way."""
        return min(self.log, self.other_copies, *self.copies.values())

    @property
    def stays(self) -> str:
        """The message in `msgs` is not old, or a copy of it is to be found through its row.

        A message without an end counts as one with a copy: it may have got one before its end was lost.
        """
        return (
            f"(time_num >= {self.log} OR ((content IS NULL OR COALESCE(quar_type, ' ') IN ('B', 'F', 'Q', 'Z'))"
            f" AND time_num >= {self._copies_before}))"
        )

    @property
    def _copies_before(self) -> str:
        cases = " ".join(f"WHEN '{code}' THEN {time}" for code, time in self.copies.items())
        return f"(CASE content {cases} ELSE {self.other_copies} END)"


def _before(now: int, days: int) -> int:
    return NEVER if days == FOR_EVER else now - days * DAY
