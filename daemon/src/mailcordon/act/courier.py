"""Hands mail to a next hop and says for each recipient what came of it (B7)."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mailcordon.act import replies
from mailcordon.act.connection_cache import ConnectionCache
from mailcordon.act.counters import Purpose
from mailcordon.act.hop_reply import HopReply
from mailcordon.act.hop_stream import HopBrokenError, HopError, HopUnreachableError
from mailcordon.act.outgoing import Outgoing
from mailcordon.act.smtp_client import Delivery, SmtpConnection, Target
from mailcordon.act.timeouts import Deadline
from mailcordon.act.tls import Security
from mailcordon.config.message_settings import MessageSettings
from mailcordon.config.next_hop import DeliveryMethod, NextHop
from mailcordon.mail.message import Mail
from mailcordon.mail.reply import Reply

log = logging.getLogger(__name__)


class Route(NamedTuple):
    """Where mail is to go, and how it is to be protected on that way."""

    method: DeliveryMethod
    security: Security = Security()

    @classmethod
    def forward(cls, settings: MessageSettings) -> "Route":
        """For the client's mail."""
        return cls(settings.forward_method, Security.of(settings))

    @classmethod
    def notify(cls, settings: MessageSettings) -> "Route":
        """For mail of our own."""
        return cls(settings.notify_method, Security.of(settings))


@dataclass(frozen=True, slots=True)
class Handover:
    """What came of handing the mail to the next hop, for one recipient."""

    reply: Reply
    """Ready for the client: our words around the hop's."""
    remote: HopReply | None = None
    """What the hop itself said, if it came to that."""
    hop: NextHop | None = None
    """The hop that decided."""
    offers_dsn: bool = False
    """It was told what the sender wants to be notified of (RFC 3461)."""
    queued_as: str | None = None
    """Queue id of the next hop."""


class Courier:
    """Sends over kept sessions; a session that died meanwhile costs no mail."""

    def __init__(self, cache: ConnectionCache) -> None:
        self._cache = cache

    async def send(
        self, mail: Mail, outgoing: Outgoing, route: Route, deadline: Deadline, *, purpose: Purpose
    ) -> Sequence[Handover]:
        """One transaction.

        The next hop of the route is asked when the one before did not get as far as the message (B7.01). Failures are
        told as temporary replies; only what a hop refuses for good is a permanent one.
        """
        handovers: list[Handover] = []
        others = len(route.method.hops)
        for hop in route.method.hops:
            others -= 1
            place = hop.seen_from(mail.session)
            try:
                if place is None:
                    raise HopUnreachableError("connect", "* stands for nothing, the client came by a unix socket")
                handovers = await self._converse(
                    mail, outgoing, Target(place, route.security), deadline, may_go_elsewhere=others > 0
                )
                break
            except HopError as error:
                if others:
                    log.warning("(%s) MTA(%s): %s; trying the next one", mail.log_id, place or hop, error)
                reply = replies.failed(place or hop, error, mail.log_id)
                handovers = [Handover(reply, hop=place)] * len(outgoing.envelope.recipients)
        protocol = next((handover.hop.protocol for handover in handovers if handover.hop), "smtp")
        # Over SMTP one reply stands for many recipients.
        answers = list({id(handover): handover.reply for handover in handovers}.values())
        self._cache.counters.sent(purpose, protocol, outgoing.message.size, answers)
        if any(log.isEnabledFor(_level(reply)) for reply in answers):
            _log(mail, outgoing, handovers, purpose.word)
        return handovers

    async def _converse(
        self, mail: Mail, outgoing: Outgoing, target: Target, deadline: Deadline, *, may_go_elsewhere: bool
    ) -> list[Handover]:
        """Raises HopError when nothing of the message has left us: before the transaction, or to go elsewhere."""
        connection = await self._cache.acquire(target, deadline)
        while True:
            kept = connection.transactions > 0
            refusal = _refusal(outgoing, connection, mail.log_id)
            if refusal is not None:
                self._cache.release(connection)
                return [Handover(refusal, hop=target.hop)] * len(outgoing.envelope.recipients)
            delivery = await self._transact(connection, outgoing, deadline)
            if not (kept and isinstance(delivery.error, HopBrokenError) and not delivery.message_begun):
                break
            # The hop closed the session just as we used it again; nothing of the message has left us yet.
            self._cache.give_up(connection)
            connection = await self._cache.open(target, deadline)
        self._cache.release(connection)
        if delivery.error is not None and may_go_elsewhere and not delivery.message_begun:
            raise delivery.error
        offers_dsn = "DSN" in connection.features
        # Over SMTP one reply stands for many recipients.
        made = {
            key: _handover(delivery, reply, target.hop, mail.log_id, offers_dsn)
            for key, reply in {id(reply): reply for reply in delivery.replies}.items()
        }
        return [made[id(reply)] for reply in delivery.replies]

    async def _transact(self, connection: SmtpConnection, outgoing: Outgoing, deadline: Deadline) -> Delivery:
        self._cache.count_transaction(connection)
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


def _handover(delivery: Delivery, reply: HopReply | None, hop: NextHop, log_id: str, offers_dsn: bool) -> Handover:
    if reply is None:
        error = delivery.error or HopBrokenError("end of data", "no reply")
        return Handover(replies.failed(hop, error, log_id), hop=hop)
    if not reply.ok:
        return Handover(replies.refused(hop, reply), reply, hop, offers_dsn)
    return Handover(replies.relayed(hop, reply, log_id), reply, hop, offers_dsn, reply.queued_as)


def _log(mail: Mail, outgoing: Outgoing, handovers: Sequence[Handover], word: str) -> None:
    by_reply: dict[Reply, list[str]] = {}
    for recipient, handover in zip(outgoing.envelope.recipients, handovers, strict=True):
        by_reply.setdefault(handover.reply, []).append(f"<{recipient.address}>")
    for reply, addresses in by_reply.items():
        log.log(
            _level(reply),
            "(%s) %s %s from <%s> -> %s, %s",
            mail.log_id,
            mail.mail_id,
            word,
            outgoing.envelope.sender,
            ",".join(addresses),
            reply,
        )


def _level(reply: Reply) -> int:
    return logging.INFO if reply.ok else logging.WARNING
