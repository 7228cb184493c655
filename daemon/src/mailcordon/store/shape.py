"""The tables as they are: which of several legal types their columns have (contracts B2.07, B2.13, B2.14)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, inspect
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.types import Date, DateTime, Integer, LargeBinary, Numeric, TypeEngine, _Binary

from mailcordon.errors import StoreError

LOG_TABLES = ("maddr", "msgs", "msgrcpt", "quarantine")
NEEDED = {
    "maddr": {"partition_tag", "id", "email", "domain"},
    "msgs": {"partition_tag", "mail_id", "secret_id", "content", "originating", "quar_loc", "time_iso"},
    "msgrcpt": {"partition_tag", "mail_id", "rseqnum", "is_local", "content"},
    "quarantine": {"partition_tag", "mail_id", "chunk_ind", "mail_text"},
}
"""Columns without which the daemon cannot work; those of amavisd-new before 2.7 lack some."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How values must be given to the statements."""

    dialect: str
    mark: str
    """The driver's placeholder."""
    binary_address: bool
    binary_id: bool
    binary_secret: bool
    binary_location: bool
    text_tag: bool
    time_with_type: bool
    """A column of a type for times, where others have `YYYYMMDDTHHMMSSZ`."""

    @classmethod
    def of(cls, connection: Connection) -> "Shape":
        """Look at the tables. Raises StoreError when they are not there, or too old."""
        found = {name: columns_of(connection, name) for name in LOG_TABLES}
        missing = [name for name, columns in found.items() if not columns]
        if missing:
            raise StoreError(f"there is no table {', '.join(missing)}; run: mailcordon db upgrade")
        lacking = [
            f"{name}.{column}" for name, needed in NEEDED.items() for column in sorted(needed - set(found[name]))
        ]
        if lacking:
            raise StoreError(f"the tables lack {', '.join(lacking)}; run: mailcordon db upgrade")
        msgs = found["msgs"]
        return cls(
            dialect=connection.dialect.name,
            mark=mark_of(connection),
            binary_address=is_binary(found["maddr"]["email"]),
            binary_id=is_binary(msgs["mail_id"]),
            binary_secret=is_binary(msgs["secret_id"]),
            binary_location=is_binary(msgs["quar_loc"]),
            text_tag=not isinstance(msgs["partition_tag"], (Integer, Numeric)),
            time_with_type=isinstance(msgs["time_iso"], (DateTime, Date)),
        )

    @property
    def is_sqlite(self) -> bool:
        """Where types are those of values, not of columns."""
        return self.dialect == "sqlite"

    def tag(self, tag: str) -> object:
        """A partition tag. Raises StoreError for a text that should be a number."""
        if self.text_tag:
            return tag
        try:
            return int(tag)
        except ValueError:
            raise StoreError(f"partition_tag: {tag!r} is no number, as the column partition_tag wants") from None

    def mail_id(self, value: str) -> object:
        """An id."""
        return value.encode() if self.binary_id else value

    def secret(self, value: str) -> object:
        """What a release must know."""
        return value.encode() if self.binary_secret else value

    def location(self, value: str) -> object:
        """Path or address of a quarantine copy."""
        octets = value.encode("utf-8", "surrogateescape")
        return octets[:255] if self.binary_location else printable(value, 255)

    def address(self, value: bytes) -> object:
        """An address as the column can hold it."""
        return address_value(value, binary=self.binary_address, sqlite=self.is_sqlite)

    def moment(self, seconds: int) -> object:
        """A time."""
        moment = datetime.fromtimestamp(seconds, UTC)
        if not self.time_with_type:
            return f"{moment:%Y%m%dT%H%M%SZ}"
        return moment if self.dialect == "postgresql" else moment.replace(tzinfo=None)


def address_value(value: bytes, *, binary: bool, sqlite: bool) -> object:
    """Octets for a binary column.

    SQLite keeps text as text, so that people can ask for it, and what is none as it is.
    """
    if binary:
        return value
    try:
        text = value.decode()
        return text if sqlite else text.replace("\0", "?")
    except UnicodeDecodeError:
        return value if sqlite else value.decode("utf-8", "replace").replace("\0", "?")


def printable(value: str, length: int) -> str:
    """Text that any column of text takes: no NUL, no halves of characters, not too long."""
    return value.encode("utf-8", "replace").decode().replace("\0", "?")[:length]


def columns_of(connection: Connection, table: str) -> Mapping[str, TypeEngine[Any]]:
    """The types of a table's columns by name; empty when there is no such table."""
    try:
        return {column["name"]: column["type"] for column in inspect(connection).get_columns(table)}
    except NoSuchTableError:
        return {}


def is_binary(kind: TypeEngine[Any]) -> bool:
    """Whether values are octets."""
    return isinstance(kind, (LargeBinary, _Binary))


def mark_of(connection: Connection) -> str:
    """The driver's placeholder."""
    return "?" if connection.dialect.paramstyle == "qmark" else "%s"
