"""Statements given to the driver as they are: SQLAlchemy's own way costs many times what a small one takes.

Connections, the transaction around the statements, and exceptions are SQLAlchemy's.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

Values = Sequence[object]


def execute(connection: Connection, statement: str, values: Values = ()) -> Any:
    """The driver's cursor after the statement. Raises what SQLAlchemy raises."""
    return _run(connection, statement, lambda cursor: cursor.execute(statement, values))


def execute_many(connection: Connection, statement: str, rows: Sequence[Values]) -> int:
    """Run it for each of `rows`; gives the number of rows that it has changed. Raises what SQLAlchemy raises."""
    if len(rows) == 1:
        cursor = execute(connection, statement, rows[0])
    else:
        cursor = _run(connection, statement, lambda cursor: cursor.executemany(statement, rows))
    changed: int = cursor.rowcount
    return changed


def _run(connection: Connection, statement: str, work: Callable[[Any], object]) -> Any:
    driver: Any = connection.connection.driver_connection
    cursor = driver.cursor()
    try:
        work(cursor)
    except connection.dialect.loaded_dbapi.Error as error:
        is_lost = connection.dialect.is_disconnect(error, driver, cursor)
        raised = DBAPIError.instance(
            statement,
            None,
            error,
            connection.dialect.loaded_dbapi.Error,
            hide_parameters=True,
            connection_invalidated=is_lost,
            dialect=connection.dialect,
        )
        if is_lost:
            # As SQLAlchemy does: otherwise a roll-back would fail, and hide the reason.
            connection.invalidate(error)
        raise raised from error
    return cursor
