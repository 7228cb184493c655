"""What the client is told (B5.09 to B5.13, B6.08, B6.09, B7.06)."""

from collections.abc import Sequence

from mailcordon.act.hop_reply import HopReply
from mailcordon.act.hop_stream import HopError, HopTimeoutError, HopUnreachableError
from mailcordon.config.next_hop import NextHop
from mailcordon.mail.category import Category, Destiny, Major
from mailcordon.mail.reply import Reply
from mailcordon.mail.verdict import REASON_LIMIT, Verdict

_STATUS: dict[Major, tuple[int, str]] = {
    Major.BAD_HEADER: (554, "6.0"),
    Major.OVERSIZED: (552, "3.4"),
    Major.MTA: (550, "3.5"),
}
_BAD_HEADER_8BIT = Category(Major.BAD_HEADER, 2)
_WORDS = {
    Destiny.PASS: "Ok",
    Destiny.DISCARD: "Ok, discarded",
    Destiny.REJECT: "Reject",
    Destiny.BOUNCE: "Bounce",
    Destiny.TEMPFAIL: "Temporary failure",
}

_SOFT = " (soft_bounce)"


def blocked(verdict: Verdict) -> Reply:
    """The reply for a recipient who does not get the mail (B5.09, B5.10)."""
    category = verdict.decisive
    code, detail = (554, "6.3") if category == _BAD_HEADER_8BIT else _STATUS.get(category.major, (554, "7.0"))
    if verdict.destiny in (Destiny.DISCARD, Destiny.PASS):
        code = 250
    elif verdict.destiny is Destiny.TEMPFAIL:
        code = 450
    words = _WORDS[verdict.softened or verdict.destiny] + (_SOFT if verdict.softened else "")
    return Reply(code, f"{code // 100}.{detail}", f"{words}, {verdict.reason[:REASON_LIMIT]}")


def softened(reply: Reply) -> Reply:
    """A refusal of the next hop as one for the time being, under `soft_bounce` (B5.08); other replies as they are."""
    if not reply.permanent:
        return reply
    return Reply(450, f"4{reply.enhanced[1:]}", f"{reply.text}{_SOFT}")


def relayed(hop: NextHop, reply: HopReply, log_id: str) -> Reply:
    """The next hop has taken the mail (B6.09); `queued as <id>` stays at the end, where log tools look for it."""
    return Reply(250, "2.6.0", f"Ok, id={log_id}, from MTA({hop}): {reply}")


def refused(hop: NextHop, reply: HopReply) -> Reply:
    """The next hop's own 4xx or 5xx (B7.06)."""
    return Reply(reply.code, reply.status, f"from MTA({hop}): {reply}")


def failed(hop: NextHop, error: HopError, log_id: str) -> Reply:
    """There was no reply of the next hop (B7.06); always temporary."""
    if isinstance(error, HopTimeoutError):
        return Reply(450, "4.4.2", f"Timed out during {error.during}, MTA({hop}), id={log_id}")
    if isinstance(error, HopUnreachableError):
        return Reply(450, "4.4.1", f"{error.why}, MTA({hop}), id={log_id}")
    return Reply(451, "4.5.0", f"From MTA({hop}) during {error.during} ({error.why}): id={log_id}")


def cannot_convert_to_7bit(log_id: str) -> Reply:
    """The hop takes no 8-bit mail and we never alter a body (B7.06)."""
    return Reply(550, "5.6.3", f"Conversion to 7BIT required but not supported, id={log_id}")


def no_international_addresses(log_id: str) -> Reply:
    """The hop does not offer SMTPUTF8 (B7.06)."""
    return Reply(550, "5.6.7", f"Non-ASCII addresses not permitted by the next hop, id={log_id}")


def too_many_hops(count: int, log_id: str) -> Reply:
    """Loop guard (B6.14)."""
    return Reply(554, "5.4.6", f"Reject: {count} hops, id={log_id}")


def withheld(log_id: str) -> Reply:
    """Not sent on, because the client will come back for another recipient's sake anyway."""
    return Reply(450, "4.5.0", f"Temporary failure, id={log_id} - waiting for the other recipients")


def notified(address: str, original: Reply) -> Reply:
    """The sender has been told that this recipient does not get the mail (B6.08)."""
    return Reply(250, "2.5.0", f"Ok <{address}>, DSN was sent ({original})")


def not_notified(address: str, original: Reply) -> Reply:
    """The sender is deliberately not told (B6.08)."""
    return Reply(250, "2.5.0", f"Ok <{address}>, DSN suppressed ({original})")


def notification_failed(reply: Reply, log_id: str) -> Reply:
    """The notification could not be handed over: the client shall try again, so that nothing is lost silently."""
    return Reply(450, "4.5.0", f"Temporarily unable to send a DSN, id={log_id} ({reply})")


def continued(log_id: str) -> Reply:
    """The client itself sends the mail on (B1.13)."""
    return Reply(250, "2.5.0", f"Ok, id={log_id}, continue delivery")


def plain_ok(log_id: str) -> Reply:
    """Nothing to say but that all is well (B5.12, B5.13)."""
    return Reply(250, "2.5.0", f"Ok, id={log_id}")


def with_suffix(reply: Reply, counts: Sequence[tuple[str, int]]) -> Reply:
    """`reply` with what did not go the way of the others, e.g. `, but 1 REJECT, and 2 BOUNCE` (B5.12)."""
    told = ", and ".join(f"{count} {word}" for word, count in counts if count)
    return Reply(reply.code, reply.enhanced, f"{reply.text}, but {told}") if told else reply
