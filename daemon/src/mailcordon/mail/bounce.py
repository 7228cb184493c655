"""What is known of a message that says that another one could not be delivered (B16.04 to B16.06)."""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Bounce:
    """A message of a structure that bounces have."""

    shape: str
    """Of which kind, for the log."""
    message_id: str | None
    """Message-ID of the message that it is about: empty where its header section has none, None where there is no
    header section, or not enough of one."""


class BounceOutcome(Enum):
    """What was decided; values are the ends of the counters' names (B17.01)."""

    NONE = "None"
    """It is no bounce; not counted."""
    BY_PEN_PALS = "RescuedByPenPals"
    BY_ORIGINATING = "RescuedByOriginating"
    BY_DOMAIN = "RescuedByDomain"
    UNKNOWN = "Unknown"
    """Nobody could be asked whether the message was sent from here, so that nothing is done; not counted."""
    KILLED = "Killed"
    UNVERIFIABLE = "Unverifiable"
    """It may be one, of no structure that is known, or without what could tell whether it is genuine."""
