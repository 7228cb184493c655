"""Real scanners for tests: clamd and spamd with private sockets, started when asked for and stopped by their process.

Session fixtures `clamd`, `spamd` and `exact_spamd` are shared and must be left running; `own_clamd` belongs to one
test, which may stop, restart or suspend it.
"""

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from samples import eicar

START_LIMIT = 60.0
"""Seconds; spamd compiles its rules first."""
SIGNATURE = "Eicar-Test-Signature.UNOFFICIAL"
"""What clamd calls EICAR when the signature comes from our own database."""


class Server:
    """A process with sockets, and what it printed."""

    def __init__(self, directory: Path, command: list[str], listens_on: list[str | tuple[str, int]]) -> None:
        self._command = command
        self._listens_on = listens_on
        self._output = directory / "output"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        deadline = time.monotonic() + START_LIMIT
        while not all(map(_takes_connections, self._listens_on)):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                pytest.fail(f"{self._command[0]} did not start:\n{self.output()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it and wait until it is gone."""
        if self._process is None:
            return
        self.resume()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End it at once with all its children, as a crash does."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def restart(self) -> None:
        """Stop and start it."""
        self.stop()
        self.start()

    def output(self) -> str:
        """Everything that it printed."""
        return self._output.read_text(errors="replace")

    def suspend(self) -> None:
        """Let it live but do nothing, as on an overloaded host; connections still come about."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """End `suspend`."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)


class Clamd(Server):
    """clamd that knows EICAR only."""

    def __init__(self, directory: Path, *, stream_limit: str = "20M") -> None:
        self.path = str(directory / "clamd.sock")
        self.port = free_port()
        database = directory / "db"
        database.mkdir()
        (database / "eicar.ndb").write_text(f"{SIGNATURE.removesuffix('.UNOFFICIAL')}:0:*:{eicar().hex()}\n")
        configuration = directory / "clamd.conf"
        configuration.write_text(
            f"DatabaseDirectory {database}\nTemporaryDirectory {directory}\nLocalSocket {self.path}\n"
            f"TCPSocket {self.port}\nTCPAddr 127.0.0.1\nForeground yes\nConcurrentDatabaseReload no\n"
            f"StreamMaxLength {stream_limit}\nMaxFileSize 20M\nAlertExceedsMax yes\nAlertEncrypted yes\n"
        )
        super().__init__(
            directory,
            [installed("clamd", "clamav-daemon"), "-c", str(configuration)],
            [self.path, ("127.0.0.1", self.port)],
        )


EXACT_REPORT = (
    "clear_report_template",
    "report tests=_TESTSSCORES(,)_ autolearn=_AUTOLEARN_",
    "report checker=SpamAssassin _VERSION_ (_SUBVERSION_) on _HOSTNAME_",
    "report timing=_TIMING_",
    "report _REPORT_",
)
"""The report that the role `spamassassin` sets up."""


class Spamd(Server):
    """spamd with local tests only, and `rules` of the test. With `exact`, its reports tell points to three places.

    `users`: a directory with preferences of users, which the account `nobody` must be able to read.
    """

    def __init__(
        self,
        directory: Path,
        *,
        exact: bool,
        rules: Sequence[str] = (),
        users: Path | None = None,
    ) -> None:
        self.path = str(directory / "spamd.sock")
        command = [installed("spamd", "spamd"), "--local", "--nouser-config", "--max-children=2", "--min-spare=1"]
        command += [f"--socketpath={self.path}", f"--pidfile={directory / 'spamd.pid'}", "--syslog=stderr"]
        if os.geteuid() == 0:
            command.append("--username=nobody")
        if exact:
            command += ["--timing", *(f"--cf={line}" for line in EXACT_REPORT)]
        command += [f"--cf={rule}" for rule in rules]
        if users is not None:
            command.append(f"--virtual-config-dir={users}/%u")
        super().__init__(directory, command, [self.path])


class Rspamd(Server):
    """rspamd's normal worker with a few rules and actions of its own; no Redis, no network."""

    def __init__(self, directory: Path) -> None:
        self.path = str(directory / "rspamd.sock")
        self.port = free_port()
        (directory / "rules.lua").write_text(RSPAMD_RULES)
        (directory / "tld.dat").write_text("com\nexample\ntest\n")
        configuration = directory / "rspamd.conf"
        files = {name: directory / name for name in ("pidfile", "cache_file", "stats_file", "history_file")}
        configuration.write_text(
            "options {\n"
            + "".join(f'{name} = "{path}";\n' for name, path in files.items())
            + f'filters = "regexp"; disable_hyperscan = true; allow_raw_input = true; tempdir = "{directory}";\n'
            f'hs_cache_dir = "{directory}"; dynamic_conf = "{directory}/dynamic"; url_tld = "{directory}/tld.dat";\n'
            'dns { nameserver = ["127.0.0.1:1"]; timeout = 0.1s; retransmits = 1; }\n}\n'
            'logging { type = "console"; level = "warning"; }\n'
            "actions { reject = 15; add_header = 6; greylist = 4; }\n"
            f'lua = "{directory}/rules.lua";\n'
            f'worker "normal" {{ count = 1; bind_socket = "{self.path} mode=0666";'
            f' bind_socket = "127.0.0.1:{self.port}"; }}\n'
        )
        command = [installed("rspamd", "rspamd"), "-f", "-c", str(configuration)]
        if os.geteuid() == 0:
            command.append("--insecure")
        super().__init__(directory, command, [self.path, ("127.0.0.1", self.port)])


RSPAMD_RULES = """
local function always(name, points, description, callback)
  rspamd_config:register_symbol({name = name, score = points, description = description, callback = callback,
    type = 'normal'})
end
always('ENVELOPE', 0.5, 'What the envelope says', function(task)
  local from, rcpt = task:get_from('smtp'), task:get_recipients('smtp')
  local names = {from and from[1] and from[1].addr or '<>'}
  for _, r in ipairs(rcpt or {}) do names[#names + 1] = r.addr end
  names[#names + 1] = task:get_helo() or 'no helo'
  local ip = task:get_ip()
  names[#names + 1] = ip and ip:is_valid() and tostring(ip) or 'no ip'
  names[#names + 1] = task:get_queue_id() or 'no id'
  names[#names + 1] = task:get_user() or 'no user'
  return true, 1.0, names
end)
always('FORBIDDEN_WORD', 7.25, 'Body has the word forbidden', function(task)
  return string.find(tostring(task:get_content()), 'forbidden') ~= nil
end)
always('REFUSED_WITHOUT_POINTS', 0.0, 'A module that decides by itself', function(task)
  if string.find(tostring(task:get_content()), 'refuse me') then
    task:set_pre_result('reject', 'by a module')
    return true
  end
  return false
end)
"""


class CountingSocket:
    """A unix socket that counts who connects, and hangs up on everyone."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.connections = 0
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen()
        self._thread = threading.Thread(target=self._count)
        self._thread.start()

    def _count(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                if connection.recv(100) == b"end":
                    return
                self.connections += 1

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(self.path)
            last.sendall(b"end")
            self._thread.join()
        self._listener.close()


def installed(program: str, package: str) -> str:
    """Path of a program; the test fails when it is not there."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if found is None:
        pytest.fail(f"{program} is not installed; apt-get install {package}")
    return found


def free_port() -> int:
    """A TCP port of the loopback interface that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _takes_connections(address: str | tuple[str, int]) -> bool:
    with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET) as probe:
        return probe.connect_ex(address) == 0


@pytest.fixture(scope="session")
def clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clamd]:
    """A running clamd for all tests."""
    server = Clamd(tmp_path_factory.mktemp("clamd"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clamd]:
    """A running clamd for one test, which may stop it; its streams are limited to 1 MiB."""
    server = Clamd(tmp_path_factory.mktemp("clamd"), stream_limit="1M")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def spamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spamd]:
    """A running spamd with the report template of the distribution."""
    server = Spamd(tmp_path_factory.mktemp("spamd"), exact=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def exact_spamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spamd]:
    """A running spamd with the report template that the role `spamassassin` sets up."""
    server = Spamd(tmp_path_factory.mktemp("exact-spamd"), exact=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def rspamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rspamd]:
    """A running rspamd."""
    server = Rspamd(tmp_path_factory.mktemp("rspamd"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def counting_socket(tmp_path: Path) -> Iterator[CountingSocket]:
    """A socket that no one should touch, or of which it matters how often."""
    counting = CountingSocket(tmp_path / "counting.sock")
    yield counting
    counting.close()
