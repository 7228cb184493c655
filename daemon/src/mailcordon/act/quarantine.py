"""Keeps copies of mail in quarantine (B10). A copy is durable before anything else is done about the message."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from mailcordon.act.courier import Courier
from mailcordon.act.edit import EditedMessage, with_fields
from mailcordon.act.outgoing import Outgoing
from mailcordon.act.quarantine_fields import quarantine_fields
from mailcordon.act.quarantine_file import relative_path, store
from mailcordon.act.received import received_field
from mailcordon.act.timeouts import Deadline
from mailcordon.config.policy import Policy, quarantine_method
from mailcordon.config.settings import Settings
from mailcordon.config.types import LOCAL_QUARANTINE
from mailcordon.errors import QuarantineError
from mailcordon.mail.category import Destiny
from mailcordon.mail.envelope import Envelope, Recipient
from mailcordon.mail.finding import Findings
from mailcordon.mail.header import HeaderEdits
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import QuarantineCopy, Verdict

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


class Quarantine:
    """Stores one copy for each method and mailbox that the recipients ask for."""

    def __init__(self, settings: Settings, courier: Courier) -> None:
        self._settings = settings
        self._courier = courier

    async def keep(
        self,
        mail: Mail,
        findings: Findings,
        verdicts: Sequence[Verdict],
        policies: Sequence[Policy],
        deadline: Deadline,
    ) -> tuple[QuarantineCopy, ...]:
        """Make the copies. Raises QuarantineError when one of them is not safe (B10.09).

        Mail that the client is told to bring again is not kept: each of its tries would leave another copy.
        """
        wanted = dict.fromkeys(
            (self._method(verdict, policy), verdict.quarantine_to)
            for verdict, policy in zip(verdicts, policies, strict=True)
            if verdict.quarantine_to and verdict.destiny is not Destiny.TEMPFAIL
        )
        copies = []
        for method, target in wanted:
            fields = quarantine_fields(
                mail,
                findings,
                verdicts,
                delivered_to=target,
                received=received_field(mail, self._settings),
            )
            copy = with_fields(mail, fields, HeaderEdits())
            if "@" in target:
                copies.append(await self._send(mail, copy, target, deadline))
            else:
                copies.append(await self._store(mail, copy, method))
        return tuple(copies)

    def _method(self, verdict: Verdict, policy: Policy) -> str:
        """The method that belongs to the mailbox in the verdict."""
        for category in (verdict.blocking, verdict.main):
            if category is not None and policy.quarantine_to.get(category.major) == verdict.quarantine_to:
                method = quarantine_method(self._settings, category.major)
                if method:
                    return method
        raise QuarantineError(f"no quarantine method for {verdict.main.display_name} mail to {verdict.quarantine_to}")

    async def _store(self, mail: Mail, copy: EditedMessage, method: str) -> QuarantineCopy:
        template = method.removeprefix(LOCAL_QUARANTINE)
        location = await _in_thread(self._write, mail, copy, template)
        log.debug("(%s) %s quarantined in %s", mail.log_id, mail.mail_id, location)
        return QuarantineCopy(location, "Z" if location.endswith(".gz") else "F")

    def _write(self, mail: Mail, copy: EditedMessage, template: str) -> str:
        path = relative_path(template, mail, subdir_levels=self._settings.quarantine_subdir_levels)
        store(self._settings.QUARANTINEDIR, path, copy.chunks())
        return str(path)

    async def _send(self, mail: Mail, copy: EditedMessage, target: str, deadline: Deadline) -> QuarantineCopy:
        """Into a mailbox somewhere else (B10.02)."""
        envelope = Envelope(
            sender=mail.envelope.sender,
            recipients=(Recipient(target, notify="NEVER"),),
            body_type=mail.envelope.body_type,
            smtputf8=mail.envelope.smtputf8,
        )
        hop = self._settings.notify_method
        (handover,) = await self._courier.send(mail, Outgoing(envelope, copy), hop, deadline, word="SEND")
        if not handover.reply.ok:
            raise QuarantineError(f"cannot send quarantine copy to {target}: {handover.reply}")
        return QuarantineCopy(target, "M" if hop.protocol == "smtp" else "L")


async def _in_thread(function: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> T:
    """Run to the end even when cancelled: the thread reads the spool, which is closed once we return."""
    task = asyncio.create_task(asyncio.to_thread(function, *arguments, **keywords))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with contextlib.suppress(QuarantineError):
            await task
        raise
