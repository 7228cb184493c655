"""What was decided about a message for one recipient, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from mailcordon.mail.category import Category, Destiny
from mailcordon.mail.envelope import Recipient
from mailcordon.mail.header import HeaderChange, HeaderEdits
from mailcordon.mail.penpal import PenPal
from mailcordon.mail.reply import Reply

REASON_LIMIT = 450
"""Characters of a reason (B5.11)."""


# Without slots: a copy for one more recipient is a copy of one dictionary, and there may be hundreds of them.
@dataclass(frozen=True)
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
    softened: Destiny | None = None
    """What the destiny would be if `soft_bounce` had not made TEMPFAIL of it (B5.08)."""
    edits: HeaderEdits = field(default_factory=HeaderEdits)
    """Edits for the delivered copy."""
    quarantine_to: str | None = None
    """Mailbox alias or address for the quarantine copy; None: this recipient asks for none."""
    archive_to: str | None = None
    """The same for the copy of every message (B10.01)."""
    score: float | None = None
    """Spam score for this recipient, soft lists and pen pals included; None when there is none at all."""
    points: float = 0.0
    """What the soft lists added to it (B3.22)."""
    pen_pal: PenPal | None = None
    """The sender, if it makes the score better that the recipient has written to him (B16.02)."""
    whitelisted: bool = False
    blacklisted: bool = False
    """The sender is on a hard list of this recipient (B3.21)."""
    deliver_to: str | None = None
    """Address for delivery where it is not that of the recipient, for its extension (B9.10)."""
    tag_level: float | None = None
    tag2_level: float | None = None
    tag3_level: float | None = None
    kill_level: float | None = None

    @property
    def decisive(self) -> Category:
        """The category that the mail is treated by: what blocks it, or else its highest one."""
        return self.blocking or self.main

    def also_for(self, recipient: Recipient, deliver_to: str | None) -> "Verdict":
        """The same for another recipient."""
        verdict = object.__new__(Verdict)
        verdict.__dict__.update(self.__dict__, recipient=recipient, deliver_to=deliver_to)
        return verdict


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

    # Enum's own hashes the name, in Python; it is looked up several times for each recipient.
    __hash__ = object.__hash__


class DsnSent(Enum):
    """Whether the sender was told by a delivery status notification; values are the codes of B2.10."""

    SENT = "Y"
    NONE = "N"
    """There was no need for one."""
    SUPPRESSED = "q"
    """He was to be told, but for one of the rules of B11.02."""

    __hash__ = object.__hash__


class RecipientOutcome(NamedTuple):
    """What became of the mail for one recipient, and what the client is told about it (LMTP: one reply each)."""

    verdict: Verdict
    disposition: Disposition
    reply: Reply
    queued_as: str | None = None
    """Queue id that the next hop named in its reply."""
    dsn_sent: DsnSent = DsnSent.NONE


def highest_category(recipients: Sequence[RecipientOutcome]) -> Category:
    """The highest one that the mail is treated by for any of them."""
    return max([item.verdict.decisive for item in recipients])


@dataclass(frozen=True, slots=True)
class QuarantineCopy:
    """A quarantine copy that is safely stored."""

    location: str
    """As in the log entry: file path relative to QUARANTINEDIR (B10.08)."""
    kind: str
    """quar_type code of B2.10: F file, Z gzip file."""
    is_archive: bool = False
    """Kept of every message, not for what was found in it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the message as a whole."""

    recipients: tuple[RecipientOutcome, ...]
    reply: Reply
    """The one reply for all recipients (SMTP, B5.12)."""
    quarantine: tuple[QuarantineCopy, ...] = ()
    header_changes: tuple[HeaderChange, ...] = ()
    """What a client that delivers the message itself is to change in its header section, in this order (B1.20)."""

    @property
    def dsn_sent(self) -> DsnSent:
        """Sent if it was sent for any recipient, else suppressed if it was for any."""
        found = {recipient.dsn_sent for recipient in self.recipients}
        return next((sent for sent in (DsnSent.SENT, DsnSent.SUPPRESSED) if sent in found), DsnSent.NONE)
