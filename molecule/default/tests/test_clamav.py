"""ClamAV on a whole host: accounts, files, sockets, logs (features 1.19, 1.21, chapter 2)."""

import re

import pytest
from testinfra.host import Host

from end_to_end.gateway import wait_for

CONFIGS = {"clamd": "/etc/clamav/clamd.conf", "freshclam": "/etc/clamav/freshclam.conf"}
CLAMD = "clamav-daemon.service"
FRESHCLAM = "clamav-freshclam.service"


def options(host: Host, kind: str) -> dict[str, str]:
    """The options that stand in a file; of repeated ones the last."""
    lines = host.file(CONFIGS[kind]).content_string.splitlines()
    return dict(line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))


def main_pid(host: Host, unit: str) -> int:
    return int(host.check_output(f"systemctl show -p MainPID --value {unit}"))


def answers(host: Host) -> bool:
    ping = host.run(f"clamdscan --config-file={CONFIGS['clamd']} --ping 1")
    return bool(ping.rc == 0)


def test_account_and_packages(host: Host) -> None:
    """Covers features 1.19, 1.21: no login, its own group; no milter, which this filter does not need."""
    user = host.user("clamav")
    assert (user.group, user.shell) in {("clamav", "/bin/false"), ("clamav", "/usr/sbin/nologin")}
    assert host.package("clamav-daemon").is_installed
    assert host.package("clamav-freshclam").is_installed
    assert not host.package("clamav-milter").is_installed


@pytest.mark.parametrize("kind", CONFIGS)
def test_no_active_example(host: Host, kind: str) -> None:
    """Covers features 2.06, 2.07, 2.31."""
    assert options(host, kind)
    assert "Example" not in options(host, kind)


def test_clamconf_has_nothing_to_say(host: Host) -> None:
    """Covers features 2.08, 2.41, 18.05: no old option in either file, and both name the same directory."""
    output = host.check_output("clamconf 2>&1")
    assert "Config file: clamd.conf" in output
    assert "Config file: freshclam.conf" in output
    # It says so too when the two directories differ
    assert not re.search(r"ERROR|WARNING|DEPRECATED", output)
    assert options(host, "clamd")["DatabaseDirectory"] == options(host, "freshclam")["DatabaseDirectory"]


def test_directory_of_the_signatures(host: Host) -> None:
    """Covers features 2.02, 2.03: 0755 clamav:clamav, the files in it 0644."""
    directory = host.file(options(host, "clamd")["DatabaseDirectory"])
    assert (directory.user, directory.group, oct(directory.mode)) == ("clamav", "clamav", oct(0o755))
    listed = host.check_output(f"stat -c '%U:%G %a' {directory.path}/*.ndb")
    assert set(listed.splitlines()) == {"clamav:clamav 644"}


@pytest.mark.parametrize("unit", [CLAMD, FRESHCLAM])
def test_runs_as_clamav(host: Host, unit: str) -> None:
    """Covers features 2.14, 2.57."""
    pid = main_pid(host, unit)
    assert pid > 0
    assert host.check_output(f"ps -o user= -p {pid}") == "clamav"


@pytest.mark.parametrize(("kind", "option"), [("clamd", "LogFile"), ("freshclam", "UpdateLogFile")])
def test_logs(host: Host, kind: str, option: str) -> None:
    """Covers features 2.09, 2.29, 2.32, 2.34: without a limit of its own, so logrotate has one rule for it."""
    log = host.file(options(host, kind)[option])
    assert (log.user, oct(log.mode)) == ("clamav", oct(0o640))
    assert log.group in {"adm", "clamav"}
    assert log.size > 0
    assert options(host, kind)["LogFileMaxSize"] == "0"
    assert host.check_output(f"grep -lr '{log.path}' /etc/logrotate.d").count("\n") == 0


def test_logrotate_accepts_its_files(host: Host) -> None:
    """Covers features 2.34: no file is named twice, nothing is wrong in them."""
    result = host.run("logrotate --debug /etc/logrotate.conf")
    assert result.rc == 0, result.stderr
    assert "error" not in result.stderr.lower()


def test_the_update_stands_in_the_log(host: Host) -> None:
    """Covers features 2.09, 2.30."""
    log = host.file(options(host, "freshclam")["UpdateLogFile"]).content_string
    assert re.search(r" -> eicar\.ndb (updated|is up-to-date)", log)


def test_local_socket(host: Host) -> None:
    """Covers features 2.42, 2.43, 2.47: systemd holds it for clamd, with a queue of at least 30 connections."""
    path = options(host, "clamd")["LocalSocket"]
    listening = host.check_output(f"ss -Hlx src {path}").split()
    assert int(listening[3]) >= 30
    assert answers(host)


def test_killed_clamd_comes_back(host: Host) -> None:
    """Covers features 2.44."""
    before = main_pid(host, CLAMD)
    host.check_output(f"kill -9 {before}")
    wait_for("another clamd", lambda: main_pid(host, CLAMD) not in (0, before), timeout=60)
    wait_for("its answer", lambda: answers(host), timeout=60)


def test_a_log_is_opened_again_after_rotation(host: Host) -> None:
    """Covers features 2.34: clamd writes to the new file, with the same owner and mode."""
    path = options(host, "clamd")["LogFile"]
    rule = host.check_output(f"grep -lr '{path}' /etc/logrotate.d")
    host.check_output(f"logrotate --force {rule}")
    host.check_output(f"clamdscan --config-file={CONFIGS['clamd']} --reload")
    wait_for("a line in the new log", lambda: "Database correctly reloaded" in host.file(path).content_string)
    log = host.file(path)
    assert (log.user, log.group, oct(log.mode)) == ("clamav", "adm", oct(0o640))
    assert host.file(f"{path}.1").exists


def test_groups_of_clamav_are_in_force(host: Host) -> None:
    """Covers features 1.11, 2.15, 2.58: a path scan reads what only a group of clamav may read.

    The twin before: without the group there is no verdict but an error.
    """
    socket = options(host, "clamd")["LocalSocket"]
    script = (
        "import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);"
        " s.sendall(b'zSCAN /srv/groups/file\\0'); print(s.recv(4096).rstrip(b'\\0').decode())"
    )
    ask = f'python3 -c "{script}" {socket}'
    host.check_output("groupadd --system --force scanreaders")
    host.check_output("install -d -o root -g scanreaders -m 0750 /srv/groups")
    host.check_output("install -o root -g scanreaders -m 0640 /dev/null /srv/groups/file && echo x >/srv/groups/file")
    try:
        assert "ERROR" in host.check_output(ask)
        host.check_output("usermod -aG scanreaders clamav")
        host.check_output(f"systemctl restart {CLAMD}")
        wait_for("clamd", lambda: answers(host), timeout=60)
        assert host.check_output(ask) == "/srv/groups/file: OK"
    finally:
        host.run("gpasswd -d clamav scanreaders; groupdel scanreaders; rm -r /srv/groups")
        host.run(f"systemctl restart {CLAMD}")
        wait_for("clamd", lambda: answers(host), timeout=60)
