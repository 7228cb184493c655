"""Clients of the running daemon's AM.PDP socket: raw ones, amavisd-new's own tool, and ours."""

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from .daemon import COMMAND, Daemon, wait_until

PATIENCE = 60
PEERS_TOOL = Path(__file__).parents[3] / ".cache/amavisd-release"


def control_socket(daemon: Daemon) -> Path:
    """Where the daemon listens as packaged."""
    return daemon.home / "amavisd.sock"


def quarantined(daemon: Daemon, number: int = 1) -> list[str]:
    """Paths below QUARANTINEDIR, as the log shows them, once there are that many; those in the log in their order."""

    def found() -> list[str]:
        return re.findall(r"quarantine: (\S+),", daemon.log())

    wait_until(lambda: len(found()) >= number, f"{number} copies in quarantine")
    return found()


def mail_id_of(location: str) -> str:
    """The mail_id in a name as the packaged methods make it."""
    return location.rpartition("/")[2].partition("-")[2].removesuffix(".gz")


def ask(path: Path, octets: bytes) -> str:
    """One request; the whole answer."""
    with connected(path) as client:
        client.sendall(octets)
        return read_answer(client)


def connected(path: Path) -> socket.socket:
    """A client's socket."""
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(PATIENCE)
    client.connect(str(path))
    return client


def read_answer(client: socket.socket) -> str:
    """Up to the empty line."""
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        octets = client.recv(65536)
        assert octets, answer
        answer += octets
    return answer.decode()


def peers_tool(daemon: Daemon, *arguments: str, name: str = "amavisd-release") -> subprocess.CompletedProcess[str]:
    """amavisd-new's own program; it knows the socket by a constant in its text, which the copy has changed."""
    program = shutil.which("amavisd-release", path="/usr/sbin") or str(PEERS_TOOL)
    if not Path(program).exists():
        pytest.fail("amavisd-release is missing: run `.ci/setup servers`")
    copy = daemon.home.parent / name
    text = Path(program).read_text()
    changed = re.sub(r"(?m)^(\s*\$socketname = )'[^']*';", rf"\1'{control_socket(daemon)}';", text)
    assert changed != text
    copy.write_text(changed)
    return _run(["perl", "-T", str(copy), *arguments])


def our_tool(
    daemon: Daemon, *arguments: str, program: Sequence[str] = (str(COMMAND), "release"), octets: str = ""
) -> subprocess.CompletedProcess[str]:
    """`mailcordon release`."""
    return _run([*program, "--socket", str(control_socket(daemon)), *arguments], octets)


def installed_as(directory: Path, name: str) -> list[str]:
    """The command as pip installs it under that name."""
    program = directory / name
    program.write_text("from mailcordon.cli.release import main\nmain()\n")
    return [sys.executable, str(program)]


def _run(command: list[str], octets: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=octets, capture_output=True, text=True, check=False, timeout=PATIENCE)
