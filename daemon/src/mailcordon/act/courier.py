"""Hands mail to a next hop and says for each recipient what came of it (B7)."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from mailcordon.act import replies
from mailcordon.act.connection_cache import ConnectionCache
from mailcordon.act.hop_reply import HopReply
from mailcordon.act.outgoing import Outgoing
from mailcordon.act.smtp_client import Delivery, HopBrokenError, HopError, SmtpConnection
from mailcordon.act.timeouts import Deadline
from mailcordon.config.types import NextHop
from mailcordon.mail.message import Mail
from mailcordon.mail.reply import Reply

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Handover:
    """What came of handing the mail to the next hop, for one recipient."""

    reply: Reply
    """Ready for the client: our words around the hop's."""
    remote: HopReply | None = None
    """What the hop itself said, if it came to that."""

    @property
    def queued_as(self) -> str | None:
        """Queue id of the next hop."""
        return self.remote.queued_as if self.remote and self.remote.ok else None


class Courier:
    """Sends over kept sessions; a session that died meanwhile costs no mail."""

    def __init__(self, cache: ConnectionCache) -> None:
        self._cache = cache

    async def send(
        self, mail: Mail, outgoing: Outgoing, hop: NextHop, deadline: Deadline, *, word: str
    ) -> Sequence[Handover]:
        """One transaction. `word` is FWD for the client's mail, SEND for our own (B8.08).

        Failures are told as temporary replies; only what the hop refuses for good is a permanent one.
        """
        try:
            handovers = await self._converse(mail, outgoing, hop, deadline)
        except HopError as error:
            reply = replies.failed(hop, error, mail.log_id)
            handovers = [Handover(reply)] * len(outgoing.envelope.recipients)
        _log(mail, outgoing, handovers, word)
        return handovers

    async def _converse(self, mail: Mail, outgoing: Outgoing, hop: NextHop, deadline: Deadline) -> list[Handover]:
        connection = await self._cache.acquire(hop, deadline)
        while True:
            kept = connection.transactions > 0
            refusal = _refusal(outgoing, connection, mail.log_id)
            if refusal is not None:
                self._cache.release(connection)
                return [Handover(refusal)] * len(outgoing.envelope.recipients)
            delivery = await self._transact(connection, outgoing, deadline)
            if not (kept and isinstance(delivery.error, HopBrokenError) and not delivery.message_begun):
                break
            # The hop closed the session just as we used it again; nothing of the message has left us yet.
            self._cache.give_up(connection)
            connection = await self._cache.open(hop, deadline)
        self._cache.release(connection)
        return [_handover(delivery, reply, hop, mail.log_id) for reply in delivery.replies]

    async def _transact(self, connection: SmtpConnection, outgoing: Outgoing, deadline: Deadline) -> Delivery:
        self._cache.counters.transact += 1
        try:
            return await connection.send(outgoing, deadline)
        except BaseException:
            # Cancelled in mid-conversation: cut off before the end of data, the hop drops what it has.
            connection.abort()
            raise


def _refusal(outgoing: Outgoing, connection: SmtpConnection, log_id: str) -> Reply | None:
    features, envelope = connection.features, outgoing.envelope
    if "SMTPUTF8" not in features and outgoing.needs_smtputf8:
        return replies.no_international_addresses(log_id)
    if envelope.body_type == "8BITMIME" and "8BITMIME" not in features and not outgoing.message.is_ascii():
        return replies.cannot_convert_to_7bit(log_id)
    return None


def _handover(delivery: Delivery, reply: HopReply | None, hop: NextHop, log_id: str) -> Handover:
    if reply is None:
        error = delivery.error or HopBrokenError("end of data", "no reply")
        return Handover(replies.failed(hop, error, log_id))
    wrapped = replies.relayed(hop, reply, log_id) if reply.ok else replies.refused(hop, reply)
    return Handover(wrapped, reply)


def _log(mail: Mail, outgoing: Outgoing, handovers: Sequence[Handover], word: str) -> None:
    by_reply: dict[Reply, list[str]] = {}
    for recipient, handover in zip(outgoing.envelope.recipients, handovers, strict=True):
        by_reply.setdefault(handover.reply, []).append(f"<{recipient.address}>")
    for reply, addresses in by_reply.items():
        log.log(
            logging.INFO if reply.ok else logging.WARNING,
            "(%s) %s %s from <%s> -> %s, %s",
            mail.log_id,
            mail.mail_id,
            word,
            outgoing.envelope.sender,
            ",".join(addresses),
            reply,
        )
