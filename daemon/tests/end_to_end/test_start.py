"""Where the daemon is started from, and whom it runs as."""

import os
import pwd
import subprocess
from pathlib import Path

import pytest

from .daemon import Daemon, NextHop, text_mail, wait_until
from .installation import install
from .test_serve import command_for_nobody, open_to_all


@pytest.mark.parametrize("directory", ["/", "/root", "unreadable"])
def test_start_directory_does_not_matter(
    daemon: Daemon, installed: Path, next_hop: NextHop, tmp_path: Path, token: str, directory: str
) -> None:
    """Features 6.08: started from anywhere, also where the account may not even look."""
    place = Path(directory)
    if directory == "unreadable":
        place = tmp_path / "unreadable"
        place.mkdir(mode=0o000 if os.geteuid() == 0 else 0o100)
    elif not os.access(place, os.X_OK):
        return
    # The account has no way to the socket of clamd.
    daemon.configure("50-user", "bypass_virus_checks = true")
    open_to_all(daemon, tmp_path)
    daemon.process = subprocess.Popen([*command_for_nobody(daemon, installed), "--own-config"], cwd=place)
    wait_until(lambda: "listening on" in daemon.log(), "the daemon starts")
    assert daemon.send(text_mail(b"hello", token)).startswith("250 ")
    assert next_hop.has(token)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to drop")
def test_rights_are_dropped_before_the_first_worker(daemon: Daemon, installed: Path, tmp_path: Path) -> None:
    """Features 6.03, B18.05: no process is root, supplementary groups are those of the account, umask is 027."""
    open_to_all(daemon, tmp_path)
    daemon.process = subprocess.Popen([*command_for_nobody(daemon, installed), "--own-config"])
    wait_until(lambda: "listening on" in daemon.log(), "the daemon starts")
    nobody = pwd.getpwnam("nobody")
    groups = set(os.getgrouplist("nobody", nobody.pw_gid))
    for pid in (daemon.process.pid, *daemon.workers()):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        status = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
        assert status["Uid"] == [str(nobody.pw_uid)] * 4
        assert status["Gid"] == [str(nobody.pw_gid)] * 4
        assert set(map(int, status["Groups"])) == groups
        assert int(status["CapEff"][0], 16) == 0
        assert status["Umask"] == ["0027"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to drop")
def test_installation_that_the_account_cannot_read(daemon: Daemon, tmp_path: Path) -> None:
    """One line says it at start, not a template that is missing when the first notice is due."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    install(closed / "packages")
    open_to_all(daemon, tmp_path)
    command = [*command_for_nobody(daemon, closed / "packages"), "--own-config"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert result.returncode == 69
    assert f"{closed}/packages/mailcordon: cannot be read by nobody" in result.stderr
    assert len(result.stderr.splitlines()) == 1
