"""What becomes of the mail for one recipient, step by step."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailcordon.act import replies
from mailcordon.act.courier import Handover
from mailcordon.act.dsn import Failure
from mailcordon.act.hop_reply import HopReply
from mailcordon.config.policy import Policy
from mailcordon.mail.category import Destiny
from mailcordon.mail.reply import Reply
from mailcordon.mail.verdict import Disposition, RecipientOutcome, Verdict

_DISPOSITIONS = {
    Destiny.DISCARD: Disposition.DISCARDED,
    Destiny.BOUNCE: Disposition.BOUNCED,
    Destiny.REJECT: Disposition.REJECTED,
    Destiny.TEMPFAIL: Disposition.TEMP_FAILED,
}


@dataclass(slots=True)
class Fate:
    """One recipient's share of the work; `disposition` and `reply` change as the work goes on."""

    verdict: Verdict
    policy: Policy
    disposition: Disposition
    reply: Reply
    remote: HopReply | None = None
    queued_as: str | None = None
    refused: bool = False
    """It was a rejection before it became a notification."""

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
        return cls(verdict, policy, disposition, handover.reply, handover.remote, handover.queued_as)

    @property
    def failure(self) -> Failure:
        """What a notification says about it."""
        return Failure(self.verdict.recipient, self.reply, self.remote)

    def postpone(self, reply: Reply) -> None:
        """The client keeps the mail for this recipient."""
        self.disposition, self.reply = Disposition.TEMP_FAILED, reply

    def told(self) -> None:
        """The sender has got a notification."""
        self.refused = self.disposition is Disposition.REJECTED
        self.disposition = Disposition.BOUNCED
        self.reply = replies.notified(self.verdict.recipient.address, self.reply)

    def not_told(self) -> None:
        """There is to be no notification."""
        self.disposition = Disposition.NO_BOUNCE
        self.reply = replies.not_notified(self.verdict.recipient.address, self.reply)

    def outcome(self) -> RecipientOutcome:
        """The end of it."""
        return RecipientOutcome(self.verdict, self.disposition, self.reply, self.queued_as)


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
        return temporary[0].reply
    if fates and len(discarded) == len(fates):
        return discarded[0].reply
    if rejected:
        # Where recipients disagree, `Actor` has turned rejections into notifications already, except for discards.
        return next((fate for fate in rejected if fate.remote is not None), rejected[0]).reply
    relayed = [fate for fate in fates if fate.disposition in (Disposition.RELAYED, Disposition.RELAYED_TAGGED)]
    told = by_disposition.get(Disposition.BOUNCED, [])
    counts = [
        ("REJECT", sum(fate.refused for fate in told)),
        ("BOUNCE", sum(not fate.refused for fate in told)),
        ("DISCARD", len(discarded)),
        ("DISCARD(bounce.suppressed)", len(by_disposition.get(Disposition.NO_BOUNCE, []))),
    ]
    return replies.with_suffix(relayed[0].reply if relayed else replies.plain_ok(log_id), counts)
