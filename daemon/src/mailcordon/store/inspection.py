"""Compares a data base with what the daemon needs; changes nothing (contracts B2.10, B2.14; features 11.29)."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.types import TypeEngine

from mailcordon.config.settings import Settings
from mailcordon.mail.content_code import CONTENT_WORDS
from mailcordon.store.adopting import missing_indexes
from mailcordon.store.log_tables import log_tables
from mailcordon.store.lookup_tables import lookup_tables
from mailcordon.store.migrate import Part, version
from mailcordon.store.partitions import Partitions, tags_in_use
from mailcordon.store.rights import Duty, rights
from mailcordon.store.shape import columns_of, is_binary

_UPGRADE = "run: mailcordon db upgrade"
_CODES = {
    ("msgs", "content"): {*CONTENT_WORDS},
    ("msgs", "quar_type"): {"", "F", "Z", "B", "Q", "M", "L"},
    ("msgs", "dsn_sent"): {"Y", "N", "q"},
    ("msgrcpt", "content"): {"", *CONTENT_WORDS},
    ("msgrcpt", "ds"): {"P", "R", "B", "D", "T"},
}
_OLD_CODES = {"s", "t"}
_LOOKED_UP = {
    "users": ("id", "email", "priority", "policy_id"),
    "policy": ("id",),
    "mailaddr": ("id", "email", "priority"),
    "wblist": ("rid", "sid", "wb"),
}
"""Without the other columns the configuration decides (B2.04)."""
_IDS = (("maddr", "id"), ("msgs", "sid"), ("msgrcpt", "rid"))

Columns = dict[str, dict[str, TypeEngine[Any]]]


def problems(connection: Connection, part: Part, settings: Settings, now: datetime) -> Iterator[str]:
    """What is wrong with this part, and what helps, a line each. Opens transactions of its own."""
    tables = log_tables().all if part is Part.LOG else lookup_tables().all
    with connection.begin():
        found: Columns = {table.name: dict(columns_of(connection, table.name)) for table in tables}
        missing = [name for name, columns in found.items() if not columns]
        yield from (f"there is no table {name}; {_UPGRADE}" for name in missing)
        current, newest = version(connection, part)
        if current != newest:
            state = f"the tables are at {current}" if current else "the tables were not made or taken over by us"
            yield f"{state}, not at {newest}; {_UPGRADE}"
        lacking = [
            f"{table.name}.{column}"
            for table in tables
            if found[table.name]
            for column in _needed(table, part)
            if column not in found[table.name]
        ]
        yield from (f"there is no column {name}; {_UPGRADE}" for name in lacking)
        yield from _rights(connection, part, found)
    if missing or lacking:
        return
    with connection.begin():
        if connection.dialect.name != "sqlite":
            yield from _addresses(found, part, settings)
        if part is Part.LOG:
            yield from _types(found)
            for table in tables:
                for index in missing_indexes(connection, table):
                    yield f"there is no index {index.name} of {table.name}, so that questions are slow; {_UPGRADE}"
            yield from _codes(connection)
            yield from _partitions(connection, settings, now)


def _needed(table: Table, part: Part) -> list[str]:
    return [column.name for column in table.columns] if part is Part.LOG else [*_LOOKED_UP[table.name]]


def _addresses(found: Columns, part: Part, settings: Settings) -> Iterator[str]:
    """Features 11.29: the column type and the switch must fit, but for SQLite, whose columns take both."""
    for table in ("maddr",) if part is Part.LOG else ("users", "mailaddr"):
        binary = is_binary(found[table]["email"])
        if settings.sql_allow_8bit_address and not binary:
            yield (
                f"{table}.email is a column of text while sql_allow_8bit_address is true: octets that are no UTF-8 are "
                f"lost; {_UPGRADE}, or set it to false"
            )
        elif binary and not settings.sql_allow_8bit_address:
            yield (
                f"{table}.email is a binary column while sql_allow_8bit_address is false: addresses lose octets "
                "without need; set it to true"
            )


def _types(found: Columns) -> Iterator[str]:
    """B2.14."""
    kinds = {f"{table}.{column}": str(found[table][column]) for table, column in _IDS}
    if len(set(kinds.values())) > 1:
        yield f"{', '.join(f'{name} {kind}' for name, kind in kinds.items())} must have one type; {_UPGRADE}"
    if not is_binary(found["quarantine"]["mail_text"]):
        yield f"quarantine.mail_text is no binary column, so that mail may be changed in it; {_UPGRADE}"
    for table in ("msgs", "msgrcpt", "quarantine"):
        collation = str(getattr(found[table]["mail_id"], "collation", None) or "")
        if collation.endswith("_ci"):
            yield f"{table}.mail_id does not differ by case: another mail may be released than was meant; {_UPGRADE}"


def _codes(connection: Connection) -> Iterator[str]:
    """B2.10."""
    for (table, column), known in _CODES.items():
        rows = connection.exec_driver_sql(f"SELECT {column}, count(*) FROM {table} GROUP BY {column}")  # noqa: S608
        for value, number in rows:
            code = "" if value is None else str(value).strip()
            if value is None or code in known:
                continue
            todo = _UPGRADE if code in _OLD_CODES else "another program has written them; see docs/database.md"
            yield f"{table}.{column} is {code!r} in {number} rows, which means nothing; {todo}"


def _partitions(connection: Connection, settings: Settings, now: datetime) -> Iterator[str]:
    if Partitions.are_in(connection):
        there = Partitions(connection).present()
        for tag in tags_in_use(settings, now):
            if tag not in there:
                yield f"there is no partition for tag {tag}, in use soon; run: mailcordon db purge"


def _rights(connection: Connection, part: Part, found: Columns) -> Iterator[str]:
    """B2.05, B2.15. MariaDB does not tell without doubt."""
    if connection.dialect.name != "postgresql":
        return
    for table, allowed in rights(part, Duty.FILTER).items():
        for right in allowed.split(", ") if found.get(table) else ():
            answer = connection.exec_driver_sql(f"SELECT has_table_privilege('{table}', '{right}')").scalar()
            if not answer:
                yield f"the account may not {right} in {table}; see: mailcordon db grants"
