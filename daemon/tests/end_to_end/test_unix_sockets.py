"""Unix sockets beside the ports, and clients that others wrote: smtp-source and swaks (contracts B4.03, B6.11)."""

import signal
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from certificates import make_certificate
from samples import eicar, eicar_twin
from servers import installed

from .daemon import Daemon, NextHop, text_mail, wait_until

LIMIT = 60
"""Seconds for a client."""


@pytest.fixture
def path(daemon: Daemon) -> Path:
    """Where the daemon listens once it is started."""
    socket_path = daemon.home / "in.sock"
    daemon.configure("40-smtp", 'interface_policy.SOCK = "SMTP-SOCK"\npolicy_bank.SMTP-SOCK.protocol = "SMTP"')
    daemon.configure("45-unix", f'unix_socketname = "{socket_path}"')
    return socket_path


def run(command: list[str], octets: bytes = b"") -> subprocess.CompletedProcess[str]:
    """Run a client to its end."""
    result = subprocess.run(command, input=octets, capture_output=True, check=False, timeout=LIMIT)
    return subprocess.CompletedProcess(
        command, result.returncode, result.stdout.decode(errors="replace"), result.stderr.decode(errors="replace")
    )


def smtp_source(*options: str) -> subprocess.CompletedProcess[str]:
    """Postfix's generator of mail."""
    addresses = ["-f", "alice@sender.example", "-t", "bob@example.test"]
    return run([installed("smtp-source", "postfix"), *addresses, *options])


def swaks(octets: bytes, *options: str) -> subprocess.CompletedProcess[str]:
    """Send one message by swaks; its status is not 0 when any of the replies was a refusal."""
    addresses = ["--from", "alice@sender.example", "--to", "bob@example.test"]
    return run([installed("swaks", "swaks"), *addresses, *options, "--data", "-"], octets)


def accepts(path: Path) -> bool:
    """Whether somebody listens there."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


@pytest.mark.parametrize("protocol", [[], ["-L"]], ids=["SMTP", "LMTP"])
def test_mail_by_a_unix_socket(daemon: Daemon, next_hop: NextHop, path: Path, protocol: list[str]) -> None:
    """Issue 4: SMTP and LMTP on a unix socket, one reply for each LMTP recipient; the port stays open beside it."""
    daemon.start()
    result = smtp_source(*protocol, "-m", "20", "-s", "4", "-r", "2", f"unix:{path}")
    assert result.returncode == 0, result.stderr
    assert len(next_hop.messages()) == 20
    assert daemon.send(text_mail(b"hello", "by-port")).startswith("250 2.6.0")


def test_mode_of_the_socket_and_its_end(daemon: Daemon, path: Path) -> None:
    """B6.11: the mode says who may send; it follows a reload, and the file goes with the setting or the daemon."""
    daemon.start()
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    other = path.with_name("other.sock")
    daemon.configure("45-unix", f'unix_socketname = ["{path}", "{other}"]\nunix_socket_mode = 0o600')
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: "configuration reloaded" in daemon.log(), "reload")
    assert [stat.S_IMODE(file.stat().st_mode) for file in (path, other)] == [0o600] * 2
    assert accepts(other)
    daemon.configure("45-unix", f'unix_socketname = ["{other}"]')
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: not path.exists(), "the socket that is not wanted any more is gone")
    assert accepts(other)
    daemon.stop()
    assert not other.exists()


def test_socket_that_was_left_behind_is_replaced(daemon: Daemon, path: Path) -> None:
    """After a crash its file is still there; nobody has to remove it."""
    with socket.socket(socket.AF_UNIX) as crashed:
        crashed.bind(str(path))
    assert not accepts(path)
    daemon.start()
    assert accepts(path)


@pytest.mark.parametrize(
    ("taken_by", "reason"),
    [("server", "Address already in use"), ("file", "there is a file that is not a socket")],
)
def test_path_that_is_taken_is_one_line(daemon: Daemon, path: Path, taken_by: str, reason: str) -> None:
    """Bad input: a living server keeps its socket, and a file its content; the daemon does not start."""
    with socket.socket(socket.AF_UNIX) as other:
        if taken_by == "server":
            other.bind(str(path))
            other.listen()
        else:
            path.write_text("precious")
        daemon.launch()
        assert daemon.wait() == 69
        assert daemon.output().splitlines() == [f"mailcordon: cannot listen on {path}: {reason}; see unix_socketname"]
        assert accepts(path) if taken_by == "server" else path.read_text() == "precious"


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ('unix_socketname = "in.sock"', "'in.sock' is not an absolute path"),
        (f'unix_socketname = "/{"x" * 107}"', "longer than 107 octets"),
        ("unix_socket_mode = 660", "660 is not a file mode; write it in octal, as 0o660"),
    ],
    ids=["relative", "long", "mode"],
)
def test_bad_settings_are_named(daemon: Daemon, setting: str, complaint: str) -> None:
    """Design rule 6: one line, with what is right."""
    daemon.configure("45-unix", setting)
    daemon.launch()
    assert daemon.wait() == 78
    (line,) = daemon.output().splitlines()
    assert complaint in line


def test_nothing_to_listen_on(daemon: Daemon) -> None:
    """A filter that nobody can reach does not start; its twin with a socket only does."""
    daemon.configure("45-unix", "inet_socket_port = []\nunix_socketname = []")
    daemon.launch()
    assert daemon.wait() == 69
    assert "there is nothing to listen on; set inet_socket_port or unix_socketname" in daemon.output()
    path = daemon.home / "in.sock"
    daemon.configure("46-unix", f'unix_socketname = "{path}"')
    daemon.start()
    assert accepts(path)


@pytest.mark.parametrize("way", ["port", "TLS", "unix", "LMTP"])
def test_swaks(daemon: Daemon, next_hop: NextHop, path: Path, way: str) -> None:
    """Issue 4: swaks as client, plain, encrypted, on the unix socket, by LMTP; EICAR is refused, its twin arrives."""
    certificate = make_certificate(daemon.home)
    daemon.configure(
        "46-swaks",
        f"""
        tls_security_level_in = "may"
        smtpd_tls_cert_file = "{certificate.cert_file}"
        smtpd_tls_key_file = "{certificate.key_file}"
        final_virus_destiny = "reject"
        """,
    )
    daemon.start()
    port = ["--server", "127.0.0.1", "--port", str(daemon.port)]
    options = {
        "port": port,
        "TLS": [*port, "--tls"],
        "unix": ["--socket", str(path)],
        "LMTP": ["--socket", str(path), "--protocol", "LMTP"],
    }[way]
    passed = swaks(text_mail(eicar_twin(), "twin"), *options)
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert "250 2.6.0 Ok, id=" in passed.stdout
    assert ("TLS started" in passed.stdout) == (way == "TLS")
    refused = swaks(text_mail(eicar(), "virus"), *options)
    assert refused.returncode != 0
    assert "554 5.7.0 Reject, id=" in refused.stdout
    assert next_hop.has("twin@sender.example")
    assert not next_hop.has("virus@sender.example")
