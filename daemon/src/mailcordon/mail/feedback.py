"""Reports to those from whose networks or domains unwanted mail comes (RFC 5965)."""

from dataclasses import dataclass
from enum import Enum

from mailcordon.mail.category import CLEAN, Category


class FeedbackType(Enum):
    """What a report is about (B11.08, features 12.23); any other word stands for OTHER."""

    ABUSE = "abuse"
    DKIM = "dkim"
    FRAUD = "fraud"
    MISCATEGORIZED = "miscategorized"
    NOT_SPAM = "not-spam"
    OPT_OUT = "opt-out"
    OPT_OUT_LIST = "opt-out-list"
    VIRUS = "virus"
    OTHER = "other"

    @classmethod
    def _missing_(cls, value: object) -> "FeedbackType":
        return cls.OTHER

    @property
    def accuses(self) -> bool:
        """Whether it says that somebody did wrong."""
        return self in _ACCUSATIONS


_ACCUSATIONS = frozenset({FeedbackType.ABUSE, FeedbackType.FRAUD, FeedbackType.VIRUS, FeedbackType.OTHER})


@dataclass(frozen=True, slots=True)
class FeedbackReport:
    """One report about one message; what it says of the origin is proven."""

    feedback_type: FeedbackType
    recipient: str
    """Address of the one who is told."""
    text: str = ""
    """For people."""
    source_address: str | None = None
    """Address of the client that gave the mail to our own MX."""
    source_port: int | None = None
    reported_domain: str | None = None
    """Domain of a valid signature."""
    number: int = 1
    """Of several reports about one message."""
    category: Category = CLEAN
    score: float | None = None
    """What was found of the mail, at worst, and its highest score."""
