# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real freshclam does what clamav_conf writes for it: sources, proxy, hooks, clamd (features chapter 2c)."""

from __future__ import annotations

import base64
import http.server
import re
import select
import socket
import stat
import time

import pytest
from ansible_collections.mailcordon.gateway.tests.end_to_end.samples import eicar, twin
from ansible_collections.mailcordon.gateway.tests.tools.clamav_bench import FOUND, USER, served, wait_until

PROXY_USER, PROXY_PASSWORD = "gateway", "geheim-17"
CREDENTIALS = base64.b64encode(f"{PROXY_USER}:{PROXY_PASSWORD}".encode()).decode()
"""How they stand in the header of a request (RFC 7617)."""
NOWHERE = "signatures.invalid"
"""A host that no name server knows (RFC 2606): whoever fetches from it does so through the proxy."""


@pytest.fixture
def empty(bench):
    """The bench without any signature."""
    (bench.database / "eicar.ndb").unlink()
    return bench


def test_an_active_example_line_stops_freshclam_and_ours_has_none(empty, mirror):
    """Covers features 2.06."""
    freshclam = empty.freshclam({"DatabaseCustomURL": [mirror.publish_eicar()]})
    ours = freshclam.config.read_text()
    freshclam.config.write_text("Example\n" + ours)
    refused = freshclam.update()
    assert refused.returncode != 0
    assert "Please edit the example config file" in refused.stdout + refused.stderr
    assert mirror.seen == []
    freshclam.config.write_text(ours)
    assert freshclam.update().returncode == 0
    assert (empty.database / "eicar.ndb").exists()


def test_files_belong_to_the_database_owner(empty, mirror):
    """Covers features 2.02, 2.08, 2.14: started by root, it writes as clamav into the directory of the variable."""
    assert empty.freshclam({"DatabaseCustomURL": [mirror.publish_eicar()]}).update().returncode == 0
    file = empty.database / "eicar.ndb"
    assert (file.owner(), file.group(), stat.S_IMODE(file.stat().st_mode)) == (USER, USER, 0o644)
    assert (empty.database.owner(), stat.S_IMODE(empty.database.stat().st_mode)) == (USER, 0o755)


@pytest.mark.parametrize("verbose", [True, False])
def test_the_log_shows_the_update(empty, mirror, verbose):
    """Covers features 2.09, 2.10, 2.29, 2.30: the line that proves an update stands in UpdateLogFile."""
    options = {"DatabaseCustomURL": [mirror.publish_eicar()], "LogVerbose": verbose, "LogTime": True}
    freshclam = empty.freshclam(options)
    freshclam.update()
    log = freshclam.log.read_text()
    assert re.search(r"(?m)^\w{3} \w{3} .* -> eicar\.ndb updated \(version: custom database, sigs: 1\)", log)
    assert freshclam.log.owner() == USER
    assert ("Database directory:" in log or "Current working dir" in log) is verbose


def test_without_a_mirror_freshclam_refuses_to_run(empty):
    """Covers features 2.17, 2.18: why the module insists on one."""
    freshclam = empty.freshclam({})
    text = freshclam.config.read_text()
    freshclam.config.write_text(re.sub(r"(?m)^DatabaseMirror .*\n", "", text))
    result = freshclam.update()
    assert result.returncode != 0
    assert "DatabaseMirror" in result.stdout + result.stderr


def test_clamd_takes_new_signatures_without_a_restart(bench, mirror):
    """Covers features 2.23: the same process finds after the update what it did not find before."""
    clamd = bench.clamd({"SelfCheck": 3600}).start()
    options = {"DatabaseCustomURL": [mirror.publish_twin()], "NotifyClamd": str(bench.path("clamd.conf"))}
    assert clamd.stream(twin()) == "stream: OK"
    assert bench.freshclam(options).update().returncode == 0
    wait_until("Twin", lambda: clamd.stream(twin()) == "stream: Twin.UNOFFICIAL FOUND")
    assert clamd.process.poll() is None
    assert clamd.stream(eicar()).endswith(FOUND)


def test_clamd_is_not_told_without_the_option(bench, mirror):
    """The twin of features 2.23."""
    clamd = bench.clamd({"SelfCheck": 3600}).start()
    assert bench.freshclam({"DatabaseCustomURL": [mirror.publish_twin()]}).update().returncode == 0
    time.sleep(2)
    assert clamd.stream(twin()) == "stream: OK"


def test_hooks_run(empty, mirror):
    """Covers features 2.24: one after an update, the other after a failure, and neither when there is nothing new."""
    hooks = {
        "OnUpdateExecute": f"echo updated >>{empty.path('told')}",
        "OnErrorExecute": f"echo failed >>{empty.path('told')}",
    }
    told = empty.path("told")
    freshclam = empty.freshclam({"DatabaseCustomURL": [mirror.publish_eicar()], **hooks})
    freshclam.update()
    wait_until("update hook", told.exists)
    freshclam.update()
    time.sleep(0.5)
    assert told.read_text() == "updated\n"
    (mirror.directory / "eicar.ndb").unlink()
    assert freshclam.update().returncode != 0
    wait_until("error hook", lambda: told.read_text() == "updated\nfailed\n")


def test_a_failed_update_keeps_what_was_there(bench, mirror):
    """Covers features 2.30: the failure is in the exit status and in the log, the old file stays."""
    before = (bench.database / "eicar.ndb").read_bytes()
    freshclam = bench.freshclam({"DatabaseCustomURL": [mirror.url("none.ndb")]})
    assert freshclam.update().returncode != 0
    assert "ERROR" in freshclam.log.read_text() or "WARNING" in freshclam.log.read_text()
    assert (bench.database / "eicar.ndb").read_bytes() == before


def test_the_client_address(empty, mirror):
    """Covers features 2.22: the request comes from that address, or freshclam says that its libcurl cannot do that.

    Debian builds libcurl without c-ares; there freshclam takes the option and then fetches nothing.
    """
    options = {"DatabaseCustomURL": [mirror.publish_eicar()], "LocalIPAddress": "127.0.0.9", "LogVerbose": True}
    result = empty.freshclam(options).update()
    assert "Local IPv4 address requested: 127.0.0.9" in result.stdout
    if result.returncode == 0:
        assert {client for client, _path in mirror.seen} == {"127.0.0.9"}
    else:
        assert "libcurl was built with c-ares" in result.stderr
        assert mirror.seen == []


def test_a_server_that_says_nothing_is_given_up(empty, mirror):
    """Covers features 2.28: after ReceiveTimeout seconds."""
    mirror.before_answer = lambda: time.sleep(8)
    url = mirror.publish_eicar()
    started = time.monotonic()
    result = empty.freshclam({"DatabaseCustomURL": [url], "ReceiveTimeout": 2, "ConnectTimeout": 2}).update()
    assert result.returncode != 0
    assert time.monotonic() - started < 7
    assert not (empty.database / "eicar.ndb").exists()


@pytest.mark.parametrize("attempts", [1, 3])
def test_attempts(empty, mirror, attempts):
    """Covers features 2.19."""
    mirror.before_answer = lambda: (mirror.directory / "eicar.ndb").unlink(missing_ok=True)
    url = mirror.publish_eicar()
    assert empty.freshclam({"DatabaseCustomURL": [url], "MaxAttempts": attempts}).update().returncode != 0
    assert len(mirror.seen) == attempts


@pytest.mark.parametrize("debug", [True, False])
def test_debug_messages(empty, mirror, debug):
    """Covers features 2.27."""
    result = empty.freshclam({"DatabaseCustomURL": [mirror.publish_eicar()], "Debug": debug, "TestDatabases": True})
    assert ("LibClamAV debug:" in result.update().stderr) is debug


def test_as_a_daemon_in_the_foreground(empty, mirror):
    """Covers features 2.13, 2.20, 2.26: it stays, as the service that was started, and writes its PID file."""
    pid_file = empty.path("freshclam.pid")
    options = {
        "DatabaseCustomURL": [mirror.publish_eicar()],
        "Foreground": True,
        "PidFile": str(pid_file),
        "Checks": 24,
    }
    process = empty.start("freshclam", "--daemon", f"--config-file={empty.freshclam(options).config}")
    wait_until("first update", (empty.database / "eicar.ndb").exists)
    wait_until("PID file", lambda: pid_file.exists() and pid_file.read_text().strip())
    assert int(pid_file.read_text()) == process.pid
    assert process.poll() is None


class Proxy(http.server.ThreadingHTTPServer):
    """A forward proxy that wants a password. Whatever host it is asked for, it connects to one server."""

    daemon_threads = True

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.seen: list[str] = []
        self.refused = 0
        super().__init__(("127.0.0.1", 0), _ProxyHandler)


class _ProxyHandler(http.server.BaseHTTPRequestHandler):
    server: Proxy

    def do_CONNECT(self) -> None:
        if self.headers.get("Proxy-Authorization") != f"Basic {CREDENTIALS}":
            self.server.refused += 1
            self.send_response(407)
            self.send_header("Proxy-Authenticate", 'Basic realm="proxy"')
            self.end_headers()
            return
        self.server.seen.append(self.path)
        with socket.create_connection(self.server.target, timeout=10) as target:
            self.send_response(200)
            self.end_headers()
            self._relay(target)

    def _relay(self, target: socket.socket) -> None:
        other = {self.connection: target, target: self.connection}
        while True:
            readable, _writable, _broken = select.select([*other], [], [], 10)
            for source in readable:
                data = source.recv(65536)
                if not data:
                    return
                other[source].sendall(data)
            if not readable:
                return

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 # the name is the library's
        pass


@pytest.fixture
def proxy(mirror):
    with served(Proxy(mirror.server_address)) as server:
        yield server


@pytest.mark.parametrize("password", [PROXY_PASSWORD, "wrong"])
def test_through_a_proxy_with_a_password(empty, mirror, proxy, password):
    """Covers features 2.21: all four options; with a wrong password nothing comes through.

    The password stands in the file, which others cannot read, and nowhere else.
    """
    mirror.publish_eicar()
    url = f"http://{NOWHERE}/eicar.ndb"
    options = {
        "DatabaseCustomURL": [url],
        "HTTPProxyServer": "127.0.0.1",
        "HTTPProxyPort": proxy.server_address[1],
        "HTTPProxyUsername": PROXY_USER,
    }
    freshclam = empty.freshclam(options, proxy_password=password)
    result = freshclam.update()
    right = password == PROXY_PASSWORD
    assert (result.returncode == 0) is right
    assert (empty.database / "eicar.ndb").exists() is right
    assert proxy.seen == ([f"{NOWHERE}:80"] if right else [])
    assert (proxy.refused > 0) is not right
    assert stat.S_IMODE(freshclam.config.stat().st_mode) == 0o600
    said = result.stdout + result.stderr + freshclam.log.read_text()
    assert password not in said
    assert CREDENTIALS not in said


def test_freshclam_refuses_a_password_that_its_group_may_read(empty):
    """Why the module insists on 0600 (features 2.21)."""
    freshclam = empty.freshclam({"HTTPProxyServer": "127.0.0.1"}, proxy_password=PROXY_PASSWORD)
    freshclam.config.chmod(0o640)
    result = freshclam.update()
    assert result.returncode != 0
    assert "permissions" in result.stdout + result.stderr


@pytest.mark.parametrize("verbose", ["LogVerbose", "Debug", ""])
def test_verbose_freshclam_tells_the_password(empty, mirror, proxy, verbose):
    """Why the module refuses LogVerbose with a password (features 2.21): the header stands in the output.

    Written by hand, because the module does not. The twins without it keep silent.
    """
    mirror.publish_eicar()
    options = {
        "DatabaseCustomURL": [f"http://{NOWHERE}/eicar.ndb"],
        "HTTPProxyServer": "127.0.0.1",
        "HTTPProxyPort": proxy.server_address[1],
        "HTTPProxyUsername": PROXY_USER,
    }
    freshclam = empty.freshclam(options, proxy_password=PROXY_PASSWORD)
    freshclam.config.write_text(freshclam.config.read_text() + (f"{verbose} yes\n" if verbose else ""))
    result = freshclam.update()
    assert result.returncode == 0
    assert (CREDENTIALS in result.stdout + result.stderr) is (verbose == "LogVerbose")


def test_without_the_proxy_the_host_cannot_be_reached(empty, mirror):
    """The twin of features 2.21: it was the proxy that brought the file."""
    mirror.publish_eicar()
    assert empty.freshclam({"DatabaseCustomURL": [f"http://{NOWHERE}/eicar.ndb"]}).update().returncode != 0


def test_a_private_mirror(empty, mirror, genuine):
    """Covers features 2.16, 2.17, 18.03: a database that ClamAV has signed comes from the mirror, without DNS."""
    signed = (genuine / "test-1.cvd").read_bytes()
    mirror.publish("daily.cvd", signed)
    options = {"PrivateMirror": mirror.url("").removesuffix("/"), "ExcludeDatabase": ["main", "bytecode"]}
    result = empty.freshclam(options).update()
    assert result.returncode == 0, result.stderr
    assert (empty.database / "daily.cvd").read_bytes() == signed
    assert "/daily.cvd" in {path for _client, path in mirror.seen}


def test_a_private_mirror_is_not_trusted(empty, mirror, genuine):
    """The twin of features 2.17: the same database with one byte changed is refused."""
    forged = bytearray((genuine / "test-1.cvd").read_bytes())
    forged[-1] ^= 1
    mirror.publish("daily.cvd", bytes(forged))
    options = {"PrivateMirror": mirror.url("").removesuffix("/"), "ExcludeDatabase": ["main", "bytecode"]}
    result = empty.freshclam(options).update()
    assert "/daily.cvd" in {path for _client, path in mirror.seen}
    assert result.returncode != 0
    assert not list(empty.database.glob("*.c?d"))
