"""Forwards the mail to the recipients who are to get it (B7.07)."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from mailcordon.act import replies
from mailcordon.act.counters import Purpose
from mailcordon.act.courier import Courier, Handover, Route
from mailcordon.act.edit import EditedMessage, edit
from mailcordon.act.outgoing import Outgoing, with_dsn
from mailcordon.act.received import received_field
from mailcordon.act.timeouts import Deadline
from mailcordon.config.settings import Settings
from mailcordon.mail.envelope import Recipient
from mailcordon.mail.header import HeaderEdits
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import Verdict

MAX_HOPS = 100
"""Received fields (B6.14)."""
_LARGE_HEADER = 256 * 1024
"""Octets from which on editing could hold up the event loop for more than about a millisecond."""


class Forwarder:
    """Sends each cluster of recipients with equal edits its copy, in one transaction."""

    def __init__(self, courier: Courier) -> None:
        self._courier = courier

    async def forward(
        self, mail: Mail, settings: Settings, verdicts: Mapping[int, Verdict], deadline: Deadline
    ) -> dict[int, Handover]:
        """Give the mail to the next hop for `verdicts`, which are keyed by the number of the recipient."""
        hops = len(mail.header.all("Received"))
        if hops > MAX_HOPS:
            refusal = Handover(replies.too_many_hops(hops, mail.log_id))
            return dict.fromkeys(verdicts, refusal)
        extra = _blind_copy(settings, verdicts)
        received = received_field(mail, settings)
        route = Route.forward(settings)
        envelope = with_dsn(
            mail.envelope,
            propagate=settings.propagate_dsn_if_possible,
            hide_success=settings.terminate_dsn_on_notify_success,
        )
        international = mail.envelope.smtputf8 and not mail.header.octets.isascii()
        result: dict[int, Handover] = {}
        for edits, numbers in _clusters(verdicts).items():
            addressees = [_addressee(envelope.recipients[number], verdicts[number]) for number in numbers]
            outgoing = Outgoing(
                replace(envelope, recipients=(*addressees, *extra)),
                await _edited(mail, edits, received),
                mail.session.client,
                international,
            )
            handovers = await self._courier.send(mail, outgoing, route, deadline, purpose=Purpose.RELAY)
            # What becomes of the blind copy is in the log; it holds up nobody's mail.
            result.update(zip(numbers, handovers, strict=not extra))
            extra = ()
        return result


def _clusters(verdicts: Mapping[int, Verdict]) -> dict[HeaderEdits, list[int]]:
    """The numbers of the recipients by their edits; those of one policy have the very same object."""
    same: dict[int, list[int]] = {}
    for number, verdict in verdicts.items():
        same.setdefault(id(verdict.edits), []).append(number)
    clusters: dict[HeaderEdits, list[int]] = {}
    for numbers in same.values():
        clusters.setdefault(verdicts[numbers[0]].edits, []).extend(numbers)
    return clusters


def _blind_copy(settings: Settings, verdicts: Mapping[int, Verdict]) -> tuple[Recipient, ...]:
    """Who gets a copy of what passes without being a recipient (`always_bcc`)."""
    address = settings.always_bcc
    if not address or any(verdict.recipient.address.lower() == address.lower() for verdict in verdicts.values()):
        return ()
    return (Recipient(address, notify="NEVER"),)


def _addressee(recipient: Recipient, verdict: Verdict) -> Recipient:
    """The recipient as the next hop gets to know him: with an extension to his address, if the mail earns one."""
    return recipient if verdict.deliver_to is None else recipient._replace(address=verdict.deliver_to)


async def _edited(mail: Mail, edits: HeaderEdits, received: str) -> EditedMessage:
    if len(mail.header.octets) < _LARGE_HEADER:
        return edit(mail, edits, received=received)
    return await asyncio.to_thread(edit, mail, edits, received=received)
