"""Finds messages in the data base and reads their copies (contracts B2.22; features 11.15, 11.19)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from mailcordon.errors import StoreError
from mailcordon.store.engine import Databases, reason
from mailcordon.store.reader import Reader
from mailcordon.store.shape import Shape
from mailcordon.store.statements import Statements

_ROWS_AT_A_TIME = 64
_TIME_FOR_A_COPY = 120.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """What the log says of a message that may be in quarantine."""

    partition_tag: str
    mail_id: str
    secret_id: str
    """Authorises a release."""
    quar_type: str
    quar_loc: str
    content: str
    sender: str
    recipients: tuple[str, ...]


class QuarantineReader:
    """Asynchronous questions; they wait in threads of their own. All raise StoreError."""

    def __init__(self, databases: Databases, statements: Statements, *, timeout: float) -> None:
        self._reader = Reader(databases, timeout=timeout, name="sql-quarantine")
        self._statements = statements

    async def tags(self, mail_id: str) -> list[str]:
        """The partition tags of all messages with that id; several are ambiguous (features 11.19)."""
        return await self._reader.ask(lambda connection: self.tags_now(connection, mail_id))

    async def message(self, tag: str, mail_id: str) -> StoredMessage | None:
        """The one message with this tag and id."""
        return await self._reader.ask(lambda connection: self.message_now(connection, tag, mail_id))

    async def copy(self, tag: str, mail_id: str, write: Callable[[bytes], Any]) -> int:
        """Give the octets of the copy to `write`, which is called in another thread; their number, 0 for no copy.

        Raises StoreError also in the middle of it.
        """
        return await self._reader.ask(
            lambda connection: self.copy_now(connection, tag, mail_id, write), limit=_TIME_FOR_A_COPY
        )

    def close(self) -> None:
        """End the threads. Blocks."""
        self._reader.close()

    def tags_now(self, connection: Connection, mail_id: str) -> list[str]:
        """`tags`, blocking."""
        shape = Shape.of(connection)
        statement, values = self._statements["sel_msg"].bound((shape.mail_id(mail_id),), {}, shape.mark)
        return sorted({str(row[0]) for row in connection.exec_driver_sql(statement, values)})

    def message_now(self, connection: Connection, tag: str, mail_id: str) -> StoredMessage | None:
        """`message`, blocking."""
        shape = Shape.of(connection)
        mark, key = shape.mark, (shape.tag(tag), shape.mail_id(mail_id))
        where = f"partition_tag = {mark} AND mail_id = {mark}"
        row = connection.exec_driver_sql(
            "SELECT secret_id, quar_type, quar_loc, content, "  # noqa: S608
            f"(SELECT email FROM maddr WHERE maddr.id = msgs.sid) FROM msgs WHERE {where}",
            key,
        ).first()
        if row is None:
            return None
        recipients = connection.exec_driver_sql(
            "SELECT maddr.email FROM msgrcpt JOIN maddr ON maddr.id = msgrcpt.rid "  # noqa: S608
            f"WHERE msgrcpt.partition_tag = {mark} AND msgrcpt.mail_id = {mark} ORDER BY msgrcpt.rseqnum",
            key,
        )
        secret, kind, location, content, sender = (text_of(value) for value in row)
        return StoredMessage(
            tag,
            mail_id,
            secret,
            kind.strip(),
            location,
            content,
            sender,
            tuple(text_of(item[0]) for item in recipients),
        )

    def copy_now(self, connection: Connection, tag: str, mail_id: str, write: Callable[[bytes], Any]) -> int:
        """`copy`, blocking."""
        shape = Shape.of(connection)
        statement, values = self._statements["sel_quar"].bound((shape.tag(tag), shape.mail_id(mail_id)), {}, shape.mark)
        size = 0
        rows = connection.exec_driver_sql(statement, values, execution_options={"stream_results": True})
        try:
            for some in rows.partitions(_ROWS_AT_A_TIME):
                for (chunk,) in some:
                    octets = chunk.encode() if isinstance(chunk, str) else bytes(chunk)
                    write(octets)
                    size += len(octets)
        except SQLAlchemyError as error:
            # Not to be tried again: some of it is written.
            raise StoreError(reason(error)) from error
        return size


def text_of(value: object) -> str:
    """A value of a column of text or of octets; empty for NULL."""
    if value is None:
        return ""
    return value if isinstance(value, str) else bytes(value).decode("utf-8", "surrogateescape")  # type: ignore[call-overload]
