"""Contents categories and destinies (contracts B5.01 to B5.05)."""

from dataclasses import dataclass
from enum import IntEnum


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

_DISPLAY: dict[tuple[Major, int], str] = {
    (Major.CATCHALL, 0): "CatchAll",
    (Major.CLEAN, 0): "Clean",
    (Major.CLEAN, 1): "CleanTag",
    (Major.MTA, 0): "MtaFailed",
    (Major.MTA, 1): "MtaTempFailed",
    (Major.MTA, 2): "MtaRejected",
    (Major.OVERSIZED, 0): "Oversized",
    (Major.BAD_HEADER, 0): "BadHdr",
    (Major.BAD_HEADER, 1): "BadHdrMime",
    (Major.BAD_HEADER, 2): "BadHdr8bit",
    (Major.BAD_HEADER, 3): "BadHdrChar",
    (Major.BAD_HEADER, 4): "BadHdrSpace",
    (Major.BAD_HEADER, 5): "BadHdrLong",
    (Major.BAD_HEADER, 6): "BadHdrSyntax",
    (Major.BAD_HEADER, 7): "BadHdrMissing",
    (Major.BAD_HEADER, 8): "BadHdrDupl",
    (Major.SPAMMY, 0): "Spammy",
    (Major.SPAMMY, 1): "Spammy3",
    (Major.SPAM, 0): "Spam",
    (Major.UNCHECKED, 0): "Unchecked",
    (Major.UNCHECKED, 1): "UncheckedEncrypted",
    (Major.UNCHECKED, 2): "UncheckedOverLimits",
    (Major.UNCHECKED, 3): "UncheckedAmbiguousContent",
    (Major.BANNED, 0): "Banned",
    (Major.VIRUS, 0): "Virus",
}


@dataclass(frozen=True, slots=True, order=True)
class Category:
    """A contents category: major number and minor number, ordered by precedence."""

    major: Major
    minor: int = 0

    @property
    def display_name(self) -> str:
        """Name as in counters and notifications (B5.02), e.g. `UncheckedEncrypted`."""
        return _DISPLAY.get((self.major, self.minor)) or _DISPLAY[(self.major, 0)]


CLEAN = Category(Major.CLEAN)
OVER_LIMITS = Category(Major.UNCHECKED, UNCHECKED_OVER_LIMITS)
"""Parts of the message could not be looked at (B13.04)."""
