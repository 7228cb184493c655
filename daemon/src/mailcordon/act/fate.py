"""What becomes of the mail for one recipient, step by step."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mailcordon.act import replies
from mailcordon.act.courier import Handover
from mailcordon.act.dsn import Status
from mailcordon.act.hop_reply import HopReply
from mailcordon.config.policy import Policy
from mailcordon.mail.category import MTA_REJECTED, MTA_TEMPORARY, Category, Destiny, Major
from mailcordon.mail.reply import Reply
from mailcordon.mail.verdict import Disposition, DsnSent, RecipientOutcome, Verdict

_DISPOSITIONS = {
    Destiny.DISCARD: Disposition.DISCARDED,
    Destiny.BOUNCE: Disposition.BOUNCED,
    Destiny.REJECT: Disposition.REJECTED,
    Destiny.TEMPFAIL: Disposition.TEMP_FAILED,
}
DELIVERED = frozenset({Disposition.RELAYED, Disposition.RELAYED_TAGGED})


@dataclass(slots=True)
class Fate:
    """One recipient's share of the work; `disposition` and `reply` change as the work goes on."""

    verdict: Verdict
    policy: Policy
    disposition: Disposition
    reply: Reply
    handover: Handover | None = None
    """What came of offering the mail to the next hop; None where it was not."""
    refused: bool = False
    """It was a rejection before it became a notification."""
    dsn_sent: DsnSent = DsnSent.NONE

    @classmethod
    def blocked(cls, verdict: Verdict, policy: Policy) -> "Fate":
        """By the verdict the mail is not for this recipient."""
        return cls(verdict, policy, _DISPOSITIONS[verdict.destiny], replies.blocked(verdict))

    @classmethod
    def forwarded(cls, verdict: Verdict, policy: Policy, handover: Handover) -> "Fate":
        """The mail was offered to the next hop."""
        if handover.reply.ok:
            disposition = Disposition.RELAYED_TAGGED if _is_tagged(verdict) else Disposition.RELAYED
        else:
            disposition = Disposition.REJECTED if handover.reply.permanent else Disposition.TEMP_FAILED
            verdict = _stopped_by_hop(verdict, for_good=handover.reply.permanent)
        return cls(verdict, policy, disposition, handover.reply, handover)

    @property
    def remote(self) -> HopReply | None:
        """What the next hop said itself, if it came to that."""
        return self.handover.remote if self.handover else None

    @property
    def is_delivered(self) -> bool:
        """The next hop has taken the mail."""
        return self.disposition in DELIVERED

    @property
    def status(self) -> Status:
        """What a notification says about it."""
        hop = self.handover.hop if self.handover else None
        action: Literal["failed", "delivered", "relayed"] = "failed"
        if self.is_delivered:
            # What LMTP hands over is in the mailbox (RFC 2033 1).
            action = "delivered" if hop is not None and hop.protocol == "lmtp" else "relayed"
        return Status(self.verdict.recipient, self.reply, action, self.remote, hop)

    def postpone(self, reply: Reply) -> None:
        """The client keeps the mail for this recipient."""
        self.disposition, self.reply = Disposition.TEMP_FAILED, reply

    def told(self) -> None:
        """The sender has got a notification."""
        self.dsn_sent = DsnSent.SENT
        if self.is_delivered:
            return
        self.refused = self.disposition is Disposition.REJECTED
        self.disposition = Disposition.BOUNCED
        self.reply = replies.notified(self.verdict.recipient.address, self.reply)

    def not_told(self) -> None:
        """A notification was due, and is deliberately not sent."""
        self.dsn_sent = DsnSent.SUPPRESSED
        if self.is_delivered:
            return
        self.disposition = Disposition.NO_BOUNCE
        self.reply = replies.not_notified(self.verdict.recipient.address, self.reply)

    def outcome(self) -> RecipientOutcome:
        """The end of it."""
        queued_as = self.handover.queued_as if self.handover else None
        return RecipientOutcome(self.verdict, self.disposition, self.reply, queued_as, self.dsn_sent)


def _stopped_by_hop(verdict: Verdict, *, for_good: bool) -> Verdict:
    """The next hop is what blocks it (B5.01)."""
    category = Category(Major.MTA, MTA_REJECTED if for_good else MTA_TEMPORARY)
    categories = verdict.categories | {category}
    return replace(
        verdict,
        categories=categories,
        main=max(categories),
        blocking=category,
        destiny=Destiny.REJECT if for_good else Destiny.TEMPFAIL,
    )


def _is_tagged(verdict: Verdict) -> bool:
    """The recipient sees in the delivered copy that it is taken for spam."""
    edits = verdict.edits
    return edits.subject_prefix is not None or ("X-Spam-Flag", "YES") in edits.prepend


def one_reply(fates: Sequence[Fate], log_id: str) -> Reply:
    """The reply for all recipients together (B5.12, B5.13)."""
    by_disposition: dict[Disposition, list[Fate]] = {}
    for fate in fates:
        by_disposition.setdefault(fate.disposition, []).append(fate)
    temporary = by_disposition.get(Disposition.TEMP_FAILED, [])
    rejected = by_disposition.get(Disposition.REJECTED, [])
    discarded = by_disposition.get(Disposition.DISCARDED, [])
    if temporary:
        # What the next hop said tells more than that somebody waits for the others.
        return next((fate for fate in temporary if fate.remote and fate.remote.code < 500), temporary[0]).reply
    if fates and len(discarded) == len(fates):
        return discarded[0].reply
    if rejected:
        # Where recipients disagree, `Actor` has turned rejections into notifications already, except for discards.
        return next((fate for fate in rejected if fate.remote is not None), rejected[0]).reply
    relayed = [fate for fate in fates if fate.is_delivered]
    told = by_disposition.get(Disposition.BOUNCED, [])
    counts = [
        ("REJECT", sum(fate.refused for fate in told)),
        ("BOUNCE", sum(not fate.refused for fate in told)),
        ("DISCARD", len(discarded)),
        ("DISCARD(bounce.suppressed)", len(by_disposition.get(Disposition.NO_BOUNCE, []))),
    ]
    return replies.with_suffix(relayed[0].reply if relayed else replies.plain_ok(log_id), counts)
