"""Forwards the mail to the recipients who are to get it (B7.07)."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from mailcordon.act import replies
from mailcordon.act.courier import Courier, Handover
from mailcordon.act.edit import EditedMessage, edit
from mailcordon.act.outgoing import Outgoing
from mailcordon.act.received import received_field
from mailcordon.act.timeouts import Deadline
from mailcordon.config.settings import Settings
from mailcordon.mail.header import HeaderEdits
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import Verdict

MAX_HOPS = 100
"""Received fields (B6.14)."""
_LARGE_HEADER = 256 * 1024
"""Octets from which on editing could hold up the event loop for more than about a millisecond."""


class Forwarder:
    """Sends each cluster of recipients with equal edits its copy, in one transaction."""

    def __init__(self, settings: Settings, courier: Courier) -> None:
        self._settings = settings
        self._courier = courier

    async def forward(self, mail: Mail, verdicts: Mapping[int, Verdict], deadline: Deadline) -> dict[int, Handover]:
        """Give the mail to the next hop for `verdicts`, which are keyed by the number of the recipient."""
        hops = len(mail.header.all("Received"))
        if hops > MAX_HOPS:
            refusal = Handover(replies.too_many_hops(hops, mail.log_id))
            return dict.fromkeys(verdicts, refusal)
        clusters: dict[HeaderEdits, list[int]] = {}
        for number, verdict in verdicts.items():
            clusters.setdefault(verdict.edits, []).append(number)
        received = received_field(mail, self._settings)
        result: dict[int, Handover] = {}
        for edits, numbers in clusters.items():
            outgoing = Outgoing(
                replace(mail.envelope, recipients=tuple(verdicts[number].recipient for number in numbers)),
                await _edited(mail, edits, received),
                mail.session.client,
            )
            handovers = await self._send(mail, outgoing, deadline)
            result.update(zip(numbers, handovers, strict=True))
        return result

    async def _send(self, mail: Mail, outgoing: Outgoing, deadline: Deadline) -> Sequence[Handover]:
        return await self._courier.send(mail, outgoing, self._settings.forward_method, deadline, word="FWD")


async def _edited(mail: Mail, edits: HeaderEdits, received: str) -> EditedMessage:
    if len(mail.header.octets) < _LARGE_HEADER:
        return edit(mail, edits, received=received)
    return await asyncio.to_thread(edit, mail, edits, received=received)
