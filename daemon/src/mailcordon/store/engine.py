"""Connections to the data bases of a list: the first that connects is used until it fails (contracts B2.26, B2.30)."""

import logging
import os
import socket
import sqlite3
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from mailcordon.config.sql_source import SqlSource
from mailcordon.errors import StoreError
from mailcordon.log_levels import NOTICE
from mailcordon.store.driver import execute

log = logging.getLogger(__name__)

_LEAST_CONNECT_TIMEOUT = 2
"""Seconds; psycopg takes less for none at all."""
_FOR_EVER = 3600.0
"""Seconds that stand for any number of them."""
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.0005, 0.005
"""Seconds between attempts to write to a SQLite file while another process does so, which takes about one or two ms:
from the first to the last value, doubled."""


class Databases:
    """Knows the way to one of several data bases with the same contents."""

    def __init__(self, sources: Sequence[SqlSource], *, timeout: float, read_only: bool = False) -> None:
        """`timeout`: seconds that connecting, and each statement, may take; 0 for any.
        `read_only`: no transaction keeps writers of SQLite waiting."""
        self._sources = tuple(sources)
        self._timeout = timeout
        self._read_only = read_only
        self._last: str | None = None

    def connect(self) -> Connection:
        """A connection to the first data base that gives one. Blocks. Raises StoreError with what each has to say."""
        problems = []
        for source in self._sources:
            try:
                connection = self.engine(source).connect()
            except (SQLAlchemyError, StoreError, OSError) as error:
                problems.append(f"{source}: {reason(error)}")
                continue
            if self._last != source.url:
                log.log(NOTICE, "connected to data base %s", source)
                self._last = source.url
            return connection
        raise StoreError("; ".join(problems) or "no data base is configured")

    def engine(self, source: SqlSource) -> Engine:
        """Makes connections to that one. Raises StoreError."""
        url = make_url(source.url)
        password = source.secret()
        if password is not None:
            url = url.set(password=password)
        engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=self._arguments(source))
        match engine.dialect.name:
            case "sqlite":
                self._prepare_sqlite(engine)
            case "postgresql":
                self._prepare_postgresql(engine)
            case _:
                # Readers must see what is committed, and writers must not lock what lies between rows.
                engine = engine.execution_options(isolation_level="READ COMMITTED")
        return engine

    def _arguments(self, source: SqlSource) -> dict[str, Any]:
        seconds = self._timeout
        if source.is_sqlite:
            return {"timeout": seconds or _FOR_EVER, "check_same_thread": False}
        if source.is_postgresql:
            arguments: dict[str, Any] = {"client_encoding": "utf8", "application_name": "mailcordon"}
            if seconds:
                arguments |= {
                    "connect_timeout": max(_LEAST_CONNECT_TIMEOUT, round(seconds)),
                    "tcp_user_timeout": round(1000 * seconds),
                }
            return arguments
        arguments = {"charset": "utf8mb4"}
        if seconds:
            arguments |= {"connect_timeout": max(1, round(seconds))}
            arguments |= {"read_timeout": seconds, "write_timeout": seconds}
        return arguments

    def _prepare_sqlite(self, engine: Engine) -> None:
        def connected(connection: sqlite3.Connection, _record: object) -> None:
            # The driver's own transactions begin too late for us.
            connection.isolation_level = None
            mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()
            if mode == ("wal",) and not self._read_only:
                # Then nobody waits but who begins to write, and SQLite itself would sleep far too long: up to 0.1 s.
                connection.execute("PRAGMA busy_timeout=0")
            # What was committed must be there after a power failure: it may be the only copy of a message.
            connection.execute("PRAGMA synchronous=FULL")

        def begin(connection: Connection) -> None:
            if self._read_only:
                execute(connection, "BEGIN")
            else:
                _begin_to_write(connection, self._timeout or _FOR_EVER)

        event.listen(engine, "connect", connected)
        event.listen(engine, "begin", begin)

    def _prepare_postgresql(self, engine: Engine) -> None:
        if not self._timeout:
            return
        milliseconds = round(1000 * self._timeout)

        def connected(connection: Any, _record: object) -> None:
            # Not in the options of the connection: pgbouncer refuses those.
            connection.execute(f"SET statement_timeout = {milliseconds}")
            connection.execute(f"SET lock_timeout = {milliseconds}")
            connection.commit()

        event.listen(engine, "connect", connected)


def _begin_to_write(connection: Connection, seconds: float) -> None:
    """Raises OperationalError when others write for that long."""
    limit = time.monotonic() + seconds
    pause = _SHORTEST_PAUSE
    while True:
        try:
            execute(connection, "BEGIN IMMEDIATE")
        except OperationalError as error:
            if not is_locked(error) or time.monotonic() > limit:
                raise
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        else:
            return


def load_driver(source: SqlSource) -> None:
    """Load what a connection to that data base needs. Raises ImportError."""
    make_url(source.url).get_dialect().import_dbapi()


def hang_up(connection: Connection) -> None:
    """End whatever a thread waits for on `connection`: it gets an error. Never blocks; for a server that is silent."""
    try:
        driver: Any = connection.connection.driver_connection
        number = driver.fileno() if hasattr(driver, "fileno") else None
        if number is None:
            if isinstance(driver, sqlite3.Connection):
                driver.interrupt()
            return
        duplicate = socket.socket(fileno=os.dup(number))
        try:
            duplicate.shutdown(socket.SHUT_RDWR)
        finally:
            duplicate.close()
    except Exception as error:  # noqa: BLE001 - it may be closing at this moment, in any state
        log.debug("cannot hang up: %s", error)


def reason(error: BaseException) -> str:
    """What went wrong, in one line that holds no values of statements."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    arguments: tuple[object, ...] = getattr(cause, "args", ())
    if len(arguments) == 2 and isinstance(arguments[0], int):
        return f"{arguments[0]} {arguments[1]}"
    return " ".join(str(cause).split()) or type(cause).__name__


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone, so that a new one may help (B2.30)."""
    if isinstance(error, StoreError):
        return True
    if not isinstance(error, DBAPIError):
        return isinstance(error, OSError)
    if error.connection_invalidated:
        return True
    state = str(getattr(error.orig, "sqlstate", None) or "")
    if state:
        # 08: connection, 57: the server goes down or has cancelled, 53: it has no more of something.
        return state[:2] in ("08", "57", "53")
    number = _number(error)
    if number is not None:
        return number in _MYSQL_LOST
    # Of psycopg, where the server could not say why.
    return type(error.orig).__name__ == "OperationalError" and not isinstance(error.orig, sqlite3.Error)


_MYSQL_LOST = frozenset({0, 1040, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 2002, 2003, 2006, 2013, 2055, 4031})


def _number(error: DBAPIError) -> int | None:
    """The code of MariaDB."""
    arguments: tuple[object, ...] = getattr(error.orig, "args", ())
    first = arguments[0] if arguments else None
    return first if isinstance(first, int) else None


def is_locked(error: DBAPIError) -> bool:
    """Whether the locks of others stood in the way."""
    state = str(getattr(error.orig, "sqlstate", None) or "")
    if state:
        return state[:2] in ("40", "55")
    name = getattr(error.orig, "sqlite_errorname", "")
    return name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")) or _number(error) in _MYSQL_LOCKED


def is_forbidden(error: DBAPIError) -> bool:
    """Whether the account has not the right (PostgreSQL)."""
    return getattr(error.orig, "sqlstate", None) == "42501"


_MYSQL_LOCKED = frozenset({1205, 1213})


def may_pass(error: BaseException) -> bool:
    """Whether the same statement may succeed later though the connection stands: locks, deadlocks, a full disk."""
    if not isinstance(error, DBAPIError):
        return False
    state = str(getattr(error.orig, "sqlstate", None) or "")
    if state:
        return state[:2] in ("40", "55", "53", "57", "25", "42", "58", "XX")
    number = _number(error)
    if number is not None:
        return number not in _MYSQL_BAD_DATA
    return isinstance(error.orig, sqlite3.OperationalError)


_MYSQL_BAD_DATA = frozenset({1048, 1054, 1062, 1264, 1265, 1292, 1366, 1406, 1452, 3988})
"""What the server says of values that it will never take."""
