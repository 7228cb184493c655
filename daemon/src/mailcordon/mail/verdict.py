"""What was decided about a message for one recipient, and what became of it."""

from dataclasses import dataclass, field
from enum import Enum

from mailcordon.mail.category import Category, Destiny
from mailcordon.mail.envelope import Recipient
from mailcordon.mail.header import HeaderEdits
from mailcordon.mail.reply import Reply

REASON_LIMIT = 450
"""Characters of a reason (B5.11)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement for one recipient (B5.03)."""

    recipient: Recipient
    is_local: bool
    categories: frozenset[Category]
    main: Category
    """The highest category."""
    blocking: Category | None
    """The highest category whose destiny is not PASS and that the recipient does not love; None: deliver."""
    destiny: Destiny
    """PASS when nothing blocks."""
    reason: str
    """Reason for the reply, e.g. `id=08089-01 - INFECTED: Eicar-Test-Signature` (B5.11)."""
    edits: HeaderEdits = field(default_factory=HeaderEdits)
    """Edits for the delivered copy."""
    quarantine_to: str | None = None
    """Mailbox alias or address for the quarantine copy; None: this recipient asks for none."""
    score: float | None = None
    """Spam score for this recipient; None when no spam check was made."""
    tag_level: float | None = None
    tag2_level: float | None = None
    kill_level: float | None = None


class Disposition(Enum):
    """What became of the mail for one recipient; values are the words of log and counters (B8.04)."""

    RELAYED = "Relayed"
    RELAYED_TAGGED = "RelayedTagged"
    DISCARDED = "Discarded"
    BOUNCED = "Bounced"
    NO_BOUNCE = "NoBounce"
    REJECTED = "Rejected"
    TEMP_FAILED = "TempFailed"
    ACCEPTED = "Accepted"


@dataclass(frozen=True, slots=True)
class RecipientOutcome:
    """What became of the mail for one recipient, and what the client is told about it (LMTP: one reply each)."""

    verdict: Verdict
    disposition: Disposition
    reply: Reply
    queued_as: str | None = None
    """Queue id that the next hop named in its reply."""


@dataclass(frozen=True, slots=True)
class QuarantineCopy:
    """A quarantine copy that is safely stored."""

    location: str
    """As in the log entry: file path relative to QUARANTINEDIR (B10.08)."""
    kind: str
    """quar_type code of B2.10: F file, Z gzip file."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the message as a whole."""

    recipients: tuple[RecipientOutcome, ...]
    reply: Reply
    """The one reply for all recipients (SMTP, B5.12)."""
    quarantine: tuple[QuarantineCopy, ...] = ()
