"""Keeps copies of mail in quarantine (B10). A copy is durable before anything else is done about the message."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import ParamSpec, TypeVar

from mailcordon.act.counters import Purpose
from mailcordon.act.courier import Courier, Route
from mailcordon.act.edit import EditedMessage, with_fields
from mailcordon.act.outgoing import Outgoing
from mailcordon.act.quarantine_fields import quarantine_fields
from mailcordon.act.quarantine_file import relative_path, store
from mailcordon.act.received import received_field
from mailcordon.act.timeouts import Deadline
from mailcordon.config.partition_tag import partition_tag
from mailcordon.config.policy import quarantine_method
from mailcordon.config.settings import Settings
from mailcordon.config.types import LOCAL_QUARANTINE, SQL_QUARANTINE
from mailcordon.errors import QuarantineError
from mailcordon.mail.category import Destiny
from mailcordon.mail.envelope import Envelope, Recipient
from mailcordon.mail.finding import Findings
from mailcordon.mail.header import HeaderEdits
from mailcordon.mail.keeping import SQL_KIND, SqlCopies
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import QuarantineCopy, Verdict

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


class Quarantine:
    """Stores one copy for each file and address that the recipients ask for."""

    def __init__(self, courier: Courier) -> None:
        self._courier = courier

    async def keep(
        self,
        mail: Mail,
        settings: Settings,
        findings: Findings,
        verdicts: Sequence[Verdict],
        deadline: Deadline,
        sql: SqlCopies | None = None,
    ) -> tuple[QuarantineCopy, ...]:
        """Make the copies. Raises QuarantineError when one of them is not safe (B10.09).

        `sql`: the message's place in a data base.
        Mail that the client is told to bring again is not kept: each of its tries would leave another copy.
        """
        copies = []
        for place, wish in _wishes(settings, verdicts).items():
            fields = quarantine_fields(
                mail,
                findings,
                verdicts,
                delivered_to=", ".join(wish.mailboxes),
                received=received_field(mail, settings),
            )
            copy = with_fields(mail, fields, HeaderEdits())
            if "@" in place:
                kept = await self._send(mail, settings, copy, place, deadline)
            elif place == SQL_QUARANTINE:
                kept = await self._into_sql(mail, copy, sql)
            else:
                kept = await self._store(mail, settings, copy, place)
            copies.append(replace(kept, is_archive=wish.is_archive))
        return tuple(copies)

    @staticmethod
    async def _store(mail: Mail, settings: Settings, copy: EditedMessage, method: str) -> QuarantineCopy:
        template = method.removeprefix(LOCAL_QUARANTINE)
        location = await _in_thread(_write, mail, settings, copy, template)
        log.debug("(%s) %s quarantined in %s", mail.log_id, mail.mail_id, location)
        return QuarantineCopy(location, "Z" if location.endswith(".gz") else "F")

    @staticmethod
    async def _into_sql(mail: Mail, copy: EditedMessage, sql: SqlCopies | None) -> QuarantineCopy:
        if sql is None:
            raise QuarantineError(f"{SQL_QUARANTINE} there is no data base")
        location = await sql.keep(copy.chunks)
        log.debug("(%s) %s quarantined in the data base as %s", mail.log_id, mail.mail_id, location)
        return QuarantineCopy(location, SQL_KIND)

    async def _send(
        self, mail: Mail, settings: Settings, copy: EditedMessage, target: str, deadline: Deadline
    ) -> QuarantineCopy:
        """Into a mailbox somewhere else (B10.02)."""
        envelope = Envelope(
            sender=mail.envelope.sender,
            recipients=(Recipient(target, notify="NEVER"),),
            body_type=mail.envelope.body_type,
            smtputf8=mail.envelope.smtputf8,
        )
        (handover,) = await self._courier.send(
            mail, Outgoing(envelope, copy), Route.notify(settings), deadline, purpose=Purpose.QUARANTINE
        )
        if not handover.reply.ok:
            raise QuarantineError(f"cannot send quarantine copy to {target}: {handover.reply}")
        return QuarantineCopy(target, "L" if handover.hop and handover.hop.protocol == "lmtp" else "M")


@dataclass(slots=True)
class _Wish:
    """A copy that somebody asks for."""

    is_archive: bool
    mailboxes: dict[str, None] = field(default_factory=dict)
    """For whom; all local ones share one file, which the method alone names."""


def _wishes(settings: Settings, verdicts: Sequence[Verdict]) -> dict[str, _Wish]:
    """The copies by their place: an address, or the method for a file. What was found comes before the archive."""
    wishes: dict[str, _Wish] = {}

    def add(method: str, mailbox: str, *, is_archive: bool) -> None:
        place = mailbox if "@" in mailbox else method
        wishes.setdefault(place, _Wish(is_archive)).mailboxes[mailbox] = None

    kept = [verdict for verdict in verdicts if verdict.destiny is not Destiny.TEMPFAIL]
    for verdict in kept:
        if verdict.quarantine_to:
            add(_method(settings, verdict), verdict.quarantine_to, is_archive=False)
    for verdict in kept:
        if verdict.archive_to:
            add(settings.archive_quarantine_method, verdict.archive_to, is_archive=True)
    return wishes


def _method(settings: Settings, verdict: Verdict) -> str:
    """The method for mail that was judged so."""
    category = verdict.blocking or verdict.main
    method = quarantine_method(settings, category)
    if not method:
        raise QuarantineError(f"no quarantine method for {category.display_name} mail to {verdict.quarantine_to}")
    return method


def _write(mail: Mail, settings: Settings, copy: EditedMessage, template: str) -> str:
    path = relative_path(
        template,
        mail,
        subdir_levels=settings.quarantine_subdir_levels,
        partition_tag=partition_tag(settings, mail.received_at),
    )
    store(settings.QUARANTINEDIR, path, copy.chunks())
    return str(path)


async def _in_thread(function: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> T:
    """Run to the end even when cancelled: the thread reads the spool, which is closed once we return."""
    task = asyncio.create_task(asyncio.to_thread(function, *arguments, **keywords))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with contextlib.suppress(QuarantineError):
            await task
        raise
