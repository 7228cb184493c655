"""Column types that differ by data base (contracts B2.12, B2.14; features 11.20, 11.21, 18.14)."""

from typing import Any

from sqlalchemy import Integer, LargeBinary, String
from sqlalchemy.dialects.mysql import BIGINT, CHAR, FLOAT, INTEGER, VARBINARY, VARCHAR
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import CHAR as PLAIN_CHAR
from sqlalchemy.types import REAL, TypeEngine

MYSQL = ("mysql", "mariadb")
TABLE_OPTIONS: dict[str, Any] = {
    f"{dialect}_{name}": value
    for dialect in MYSQL
    for name, value in (("engine", "InnoDB"), ("default_charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}
"""Transactions, and text that differs by case."""


def octets(length: int) -> TypeEngine[Any]:
    """Identifiers and the like, which have no character set and differ by case.

    SQLite compares text by octets anyway, and text is what its users ask with.
    """
    return LargeBinary(length).with_variant(VARBINARY(length), *MYSQL).with_variant(String(length), "sqlite")


def address(*, allow_8bit: bool) -> TypeEngine[Any]:
    """An address: any octets, or text in which `?` stands for what is not ASCII (features 11.23 to 11.26)."""
    return octets(255) if allow_8bit else String(255)


def location() -> TypeEngine[Any]:
    """Where a copy is: a path or an address."""
    return String(255).with_variant(VARBINARY(255), *MYSQL)


def code(length: int = 1) -> TypeEngine[Any]:
    """Letters of fixed meaning."""
    return PLAIN_CHAR(length).with_variant(CHAR(length, charset="utf8mb4", collation="utf8mb4_bin"), *MYSQL)


def text(length: int) -> TypeEngine[Any]:
    """Text of people, UTF-8."""
    return String(length).with_variant(VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin"), *MYSQL)


def score() -> TypeEngine[Any]:
    """Points."""
    return REAL().with_variant(FLOAT(), *MYSQL)


def unsigned() -> TypeEngine[Any]:
    """A number from 0."""
    return Integer().with_variant(INTEGER(unsigned=True), *MYSQL)


def address_id() -> TypeEngine[Any]:
    """Of one type wherever it stands (B2.14)."""
    return Integer().with_variant(BIGINT(unsigned=True), *MYSQL)


def moment() -> TypeEngine[Any]:
    """A time in UTC: `YYYYMMDDTHHMMSSZ` where there is no type with a zone."""
    return PLAIN_CHAR(16).with_variant(TIMESTAMP(timezone=True), "postgresql")


def blob() -> TypeEngine[Any]:
    """A piece of a message."""
    return LargeBinary()
