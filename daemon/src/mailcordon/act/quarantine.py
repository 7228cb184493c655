"""Keeps copies of mail in quarantine (B10). A copy is durable before anything else is done about the message."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import ParamSpec, TypeVar

from mailcordon.act.counters import Purpose
from mailcordon.act.courier import Courier, Route
from mailcordon.act.edit import EditedMessage, with_fields
from mailcordon.act.mailbox_file import append
from mailcordon.act.outgoing import Outgoing
from mailcordon.act.quarantine_fields import quarantine_fields
from mailcordon.act.quarantine_file import batch, relative_path, store
from mailcordon.act.quarantine_pipe import feed
from mailcordon.act.received import received_field
from mailcordon.act.timeouts import Deadline
from mailcordon.act.tls import Security
from mailcordon.config.next_hop import DeliveryMethod
from mailcordon.config.partition_tag import partition_tag
from mailcordon.config.policy import quarantine_method
from mailcordon.config.quarantine_method import (
    BSMTP_QUARANTINE,
    LOCAL_QUARANTINE,
    PIPE_QUARANTINE,
    SQL_QUARANTINE,
    hop_of,
    names_one_mail,
    pipe_arguments,
)
from mailcordon.config.settings import Settings
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
        for wish in _wishes(settings, verdicts):
            fields = quarantine_fields(
                mail,
                findings,
                verdicts,
                delivered_to=", ".join(wish.mailboxes),
                received=received_field(mail, settings),
            )
            copy = with_fields(mail, fields, HeaderEdits())
            kept = await self._keep(mail, settings, copy, wish, deadline, sql)
            log.debug("(%s) %s quarantined: %s", mail.log_id, mail.mail_id, kept.location)
            copies.append(replace(kept, is_archive=wish.is_archive))
        return tuple(copies)

    async def _keep(
        self,
        mail: Mail,
        settings: Settings,
        copy: EditedMessage,
        wish: "_Wish",
        deadline: Deadline,
        sql: SqlCopies | None,
    ) -> QuarantineCopy:
        if wish.hop is not None:
            return await self._send(mail, copy, wish, Route(wish.hop, Security.of(settings)), deadline)
        if wish.by_mail:
            return await self._send(mail, copy, wish, Route.notify(settings), deadline)
        if wish.method == SQL_QUARANTINE:
            return await self._into_sql(copy, sql)
        if wish.method.startswith(PIPE_QUARANTINE):
            return await self._into_program(mail, settings, copy, wish)
        return await self._store(mail, settings, copy, wish.method)

    @staticmethod
    async def _store(mail: Mail, settings: Settings, copy: EditedMessage, method: str) -> QuarantineCopy:
        if method.startswith(BSMTP_QUARANTINE):
            location = await _in_thread(_write_batch, mail, settings, copy, method.removeprefix(BSMTP_QUARANTINE))
            return QuarantineCopy(location, "B")
        template = method.removeprefix(LOCAL_QUARANTINE)
        if not names_one_mail(template):
            return QuarantineCopy(await _in_thread(_append, mail, settings, copy, template), "M")
        location = await _in_thread(_write, mail, settings, copy, template)
        return QuarantineCopy(location, "Z" if location.endswith(".gz") else "F")

    @staticmethod
    async def _into_program(mail: Mail, settings: Settings, copy: EditedMessage, wish: "_Wish") -> QuarantineCopy:
        arguments = pipe_arguments(wish.method)
        await feed(
            arguments,
            copy.chunks(),
            sender=mail.envelope.sender,
            recipient=next(iter(wish.mailboxes)),
            limit=settings.child_timeout,
        )
        return QuarantineCopy(arguments[0], " ")

    @staticmethod
    async def _into_sql(copy: EditedMessage, sql: SqlCopies | None) -> QuarantineCopy:
        if sql is None:
            raise QuarantineError(f"{SQL_QUARANTINE} there is no data base")
        location = await sql.keep(copy.chunks)
        return QuarantineCopy(location, SQL_KIND)

    async def _send(
        self, mail: Mail, copy: EditedMessage, wish: "_Wish", route: Route, deadline: Deadline
    ) -> QuarantineCopy:
        """Into mailboxes somewhere else (B10.02)."""
        target = ",".join(wish.mailboxes)
        envelope = Envelope(
            sender=mail.envelope.sender,
            recipients=tuple(Recipient(mailbox, notify="NEVER") for mailbox in wish.mailboxes),
            body_type=mail.envelope.body_type,
            smtputf8=mail.envelope.smtputf8,
        )
        handovers = await self._courier.send(
            mail, Outgoing(envelope, copy), route, deadline, purpose=Purpose.QUARANTINE
        )
        for handover in handovers:
            if not handover.reply.ok:
                raise QuarantineError(f"cannot send quarantine copy to {target}: {handover.reply}")
        hop = handovers[0].hop
        return QuarantineCopy(target, "L" if hop and hop.protocol == "lmtp" else "M")


@dataclass(slots=True)
class _Wish:
    """A copy that somebody asks for."""

    method: str
    is_archive: bool
    hop: DeliveryMethod | None = None
    """Takes the copy, where the method names one."""
    by_mail: bool = False
    """An address stands in the place of a file (B10.02)."""
    mailboxes: dict[str, None] = field(default_factory=dict)
    """For whom; all local ones share one file, which the method alone names."""


def _wishes(settings: Settings, verdicts: Sequence[Verdict]) -> Iterable[_Wish]:
    """The copies, one for each address, program, file. What was found comes before the archive."""
    wishes: dict[tuple[str, str], _Wish] = {}

    def add(method: str, mailbox: str, *, is_archive: bool) -> None:
        hop = hop_of(method)
        if hop is not None and "@" not in mailbox:
            mailbox = f"{mailbox}@{settings.myhostname}"
        by_mail = method.startswith(LOCAL_QUARANTINE) and "@" in mailbox
        if by_mail:
            place = ("", mailbox)
        elif hop is not None or method.startswith(PIPE_QUARANTINE):
            place = (method, mailbox)
        else:
            place = (method, "")
        wishes.setdefault(place, _Wish(method, is_archive, hop, by_mail)).mailboxes[mailbox] = None

    kept = [verdict for verdict in verdicts if verdict.destiny is not Destiny.TEMPFAIL]
    for verdict in kept:
        if verdict.quarantine_to:
            add(_method(settings, verdict), verdict.quarantine_to, is_archive=False)
    for verdict in kept:
        if verdict.archive_to:
            add(settings.archive_quarantine_method, verdict.archive_to, is_archive=True)
    return wishes.values()


def _method(settings: Settings, verdict: Verdict) -> str:
    """The method for mail that was judged so."""
    category = verdict.decisive
    method = quarantine_method(settings, category)
    if not method:
        raise QuarantineError(f"no quarantine method for {category.display_name} mail to {verdict.quarantine_to}")
    return method


def _write(mail: Mail, settings: Settings, copy: EditedMessage, template: str) -> str:
    path = _path(mail, settings, template)
    store(settings.QUARANTINEDIR, path, copy.chunks())
    return str(path)


def _write_batch(mail: Mail, settings: Settings, copy: EditedMessage, template: str) -> str:
    path = _path(mail, settings, template)
    recipients = [recipient.address for recipient in mail.envelope.recipients]
    chunks = batch(copy.chunks(), sender=mail.envelope.sender, recipients=recipients, host=settings.localhost_name)
    store(settings.QUARANTINEDIR, path, chunks)
    return str(path)


def _append(mail: Mail, settings: Settings, copy: EditedMessage, template: str) -> str:
    path = _path(mail, settings, template, in_subdirectory=False)
    append(
        settings.QUARANTINEDIR,
        path,
        copy.chunks(),
        sender=mail.envelope.sender,
        now=mail.received_at,
    )
    return str(path)


def _path(mail: Mail, settings: Settings, template: str, *, in_subdirectory: bool = True) -> PurePosixPath:
    return relative_path(
        template,
        mail,
        subdir_levels=settings.quarantine_subdir_levels if in_subdirectory else 0,
        partition_tag=partition_tag(settings, mail.received_at),
    )


async def _in_thread(function: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> T:
    """Run to the end even when cancelled: the thread reads the spool, which is closed once we return."""
    task = asyncio.create_task(asyncio.to_thread(function, *arguments, **keywords))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with contextlib.suppress(QuarantineError):
            await task
        raise
