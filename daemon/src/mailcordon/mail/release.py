"""Requests to send on what is in quarantine (B1.23, B1.24)."""

import re
from dataclasses import dataclass
from enum import Enum

from mailcordon.mail.feedback import FeedbackType

MAIL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]{0,254}={0,2}")
"""What may stand for a mail_id (B1.23)."""


class RequestKind(Enum):
    """What is asked for; values are the words of the protocol."""

    RELEASE = "release"
    """Send it to its recipients."""
    REQUEUE = "requeue"
    """Have it checked once more."""
    REPORT = "report"
    """Send a report about it."""

    @property
    def feedback_type(self) -> FeedbackType:
        """What the request says of the mail (B1.33)."""
        return FeedbackType.ABUSE if self is RequestKind.REPORT else FeedbackType.MISCATEGORIZED


class CopyKind(Enum):
    """How the copy is kept: the values of `quar_type` (B1.26)."""

    FILE = "F"
    GZIP = "Z"
    BSMTP = "B"
    SQL = "Q"
    MAILBOX = "M"


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """One request. Addresses are without angle brackets; None where the request does not say."""

    kind: RequestKind
    mail_id: str
    secret_id: str | None = None
    partition_tag: str | None = None
    copy_kind: CopyKind | None = None
    mail_file: str | None = None
    """Path below QUARANTINEDIR."""
    requested_by: str | None = None
    sender: str | None = None
    """Takes the place of the envelope sender; empty for the null sender."""
    recipients: tuple[str, ...] = ()
    """Take the place of the recipients."""
