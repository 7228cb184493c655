"""Removes old messages, and what belongs to none, a few at a time, so that writers never wait long (contracts B2.11,
B2.32; features 11.07, 18.20)."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from mailcordon.errors import StoreError
from mailcordon.store.engine import is_forbidden, is_locked, reason
from mailcordon.store.partitions import Partitions, has_rows_elsewhere
from mailcordon.store.retention import NEVER, Retention
from mailcordon.store.shape import Shape
from mailcordon.store.transactions import lock_out_writers

P = ParamSpec("P")
T = TypeVar("T")
Key = tuple[Any, Any]
"""partition_tag and mail_id as the data base gives them."""

AT_A_TIME = 500
"""Messages, or addresses, in one transaction."""
LARGEST = 64 * 1024 * 1024
"""Octets of quarantined mail in one transaction, unless it is one message."""
_LOOKED_UP = 20_000
"""Keys that are held in memory."""
_ATTEMPTS = 5
_TOLD_EVERY = 20_000
_NO_MESSAGE = (
    "NOT EXISTS (SELECT 1 FROM msgs AS m WHERE m.partition_tag = {table}.partition_tag AND m.mail_id = {table}.mail_id)"
)
_HAS_CHUNKS = (
    "EXISTS (SELECT 1 FROM quarantine WHERE quarantine.partition_tag = msgs.partition_tag"
    " AND quarantine.mail_id = msgs.mail_id)"
)
_WITH_SIZE = "partition_tag, mail_id, time_num, CASE quar_type WHEN 'Q' THEN size ELSE 0 END"
_UNUSED = (
    "NOT EXISTS (SELECT 1 FROM msgs WHERE msgs.sid = maddr.id)"
    " AND NOT EXISTS (SELECT 1 FROM msgrcpt WHERE msgrcpt.rid = maddr.id)"
)


@dataclass(slots=True)
class Purged:
    """How much was removed, or would be."""

    messages: int = 0
    """Rows of `msgs` that were old, or had a tag that was to go; those in dropped partitions are not counted."""
    copies: int = 0
    """Messages whose copy was old while their row stays."""
    unfinished: int = 0
    """Messages without an end."""
    orphans: int = 0
    """Messages of which there were only recipients or chunks."""
    addresses: int = 0
    dropped_tags: list[str] = field(default_factory=list)
    """Of partitions that were dropped as a whole."""
    new_partitions: list[str] = field(default_factory=list)
    """Names of the tables that were made for messages to come."""
    problems: list[str] = field(default_factory=list)
    """What could not be done, each in a line that says what helps."""


class Purge:
    """One run. Everything raises what SQLAlchemy raises, and StoreError."""

    def __init__(
        self,
        reader: Connection,
        writer: Connection,
        retention: Retention,
        *,
        dry_run: bool = False,
        tell: Callable[[str], None] = lambda _text: None,
    ) -> None:
        """`reader` must not keep others from writing; `dry_run`: only count."""
        self._reader = reader
        self._writer = writer
        self._retention = retention
        self._dry_run = dry_run
        self._tell = tell
        self.purged = Purged()
        with reader.begin():
            self._shape = Shape.of(reader)

    def make_partitions(self, partitions: Partitions, tags: Iterable[str]) -> None:
        """Make those that messages with these tags will need."""
        for tag in () if self._dry_run else tags:
            try:
                self.purged.new_partitions += self._transaction(partitions.make, [tag])
            except DBAPIError as error:
                if has_rows_elsewhere(error):
                    self._problem(
                        f"no partition for tag {tag}: there are rows of it in the partition for all others; when those "
                        "are purged it is made"
                    )
                elif is_forbidden(error):
                    self._problem(f"cannot make partitions: {reason(error)}; see: mailcordon db grants")
                    return
                else:
                    raise

    def drop_partitions(self, partitions: Partitions, in_use: Iterable[str]) -> None:
        """Drop those in which all is old, but for the tags that are in use."""
        for tag in partitions.tags():
            if tag in in_use:
                continue
            old = self._retention.log != NEVER and partitions.holds_only_old(self._reader, tag, self._retention)
            if old and not self._drop(partitions, tag, self._retention):
                return

    def _drop(self, partitions: Partitions, tag: str, retention: Retention | None = None) -> bool:
        """False when we may not: then rows have to be removed."""
        try:
            is_dropped = self._dry_run or self._transaction(partitions.drop, tag, retention)
        except DBAPIError as error:
            if not is_forbidden(error):
                raise
            self._problem(f"cannot drop partitions: {reason(error)}; see: mailcordon db grants")
            return False
        if is_dropped:
            self.purged.dropped_tags.append(tag)
            self._tell(f"partition of tag {tag}")
        return True

    def _problem(self, text: str) -> None:
        self.purged.problems.append(text)

    def tag(self, tag: str, partitions: Partitions | None = None) -> None:
        """Everything of one partition tag, however old it is (features 11.07)."""
        if partitions is not None and tag in partitions.tags() and self._drop(partitions, tag):
            return
        where = f"partition_tag = {self._shape.mark}"
        self.purged.messages += self._messages(where, (self._shape.tag(tag),), f"messages of tag {tag}")

    def old_messages(self) -> None:
        """Messages that need not stay, with all that belongs to them."""
        if self._retention.log != NEVER:
            where = f"time_num < {self._retention.log} AND NOT {self._retention.stays}"
            self.purged.messages += self._messages(where, (), "old messages")

    def old_copies(self) -> None:
        """Copies in quarantine that are old though the rows of their messages stay."""
        if self._retention.newest_copies == NEVER:
            return
        where = (
            f"time_num < {self._retention.newest_copies} AND {self._retention.has_old_copy} AND {_HAS_CHUNKS}"
            f" AND NOT (time_num < {self._retention.log} AND NOT {self._retention.stays})"
        )
        self.purged.copies += self._removed(where, (), "old copies", self._remove_copies)

    def unfinished(self) -> None:
        """Messages that never got an end, and of which nothing is kept."""
        where = f"content IS NULL AND time_num < {self._retention.unfinished} AND NOT {_HAS_CHUNKS}"
        self.purged.unfinished += self._removed(where, (), "unfinished messages", self._remove_unfinished)

    def orphans(self) -> None:
        """Recipients and chunks without their message."""
        for table in ("msgrcpt", "quarantine"):
            query = f"SELECT DISTINCT partition_tag, mail_id FROM {table} WHERE {_NO_MESSAGE.format(table=table)}"  # noqa: S608
            if self._dry_run:
                self.purged.orphans += self._count(f"({query})")
                continue
            while keys := self._read(f"{query} LIMIT {_LOOKED_UP}"):
                for some in _some_of([(tag, mail_id) for tag, mail_id in keys]):
                    if not self._transaction(self._delete, table, some):
                        raise StoreError(f"rows of {table} that should go do not")
                    self.purged.orphans += len(some)

    def addresses(self) -> None:
        """Addresses that no message has."""
        if self._dry_run:
            self.purged.addresses += self._count(f"(SELECT id FROM maddr WHERE {_UNUSED})")  # noqa: S608
            return
        last = 0
        while ids := [
            int(row[0])
            for row in self._read(
                f"SELECT id FROM maddr WHERE id > {last} AND {_UNUSED} ORDER BY id LIMIT {_LOOKED_UP}"  # noqa: S608
            )
        ]:
            for some in _some_of(ids):
                self.purged.addresses += self._transaction(self._remove_addresses, some)
            last = ids[-1]

    def _messages(self, where: str, values: tuple[object, ...], what: str) -> int:
        return self._removed(where, values, what, self._remove_messages)

    def _removed(
        self, where: str, values: tuple[object, ...], what: str, remove: Callable[[Sequence[Key]], int]
    ) -> int:
        """Remove what is found by the condition on `msgs`, in the order of reception; gives the number."""
        if self._dry_run:
            return self._count(f"(SELECT mail_id FROM msgs WHERE {where})", values)  # noqa: S608
        total, told = 0, 0
        for keys in self._keys(where, values):
            if not self._transaction(remove, keys):
                raise StoreError(f"{what} that should go do not")
            total += len(keys)
            if total - told >= _TOLD_EVERY:
                told = total
                self._tell(f"{total} {what} so far")
        return total

    def _keys(self, where: str, values: tuple[object, ...]) -> Iterator[list[Key]]:
        """Those that the condition finds, until it finds no more: they have to be removed between two steps."""
        last = 0
        while rows := self._read(
            f"SELECT {_WITH_SIZE} FROM msgs WHERE time_num >= {last} AND {where} ORDER BY time_num LIMIT {AT_A_TIME}",  # noqa: S608
            values,
        ):
            keys: list[Key] = []
            octets = 0
            for tag, mail_id, received, size in rows:
                octets += int(size)
                if keys and octets > LARGEST:
                    break
                keys.append((tag, mail_id))
                # What stays need not be looked at again for what comes later.
                last = int(received)
            yield keys

    def _remove_messages(self, keys: Sequence[Key]) -> int:
        self._delete("quarantine", keys)
        self._delete("msgrcpt", keys)
        return self._delete("msgs", keys)

    def _remove_copies(self, keys: Sequence[Key]) -> int:
        for statement, values in self._by_tag("UPDATE msgs SET quar_type = ' ', quar_loc = ''", keys):
            self._writer.exec_driver_sql(f"{statement} AND quar_type = 'Q'", values)
        return self._delete("quarantine", keys)

    def _remove_unfinished(self, keys: Sequence[Key]) -> int:
        # Should it have got its end meanwhile, it is no matter of ours any more, and the next look does not find it.
        for statement, values in self._by_tag("DELETE FROM msgs", keys):
            self._writer.exec_driver_sql(f"{statement} AND content IS NULL", values)
        return len(keys)

    def _remove_addresses(self, ids: Sequence[int]) -> int:
        lock_out_writers(self._writer, ids)
        numbers = ", ".join(map(str, ids))
        return self._writer.exec_driver_sql(f"DELETE FROM maddr WHERE id IN ({numbers}) AND {_UNUSED}").rowcount  # noqa: S608

    def _delete(self, table: str, keys: Sequence[Key]) -> int:
        statements = self._by_tag(f"DELETE FROM {table}", keys)  # noqa: S608
        return sum(self._writer.exec_driver_sql(statement, values).rowcount for statement, values in statements)

    def _by_tag(self, verb: str, keys: Sequence[Key]) -> Iterator[tuple[str, tuple[object, ...]]]:
        """A statement for each tag among the keys: all data bases find rows by an index for that."""
        mark = self._shape.mark
        ids: dict[object, list[object]] = {}
        for tag, mail_id in keys:
            ids.setdefault(tag, []).append(mail_id)
        for tag, some in ids.items():
            marks = ", ".join([mark] * len(some))
            yield f"{verb} WHERE partition_tag = {mark} AND mail_id IN ({marks})", (tag, *some)

    def _read(self, statement: str, values: tuple[object, ...] = ()) -> Sequence[tuple[Any, ...]]:
        with self._reader.begin():
            return [tuple(row) for row in self._reader.exec_driver_sql(statement, values or None)]

    def _count(self, query: str, values: tuple[object, ...] = ()) -> int:
        ((number,),) = self._read(f"SELECT count(*) FROM {query} AS found", values)  # noqa: S608
        return int(number)

    def _transaction(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do it in a transaction of its own, again where locks stood in the way; others get as much time as it took."""
        for attempt in range(_ATTEMPTS):
            begun = time.monotonic()
            try:
                with self._writer.begin():
                    result = work(*args, **kwargs)
            except DBAPIError as error:
                if not is_locked(error) or attempt == _ATTEMPTS - 1:
                    raise
            else:
                time.sleep(time.monotonic() - begun)
                return result
            time.sleep(0.2 * (attempt + 1))
        raise StoreError("not tried")


def _some_of(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """So many as fit into one transaction, again and again."""
    for start in range(0, len(items), AT_A_TIME):
        yield items[start : start + AT_A_TIME]
