"""Statements that go to the driver itself fail as those that go through SQLAlchemy (contract B2.30)."""

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from databases import Database, DatabaseServer
from mailcordon.store.driver import execute, execute_many
from mailcordon.store.engine import Databases, is_lost, reason
from mailcordon.store.shape import mark_of


def connected(database: Database) -> Connection:
    """As the writer has it."""
    return Databases([database.source], timeout=30).connect()


def test_rows(database: Database) -> None:
    """One statement for one row and for many: the rows that were changed are counted."""
    with connected(database) as connection, connection.begin():
        mark = mark_of(connection)
        execute(connection, "CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER)")
        insert = f"INSERT INTO t VALUES ({mark}, {mark})"
        assert execute_many(connection, insert, [(1, 1)]) == 1
        assert execute_many(connection, insert, [(2, 1), (3, 1)]) == 2
        # As many as were found, also where nothing is different afterwards.
        assert execute_many(connection, f"UPDATE t SET b = 1 WHERE a = {mark}", [(1,), (2,), (9,)]) == 2
        assert execute(connection, "SELECT a FROM t ORDER BY a").fetchall() in ([(1,), (2,), (3,)], ((1,), (2,), (3,)))


def test_what_a_statement_may_say(database: Database) -> None:
    """The exceptions are SQLAlchemy's, and show no values."""
    with connected(database) as connection:
        mark = mark_of(connection)
        with connection.begin():
            execute(connection, "CREATE TABLE t (a INTEGER PRIMARY KEY)")
        with pytest.raises(IntegrityError) as twice, connection.begin():
            execute_many(connection, f"INSERT INTO t VALUES ({mark})", [(4711,), (4711,)])
        assert not is_lost(twice.value)
        assert "INSERT" not in reason(twice.value)
        with pytest.raises(DBAPIError), connection.begin():
            execute(connection, "SELECT nothing FROM nowhere")
        # The transaction was undone, the connection is as good as before.
        with connection.begin():
            assert execute(connection, "SELECT a FROM t").fetchall() in ([], ())


def test_a_server_that_dies(own_server: DatabaseServer) -> None:
    """The error says so, and leaving the transaction hides nothing."""
    database = Database("own", own_server.create(), own_server)
    with connected(database) as connection:
        with pytest.raises(DBAPIError) as lost, connection.begin():
            _die_in_the_middle(own_server, connection)
        assert is_lost(lost.value)
        assert not isinstance(lost.value, ProgrammingError)
        assert connection.invalidated


def _die_in_the_middle(server: DatabaseServer, connection: Connection) -> None:
    execute(connection, "SELECT 1")
    server.kill()
    execute(connection, "SELECT 1")
