"""PostgreSQL's native partitions by tag: made before mail needs them, dropped as a whole (features 11.07)."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from mailcordon.config.partition_tag import partition_tag
from mailcordon.config.regimes import regimes
from mailcordon.config.settings import Settings
from mailcordon.store import partition_functions
from mailcordon.store.retention import Retention
from mailcordon.store.shape import LOG_TABLES

DAYS_AHEAD = 15
"""A purge once a week is enough."""
_LOCK_LIMIT = 3000
"""Milliseconds for which writers may have to wait behind us."""
_PARTITIONS = """
SELECT parent.relname, pg_get_expr(child.relpartbound, child.oid), child.oid::regclass::text FROM pg_inherits
JOIN pg_class child ON child.oid = inhrelid JOIN pg_class parent ON parent.oid = inhparent
WHERE inhparent IN (to_regclass('maddr'), to_regclass('msgs'), to_regclass('msgrcpt'), to_regclass('quarantine'))
"""
_OF_ONE_TAG = re.compile(r"FOR VALUES IN \('?(\d+)'?\)")


def tags_in_use(settings: Settings, now: datetime) -> list[str]:
    """Every number that a message gets as its tag from now on until some days ahead, whatever banks it is under."""
    days = [now + timedelta(days=day) for day in range(DAYS_AHEAD + 1)]
    tags = (partition_tag(effective, day) for _, effective in regimes(settings) for day in days)
    return [str(int(tag)) for tag in dict.fromkeys(tags) if tag.isdecimal()]


class Partitions:
    """Of the tables of the mail log, where they have any."""

    def __init__(self, connection: Connection) -> None:
        """Used for all that changes something; the caller begins and commits."""
        self._connection = connection

    @staticmethod
    def are_in(connection: Connection) -> bool:
        """Whether the tables are partitioned."""
        if connection.dialect.name != "postgresql":
            return False
        kind = connection.exec_driver_sql("SELECT relkind FROM pg_class WHERE oid = to_regclass('msgs')").scalar()
        return kind in ("p", b"p")

    def tags(self) -> list[str]:
        """Those of which `msgs` has a partition."""
        with self._connection.begin():
            return self.present()

    def present(self) -> list[str]:
        """The same within a transaction that has begun."""
        return sorted((tag for table, tag in self._found() if table == "msgs" and tag), key=int)

    def make(self, tags: Iterable[str]) -> list[str]:
        """Make what is missing for these tags, and for all others together; gives the names of the new tables.

        Raises what SQLAlchemy raises: an IntegrityError when there are rows of a tag in the partition for all others.
        """
        found = set(self._found())
        made = []
        for tag in (None, *tags):
            for table in LOG_TABLES:
                if (table, tag) in found:
                    continue
                name = _name(table, tag)
                bounds = "DEFAULT" if tag is None else f"FOR VALUES IN ({int(tag)})"
                self._wait_shortly()
                # Another gateway may make it at the same time.
                statement = f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF {table} {bounds}"
                self._change(partition_functions.MAKE, table, tag, statement)
                made.append(name)
        return made

    def holds_only_old(self, reader: Connection, tag: str, retention: Retention) -> bool:
        """Whether no message in it has to stay. Opens a transaction of its own on `reader`."""
        with reader.begin():
            # By the index of times, where all retentions are equal.
            candidates = f"partition_tag = {int(tag)} AND time_num >= {retention.oldest}"
            statement = f"SELECT 1 FROM msgs WHERE {candidates} AND {retention.stays} LIMIT 1"  # noqa: S608
            return reader.exec_driver_sql(statement).first() is None

    def drop(self, tag: str, retention: Retention | None = None) -> bool:
        """Drop it in all tables; false if a message has come in that is not old by `retention`."""
        self._wait_shortly()
        # In the order in which writers lock them.
        self._connection.exec_driver_sql(f"LOCK TABLE {', '.join(LOG_TABLES)} IN ACCESS EXCLUSIVE MODE")
        if retention is not None:
            statement = f"SELECT 1 FROM msgs WHERE partition_tag = {int(tag)} AND time_num >= {retention.log} LIMIT 1"  # noqa: S608
            if self._connection.exec_driver_sql(statement).first() is not None:
                return False
        for table, name in [(table, name) for table, found, name in self._all() if found == tag]:
            self._change(partition_functions.DROP, table, tag, f"DROP TABLE {name}")
        return True

    def _change(self, function: str, table: str, tag: str | None, statement: str) -> None:
        """By the function, where there is one: our account need not own the tables."""
        if partition_functions.are_in(self._connection):
            number = "NULL" if tag is None else int(tag)
            statement = f"SELECT {function}('{table}', {number})"
        self._connection.exec_driver_sql(statement)

    def _found(self) -> Iterator[tuple[str, str | None]]:
        return ((table, tag) for table, tag, _ in self._all())

    def _all(self) -> list[tuple[str, str | None, str]]:
        """Table, tag (None: of all others) and name, quoted."""
        rows = self._connection.exec_driver_sql(_PARTITIONS)
        found: list[tuple[str, str | None, str]] = []
        for table, bounds, name in rows:
            match = _OF_ONE_TAG.fullmatch(bounds)
            if match or bounds == "DEFAULT":
                found.append((table, match[1] if match else None, name))
        return found

    def _wait_shortly(self) -> None:
        self._connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_LOCK_LIMIT}")


def has_rows_elsewhere(error: DBAPIError) -> bool:
    """Whether a partition cannot be made because rows of its tag are in the one for all others."""
    return getattr(error.orig, "sqlstate", None) == "23514"


def _name(table: str, tag: str | None) -> str:
    return f"{table}_others" if tag is None else f"{table}_p{int(tag)}"
