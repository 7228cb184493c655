"""What the writer does within one transaction, for many messages at a time or, carefully, for one."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from sqlalchemy import Connection

from mailcordon.config.sql_clause import ClauseName
from mailcordon.errors import StoreError
from mailcordon.mail.ids import new_mail_id
from mailcordon.store.addresses import Addresses, Key
from mailcordon.store.driver import execute, execute_many
from mailcordon.store.records import Beginning, Record
from mailcordon.store.shape import Shape, printable
from mailcordon.store.statements import Statements
from mailcordon.store.tasks import Abandon, Finish, Keep, Reserve, Task

log = logging.getLogger(__name__)

ATTEMPTS = 5
"""Ids that are tried for one message (features 11.17)."""
_CHUNKS_AT_A_TIME = 64
WRITERS_LOCK = 0x6D63_7374
"""Key of the advisory lock that writers share, and that a purge of addresses has alone (PostgreSQL)."""


_PURGE_WAITS = 2000
"""Milliseconds for a lock, while writers wait."""


class RowTakenError(StoreError):
    """Another message has this id."""


class Transactions:
    """Carries tasks out on a connection that has begun a transaction; the caller commits."""

    def __init__(
        self,
        statements: Statements,
        shape: Shape,
        *,
        allow_8bit: bool,
        chunk_size: int,
        count_retry: Callable[[], None],
        id_bits: int,
    ) -> None:
        self._statements = statements
        self._shape = shape
        self._addresses = Addresses(statements, allow_8bit=allow_8bit)
        self._chunk_size = chunk_size
        self._count_retry = count_retry
        self._id_bits = id_bits

    def all(self, connection: Connection, tasks: Sequence[Task]) -> list[str | None]:
        """Everything in a few statements; gives the id for each that reserves one.

        Raises IntegrityError when a row is there already, StoreError when one is not, or whatever else goes wrong:
        then nothing of it must be committed, and each task wants `one`.
        """
        ids = self._ids(connection, tasks)
        new = [task.beginning for task in tasks if isinstance(task, (Reserve, Keep))]
        new += [task.record.beginning for task in tasks if isinstance(task, Finish) and not task.is_reserved]
        if new:
            self._many(connection, "ins_msg", [self._message(item, ids) for item in new])
        finished = [task.record for task in tasks if isinstance(task, Finish)]
        if finished:
            self._update(connection, finished)
            self._recipients(connection, finished, ids)
        for task in tasks:
            if isinstance(task, Keep):
                self._chunks(connection, task)
        self._abandon(connection, [task.beginning for task in tasks if isinstance(task, Abandon)])
        return [task.beginning.mail_id if isinstance(task, Reserve) else None for task in tasks]

    def one(self, connection: Connection, task: Task) -> str | None:
        """One task, though it may have been carried out before, in part or by somebody else; gives its id.

        Raises RowTakenError when its id is another message's, and no other may be taken.
        """
        match task:
            case Reserve(beginning):
                return self._new_row(connection, beginning).mail_id
            case Keep(beginning):
                self._own_row(connection, beginning)
                self._delete_chunks(connection, beginning)
                self._chunks(connection, task)
            case Finish(record):
                self._finish(connection, record)
            case Abandon(beginning):
                self._abandon(connection, [beginning])
        return None

    def _finish(self, connection: Connection, record: Record) -> None:
        found = self._row(connection, record.beginning)
        if found is None:
            self._insert(connection, record.beginning)
        elif found[0] != record.beginning.secret_id:
            # Its id stands in the delivered mail already; better a row under another one than none.
            log.error("mail_id %s is another message's, logged under a new one", record.beginning.mail_id)
            record = record.renamed(self._new_row(connection, record.beginning).mail_id)
        elif found[1] is not None:
            return
        ids = self._ids(connection, [Finish(record, is_reserved=True)])
        self._update(connection, [record])
        self._recipients(connection, [record], ids)

    def _own_row(self, connection: Connection, beginning: Beginning) -> None:
        found = self._row(connection, beginning)
        if found is None:
            self._insert(connection, beginning)
        elif found[0] != beginning.secret_id:
            raise RowTakenError(f"mail_id {beginning.mail_id} is another message's")

    def _new_row(self, connection: Connection, beginning: Beginning) -> Beginning:
        for _ in range(ATTEMPTS):
            found = self._row(connection, beginning)
            if found is None:
                self._insert(connection, beginning)
                return beginning
            if found[0] == beginning.secret_id:
                return beginning
            self._count_retry()
            beginning = beginning.renamed(new_mail_id(self._id_bits))
        raise RowTakenError(f"no mail_id in {ATTEMPTS} that is not another message's")

    def _insert(self, connection: Connection, beginning: Beginning) -> None:
        ids = self._ids(connection, [Reserve(beginning)])
        self._many(connection, "ins_msg", [self._message(beginning, ids)])

    def _row(self, connection: Connection, beginning: Beginning) -> tuple[str, str | None] | None:
        """secret_id and content of the row that has this id."""
        shape = self._shape
        statement = f"SELECT secret_id, content FROM msgs WHERE partition_tag = {shape.mark} AND mail_id = {shape.mark}"  # noqa: S608
        row = execute(connection, statement, self._key(beginning)).fetchone()
        if row is None:
            return None
        secret = row[0]
        return secret if isinstance(secret, str) else bytes(secret or b"").decode("latin-1"), row[1]

    def _ids(self, connection: Connection, tasks: Sequence[Task]) -> dict[Key, int]:
        return self._addresses.ids(connection, self._shape, set(_addresses_of(tasks)))

    def _message(self, item: Beginning, ids: dict[Key, int]) -> tuple[object, ...]:
        shape = self._shape
        return (
            shape.tag(item.partition_tag),
            shape.mail_id(item.mail_id),
            shape.secret(item.secret_id),
            item.am_id,
            item.time_num,
            shape.moment(item.time_num),
            ids[item.partition_tag, item.sender],
            printable(item.policy, 255),
            printable(item.client_addr, 255),
            item.size,
            item.host,
        )

    def _update(self, connection: Connection, records: Sequence[Record]) -> None:
        rows: list[tuple[object, ...]] = [
            (
                record.content,
                record.quar_type,
                self._shape.location(record.quar_loc),
                record.dsn_sent,
                record.spam_level,
                printable(record.message_id, 255),
                printable(record.from_addr, 255),
                printable(record.subject, 255),
                printable(record.beginning.client_addr, 255),
                "Y" if record.originating else "N",
                *self._key(record.beginning),
            )
            for record in records
        ]
        changed = self._many(connection, "upd_msg", rows)
        if self._statements.is_ours("upd_msg") and changed != len(records):
            raise StoreError(f"{len(records) - changed} rows of messages are not there any more")

    def _recipients(self, connection: Connection, records: Sequence[Record], ids: dict[Key, int]) -> None:
        rows: list[tuple[object, ...]] = [
            (
                *self._key(record.beginning),
                number,
                ids[record.beginning.partition_tag, item.address],
                "Y" if item.is_local else "N",
                item.content,
                item.ds,
                " ",
                "Y" if item.blacklisted else "N",
                "Y" if item.whitelisted else "N",
                item.bspam_level,
                printable(item.smtp_resp, 255),
            )
            for record in records
            for number, item in enumerate(record.recipients, start=1)
        ]
        if rows:
            self._many(connection, "ins_rcp", rows)

    def _chunks(self, connection: Connection, task: Keep) -> None:
        key = self._key(task.beginning)
        pieces = enumerate(_rechunked(task.chunks(), self._chunk_size), start=1)
        while some := list(islice(pieces, _CHUNKS_AT_A_TIME)):
            self._many(connection, "ins_quar", [(*key, number, chunk) for number, chunk in some])

    def _delete_chunks(self, connection: Connection, beginning: Beginning) -> None:
        mark = self._shape.mark
        execute(
            connection,
            f"DELETE FROM quarantine WHERE partition_tag = {mark} AND mail_id = {mark}",  # noqa: S608
            self._key(beginning),
        )

    def _abandon(self, connection: Connection, beginnings: Sequence[Beginning]) -> None:
        if beginnings:
            mark = self._shape.mark
            execute_many(
                connection,
                f"DELETE FROM msgs WHERE partition_tag = {mark} AND mail_id = {mark} AND secret_id = {mark} "  # noqa: S608
                "AND content IS NULL",
                [(*self._key(item), self._shape.secret(item.secret_id)) for item in beginnings],
            )

    def _key(self, beginning: Beginning) -> tuple[object, object]:
        return self._shape.tag(beginning.partition_tag), self._shape.mail_id(beginning.mail_id)

    def _many(self, connection: Connection, name: ClauseName, rows: list[tuple[object, ...]]) -> int:
        return execute_many(connection, self._statements.text(name, self._shape.mark), rows)


def lock_for_writing(connection: Connection) -> None:
    """Keep purges from removing addresses of which this transaction has looked up the ids."""
    if connection.dialect.name == "postgresql":
        execute(connection, f"SELECT pg_advisory_xact_lock_shared({WRITERS_LOCK})")


def lock_out_writers(connection: Connection, addresses: Sequence[int]) -> None:
    """Wait until no transaction has looked up the ids of these addresses, and let none do so before this one ends."""
    match connection.dialect.name:
        case "postgresql":
            # Those who come after us wait behind us.
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_PURGE_WAITS}")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})")
        case "sqlite":
            pass  # one at a time writes
        case _:
            numbers = ", ".join(map(str, addresses))
            connection.exec_driver_sql(f"SELECT id FROM maddr WHERE id IN ({numbers}) FOR UPDATE")  # noqa: S608


def _addresses_of(tasks: Iterable[Task]) -> Iterator[Key]:
    for task in tasks:
        match task:
            case Reserve(beginning) | Keep(beginning):
                yield beginning.partition_tag, beginning.sender
            case Finish(record, is_reserved):
                tag = record.beginning.partition_tag
                if not is_reserved:
                    yield tag, record.beginning.sender
                for row in record.recipients:
                    yield tag, row.address


def _rechunked(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same octets, `size` of them at a time; an empty message is one empty chunk."""
    rest = b""
    number = 0
    for piece in pieces:
        rest += piece
        start = 0
        while len(rest) - start >= size:
            yield rest[start : start + size]
            number += 1
            start += size
        rest = rest[start:]
    if rest or not number:
        yield rest
