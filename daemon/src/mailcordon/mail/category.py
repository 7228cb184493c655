"""Contents categories and destinies (contracts B5.01 to B5.05)."""

from enum import IntEnum
from typing import NamedTuple


class Major(IntEnum):
    """Major contents category; the highest number has precedence (B5.01)."""

    CATCHALL = 0
    CLEAN = 1
    MTA = 2
    OVERSIZED = 3
    BAD_HEADER = 4
    SPAMMY = 5
    SPAM = 6
    UNCHECKED = 7
    BANNED = 8
    VIRUS = 9

    # Enum's own looks up the name each time; categories are keys of what is asked for every message.
    __hash__ = int.__hash__


class Destiny(IntEnum):
    """What becomes of mail in a blocked category; numbers as in amavisd (B5.05)."""

    PASS = 1
    DISCARD = 0
    BOUNCE = -2
    REJECT = -3
    TEMPFAIL = -4


UNCHECKED_ENCRYPTED = 1
UNCHECKED_OVER_LIMITS = 2
UNCHECKED_AMBIGUOUS = 3
CLEAN_TAGGED = 1
MTA_TEMPORARY = 1
MTA_REJECTED = 2
SPAMMY_TAG3 = 1


class Category(NamedTuple):
    """A contents category: major number and minor number, ordered by precedence."""

    major: Major
    minor: int = 0

    @property
    def display_name(self) -> str:
        """Name as in counters and notifications (B5.02), e.g. `UncheckedEncrypted`."""
        return DISPLAY_NAMES.get(self) or DISPLAY_NAMES[Category(self.major)]


DISPLAY_NAMES: dict[Category, str] = {
    Category(Major.CATCHALL): "CatchAll",
    Category(Major.CLEAN): "Clean",
    Category(Major.CLEAN, 1): "CleanTag",
    Category(Major.MTA): "MtaFailed",
    Category(Major.MTA, 1): "MtaTempFailed",
    Category(Major.MTA, 2): "MtaRejected",
    Category(Major.OVERSIZED): "Oversized",
    Category(Major.BAD_HEADER): "BadHdr",
    Category(Major.BAD_HEADER, 1): "BadHdrMime",
    Category(Major.BAD_HEADER, 2): "BadHdr8bit",
    Category(Major.BAD_HEADER, 3): "BadHdrChar",
    Category(Major.BAD_HEADER, 4): "BadHdrSpace",
    Category(Major.BAD_HEADER, 5): "BadHdrLong",
    Category(Major.BAD_HEADER, 6): "BadHdrSyntax",
    Category(Major.BAD_HEADER, 7): "BadHdrMissing",
    Category(Major.BAD_HEADER, 8): "BadHdrDupl",
    Category(Major.SPAMMY): "Spammy",
    Category(Major.SPAMMY, 1): "Spammy3",
    Category(Major.SPAM): "Spam",
    Category(Major.UNCHECKED): "Unchecked",
    Category(Major.UNCHECKED, 1): "UncheckedEncrypted",
    Category(Major.UNCHECKED, 2): "UncheckedOverLimits",
    Category(Major.UNCHECKED, 3): "UncheckedAmbiguousContent",
    Category(Major.BANNED): "Banned",
    Category(Major.VIRUS): "Virus",
}
"""Names of the categories as in counters (B5.02)."""

CLEAN = Category(Major.CLEAN)
OVERSIZED = Category(Major.OVERSIZED)
OVER_LIMITS = Category(Major.UNCHECKED, UNCHECKED_OVER_LIMITS)
"""Parts of the message could not be looked at (B13.04)."""
HARMFUL = frozenset({Major.VIRUS, Major.BANNED})
"""What must not be sent on as part of a notification or report."""
