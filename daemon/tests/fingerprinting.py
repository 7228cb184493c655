"""Real p0f and p0f-analyzer for tests, and real connections for them to look at.

p0f watches one port of the loopback interface, prints to p0f-analyzer and answers at its socket, as on a gateway.
"""

import os
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from servers import START_LIMIT, free_port, installed

ANALYZER = Path(__file__).parents[2] / ".cache/p0f-analyzer"
_OK = 0x10


@dataclass(frozen=True)
class Seen:
    """A client whose connection p0f has seen."""

    address: str
    port: int


class P0f:
    """Both programs; the analyzer listens on 127.0.0.1."""

    def __init__(self, directory: Path) -> None:
        self.path = str(directory / "p0f.sock")
        self.analyzer_port = _free_udp_port()
        self._listener = socket.create_server(("127.0.0.1", free_port()))
        self._output = directory / "output"
        self._programs: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start both and wait until they answer."""
        port = self._listener.getsockname()[1]
        watch = [installed("p0f", "p0f"), "-i", "lo", "-s", self.path, f"tcp dst port {port}"]
        with self._output.open("ab") as output:
            p0f = subprocess.Popen(watch, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=output)
            collect = ["/usr/bin/perl", "-T", _analyzer(), f"127.0.0.1:{self.analyzer_port}"]
            analyzer = subprocess.Popen(collect, stdin=p0f.stdout, stdout=output, stderr=output)
        assert p0f.stdout is not None
        p0f.stdout.close()
        self._programs = [p0f, analyzer]
        self._wait(lambda: self._status("127.0.0.1") is not None and self._collected("127.0.0.1", 1) is not None)

    def stop(self) -> None:
        """Stop both."""
        for program in self._programs:
            program.terminate()
            program.wait(10)
        self._listener.close()

    def connect(self, address: str, ttl: int | None = None) -> Seen:
        """Connect from a loopback address to the port that p0f watches, and wait until both have seen it."""
        with socket.socket() as client:
            client.bind((address, 0))
            if ttl is not None:
                client.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
            client.connect(self._listener.getsockname())
            port = client.getsockname()[1]
            self._listener.accept()[0].close()
        self._wait(lambda: self._status(address) == _OK and bool(self._collected(address, port)))
        return Seen(address, port)

    def _wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_LIMIT
        while not condition():
            if time.monotonic() > deadline or any(program.poll() is not None for program in self._programs):
                self.stop()
                pytest.fail(f"p0f or p0f-analyzer does not answer:\n{self._output.read_text(errors='replace')}")
            time.sleep(0.02)

    def _status(self, address: str) -> int | None:
        """What p0f says at its socket; None while it does not."""
        with socket.socket(socket.AF_UNIX) as probe, suppress(OSError, struct.error):
            probe.settimeout(5)
            probe.connect(self.path)
            probe.sendall(struct.pack("=IB16s", 0x50304601, 4, socket.inet_aton(address)))
            status: int = struct.unpack_from("=II", probe.recv(232))[1]
            return status
        return None

    def _collected(self, address: str, port: int) -> str | None:
        """What p0f-analyzer says; None while it does not."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
            probe.settimeout(5)
            probe.connect(("127.0.0.1", self.analyzer_port))
            probe.send(f"[{address}]:{port} x".encode())
            return probe.recv(2000).decode().split(" ", 2)[2].strip()
        return None


def _analyzer() -> str:
    program = shutil.which("p0f-analyzer", path="/usr/sbin") or str(ANALYZER)
    if not Path(program).exists():
        pytest.fail("p0f-analyzer is missing: run `.ci/setup servers`")
    return program


def _free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _may_listen_to_packets() -> bool:
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()
    except PermissionError:
        return False
    return True


@pytest.fixture(scope="session")
def p0f(tmp_path_factory: pytest.TempPathFactory) -> Iterator[P0f]:
    """Running p0f and p0f-analyzer for all tests."""
    if not _may_listen_to_packets():
        pytest.skip(f"p0f needs the capability CAP_NET_RAW, which the account {os.geteuid()} has not")
    programs = P0f(tmp_path_factory.mktemp("p0f"))
    programs.start()
    yield programs
    programs.stop()
