"""Real data base servers for tests, each with its own directory and port, stopped by their process.

Session fixtures `postgresql` and `mariadb` are shared and must be left running; `own_server`
belongs to one test, which may kill, suspend or restart it. `database` is a new and empty data base of each kind.
"""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Connection

from mailcordon.config.sql_source import SqlSource, sql_source
from mailcordon.errors import StoreError
from mailcordon.store.engine import Databases
from mailcordon.store.migrate import Part, upgrade
from processes import children
from servers import START_LIMIT, Server, free_port, installed

KINDS = ("sqlite", "postgresql", "mariadb")
_NUMBERS = itertools.count(1)


class DatabaseServer(Server):
    """A server with data bases in a directory of its own, which another account than root's can reach."""

    account = ""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="mailcordon-db-", dir="/tmp"))
        self.port = free_port()
        self.data = self.directory / "data"
        if os.geteuid() == 0:
            entry = pwd.getpwnam(self.account)
            os.chown(self.directory, entry.pw_uid, entry.pw_gid)
        self._initialise()
        super().__init__(self.directory, self._command_line(), [("127.0.0.1", self.port)])

    def _initialise(self) -> None:
        raise NotImplementedError

    def _command_line(self) -> list[str]:
        raise NotImplementedError

    def url(self, name: str) -> str:
        """Of one of its data bases."""
        raise NotImplementedError

    def create(self) -> str:
        """A new data base; gives its URL."""
        name = f"test_{next(_NUMBERS)}"
        self.run_sql(f"CREATE DATABASE {name}")
        return self.url(name)

    def run_sql(self, *statements: str, url: str = "") -> None:
        """Outside of any transaction."""
        with Databases([sql_source(url or self.url(self.first))], timeout=30).connect() as connection:
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            for statement in statements:
                connection.exec_driver_sql(statement)

    first = ""
    """A data base that is always there."""

    def as_account(self, command: Sequence[str]) -> list[str]:
        """The command as the account of the server, which refuses to be root."""
        if os.geteuid() != 0:
            return [*command]
        switch = ["setpriv", f"--reuid={self.account}", f"--regid={self.account}", "--clear-groups"]
        return [*switch, "--", *command]

    def start(self) -> None:
        """Start it and wait until it answers questions: it takes connections before that."""
        super().start()
        deadline = time.monotonic() + START_LIMIT
        while True:
            try:
                self.run_sql("SELECT 1")
            except StoreError:
                assert time.monotonic() < deadline, f"{self._command[0]} does not answer"
                time.sleep(0.05)
            else:
                return

    @property
    def is_running(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """See `Server`; a process id that it left behind would keep PostgreSQL from a new start."""
        for pid in self._children():
            _signal(pid, signal.SIGKILL)
        super().kill()
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def suspend(self) -> None:
        """See `Server`; its processes for single connections as well."""
        super().suspend()
        for pid in self._children():
            _signal(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """See `Server`."""
        if self.is_running:
            for pid in self._children():
                _signal(pid, signal.SIGCONT)
            super().resume()

    def _children(self) -> list[int]:
        assert self._process is not None
        return children(self._process.pid)

    def remove(self) -> None:
        """End it and remove all that it had; what it would still write to the disk is not wanted."""
        if self._process is not None:
            self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


class PostgreSql(DatabaseServer):
    """PostgreSQL of the distribution."""

    account = "postgres"
    first = "postgres"

    def _initialise(self) -> None:
        command = [_postgres("initdb"), "-D", str(self.data), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        command += ["--locale=C.UTF-8", "--no-sync", "--no-instructions"]
        subprocess.run(self.as_account(command), check=True, capture_output=True, cwd=self.directory)

    def _command_line(self) -> list[str]:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.directory),
            "shared_buffers": "32MB",
            "max_connections": "60",
            "log_min_messages": "fatal",
        }
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return self.as_account([_postgres("postgres"), "-D", str(self.data), *arguments])

    def url(self, name: str) -> str:
        """See above."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def stop(self) -> None:
        """Without waiting for clients."""
        if self._process is not None:
            self.resume()
            self._process.send_signal(signal.SIGINT)
        super().stop()


class MariaDb(DatabaseServer):
    """MariaDB of the distribution."""

    account = "mysql"
    first = "mysql"

    def _initialise(self) -> None:
        command = [installed("mariadb-install-db", "mariadb-server"), "--no-defaults", f"--datadir={self.data}"]
        command += ["--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=8M"]
        subprocess.run(self.as_account(command), check=True, capture_output=True, cwd=self.directory)

    def _command_line(self) -> list[str]:
        command = [installed("mariadbd", "mariadb-server"), "--no-defaults", f"--datadir={self.data}"]
        command += [f"--socket={self.directory}/socket", f"--port={self.port}", "--bind-address=127.0.0.1"]
        command += ["--innodb-log-file-size=8M", "--innodb-buffer-pool-size=32M", "--skip-log-bin"]
        return self.as_account([*command, f"--pid-file={self.directory}/pid"])

    def url(self, name: str) -> str:
        """See above."""
        return f"mysql://root@127.0.0.1:{self.port}/{name}"


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _postgres(program: str) -> str:
    """Debian keeps the programs of each version apart, and not in PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    return str(found[-1]) if found else installed(program, "postgresql")


@dataclass(frozen=True)
class Database:
    """An empty data base of a test, and the server that has it."""

    kind: str
    url: str
    server: DatabaseServer | None = None
    """None for SQLite."""

    @property
    def source(self) -> SqlSource:
        """As settings have it."""
        return sql_source(self.url)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A transaction."""
        with Databases([self.source], timeout=30).connect() as connection, connection.begin():
            yield connection

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        """What a statement gives."""
        with self.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(statement)]

    def run(self, *statements: str) -> None:
        """One transaction."""
        with self.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def prepare(self, *parts: Part, allow_8bit: bool = True, partitioned: bool = False) -> "Database":
        """With the tables of these parts, or of both."""
        with self.connect() as connection:
            for part in parts or tuple(Part):
                upgrade(connection, part, allow_8bit=allow_8bit, partitioned=partitioned)
        return self


@contextmanager
def _running(server: DatabaseServer) -> Iterator[DatabaseServer]:
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[DatabaseServer]:
    """A running server for all tests."""
    with _running(PostgreSql()) as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[DatabaseServer]:
    """A running server for all tests."""
    with _running(MariaDb()) as server:
        yield server


def make_database(kind: str, request: pytest.FixtureRequest) -> Database:
    """An empty one, on the shared server of that kind."""
    if kind == "sqlite":
        directory: Path = request.getfixturevalue("tmp_path")
        return Database(kind, f"sqlite:///{directory}/mail-{next(_NUMBERS)}.db")
    server: DatabaseServer = request.getfixturevalue(kind)
    return Database(kind, server.create(), server)


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest) -> Database:
    """An empty one of each kind in turn."""
    return make_database(request.param, request)


@pytest.fixture(scope="module", params=["postgresql", "mariadb"])
def servers_to_kill(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    """A server of each kind for the tests of one file."""
    with _running(PostgreSql() if request.param == "postgresql" else MariaDb()) as server:
        yield server


@pytest.fixture
def own_server(servers_to_kill: DatabaseServer) -> DatabaseServer:
    """A running server that the test may kill or suspend."""
    servers_to_kill.resume()
    if not servers_to_kill.is_running:
        servers_to_kill.start()
    return servers_to_kill
