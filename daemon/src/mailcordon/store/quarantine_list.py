"""Lists what is in quarantine by the tables of the mail log (contracts B2.07, B2.08; features 12.08)."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from mailcordon.config.partition_tag import shown_tag
from mailcordon.errors import StoreError
from mailcordon.mail.kept import AddressPattern, KeptMail, KeptRecipient, WantedMails, moment
from mailcordon.store.engine import Databases, reason
from mailcordon.store.quarantine_reader import text_of
from mailcordon.store.records import address
from mailcordon.store.shape import Shape

_AT_A_TIME = 200
"""Mails whose recipients are asked for together."""
_COLUMNS = (
    "SELECT partition_tag, mail_id, time_num, (SELECT email FROM maddr WHERE maddr.id = msgs.sid), content, quar_type, "
    "quar_loc, subject, from_addr, message_id, spam_level, size, secret_id, am_id, client_addr, host FROM msgs WHERE "
)
_PASSED = "P"


def kept_in(databases: Databases, wanted: WantedMails, *, case_sensitive: bool) -> Iterator[KeptMail]:
    """The mails in quarantine, the latest first; a few of them at a time are held in memory. Blocks.

    `case_sensitive`: local parts differ by case (`localpart_is_case_sensitive`). Raises StoreError.
    """
    try:
        # Two connections: some servers answer no second question before the first is answered in full.
        with databases.connect() as messages, databases.connect() as recipients:
            shape = Shape.of(messages)
            statement, values = _Question(shape, wanted, case_sensitive=case_sensitive).statement()
            rows = messages.exec_driver_sql(statement, values, execution_options={"stream_results": True})
            for some in rows.partitions(_AT_A_TIME):
                yield from _with_recipients([tuple(row) for row in some], recipients, shape)
    except SQLAlchemyError as error:
        raise StoreError(reason(error)) from error


class _Question:
    """Makes the statement that finds the wanted mails."""

    def __init__(self, shape: Shape, wanted: WantedMails, *, case_sensitive: bool) -> None:
        self._shape = shape
        self._wanted = wanted
        self._case_sensitive = case_sensitive

    def statement(self) -> tuple[str, tuple[object, ...]]:
        """The text, and what stands in its places. Raises StoreError."""
        conditions = list(self._conditions())
        text = _COLUMNS + " AND ".join(condition for condition, _ in conditions)
        text += " ORDER BY time_num DESC, mail_id DESC"
        if self._wanted.limit:
            text += f" LIMIT {self._wanted.limit:d}"
        return text.replace("?", self._shape.mark), tuple(value for _, values in conditions for value in values)

    def _conditions(self) -> Iterator[tuple[str, Sequence[object]]]:
        wanted, shape = self._wanted, self._shape
        # NULL, of mail that is not done with, is in no list.
        yield "quar_type NOT IN ('', ' ')", ()
        if wanted.since is not None:
            yield "time_num >= ?", (wanted.since.timestamp(),)
        if wanted.until is not None:
            yield "time_num < ?", (wanted.until.timestamp(),)
        if wanted.mail_id is not None:
            yield "mail_id = ?", (shape.mail_id(wanted.mail_id),)
        if wanted.partition_tag is not None:
            yield "partition_tag = ?", (shape.tag(wanted.partition_tag or "0"),)
        if wanted.contents:
            yield f"content IN ({', '.join('?' * len(wanted.contents))})", sorted(wanted.contents)
        if wanted.subject is not None:
            yield "LOWER(subject) LIKE LOWER(?) ESCAPE '!'", (f"%{_escaped(wanted.subject)}%",)
        if wanted.sender is not None:
            condition, value = self._address(wanted.sender)
            yield f"sid IN (SELECT id FROM maddr WHERE {condition})", (value,)  # noqa: S608
        if wanted.recipient is not None:
            condition, value = self._address(wanted.recipient)
            yield (
                "(partition_tag, mail_id) IN (SELECT partition_tag, mail_id FROM msgrcpt "  # noqa: S608
                f"WHERE rid IN (SELECT id FROM maddr WHERE {condition}))",
                (value,),
            )

    def _address(self, pattern: AddressPattern) -> tuple[str, object]:
        text = address(pattern.text, case_sensitive=self._case_sensitive)
        if pattern.is_exact:
            return "email = ?", self._as_stored(text)
        like = _escaped(text).replace("*", "%").replace("?", "_")
        return "email LIKE ? ESCAPE '!'", self._as_stored(like)

    def _as_stored(self, text: str) -> object:
        return self._shape.address(text.encode("utf-8", "surrogateescape"))


def _escaped(text: str) -> str:
    """For LIKE: `!` before what would have a meaning."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def _with_recipients(rows: Sequence[tuple[Any, ...]], connection: Connection, shape: Shape) -> Iterator[KeptMail]:
    recipients = _recipients(rows, connection, shape)
    for row in rows:
        tag, mail_id, time, sender, content, kind, location, *texts, score, size, secret, log_id, client, host = row
        subject, author, message_id = map(text_of, texts)
        yield KeptMail(
            mail_id=text_of(mail_id),
            partition_tag=shown_tag(str(tag)),
            received_at=moment(time),
            sender=text_of(sender),
            recipients=tuple(recipients[str(tag), text_of(mail_id)]),
            content=text_of(content).strip(),
            quar_type=text_of(kind).strip(),
            location=text_of(location),
            subject=subject,
            author=author,
            message_id=message_id,
            score=score,
            size=size,
            secret_id=text_of(secret) or None,
            log_id=text_of(log_id),
            client_addr=text_of(client),
            host=text_of(host),
        )


def _recipients(
    mails: Sequence[tuple[Any, ...]], connection: Connection, shape: Shape
) -> defaultdict[tuple[str, str], list[KeptRecipient]]:
    found: defaultdict[tuple[str, str], list[KeptRecipient]] = defaultdict(list)
    ids = tuple({mail[1] for mail in mails})
    rows = connection.exec_driver_sql(
        "SELECT msgrcpt.partition_tag, mail_id, email, content, ds, rs, bspam_level, smtp_resp "  # noqa: S608
        "FROM msgrcpt LEFT JOIN maddr ON maddr.id = msgrcpt.rid "
        f"WHERE mail_id IN ({', '.join([shape.mark] * len(ids))}) ORDER BY rseqnum",
        ids,
    )
    for row in rows:
        tag, mail_id, email, content, fate, state, score, reply = tuple(row)
        found[str(tag), text_of(mail_id)].append(
            KeptRecipient(
                address=text_of(email),
                blocked=text_of(fate) != _PASSED,
                content=text_of(content).strip(),
                fate=text_of(fate).strip(),
                state=text_of(state).strip(),
                score=score,
                reply=text_of(reply),
            )
        )
    return found
