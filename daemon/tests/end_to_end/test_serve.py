"""The whole daemon as a process: real clamd, real next hop, signals (design rules 1, 2, 6; B18.04)."""

import os
import signal
import smtplib
import socket
import subprocess
import sys
import threading
from pathlib import Path
from uuid import uuid4

import pytest

from certificates import make_certificate
from samples import eicar, eicar_twin
from servers import Clamd, free_port

from .daemon import COMMAND, Daemon, NextHop, text_mail, wait_until
from .installation import program_in


def test_clean_is_delivered_and_eicar_is_not(daemon: Daemon, next_hop: NextHop) -> None:
    """Features 6.01, 6.05, checklist 9 and 10: EICAR is blocked and quarantined, its harmless twin arrives."""
    daemon.start()
    clean = daemon.send(text_mail(eicar_twin(), "twin"))
    assert clean.startswith("250 2.6.0 Ok, id=")
    assert f"from MTA(smtp:[127.0.0.1]:{next_hop.port}): 250 2.0.0" in clean
    infected = daemon.send(text_mail(eicar(), "virus"))
    assert infected.startswith("250 2.7.0 Ok, discarded, id=")
    assert "INFECTED: Eicar-Test-Signature" in infected
    assert next_hop.has("twin@sender.example")
    assert not next_hop.has("virus@sender.example")
    assert b"X-Virus-Scanned: mailcordon at example.test" in next_hop.messages()[0]
    (kept,) = [path for path in (daemon.home / "virusmails").rglob("virus-*") if path.is_file()]
    assert eicar() in kept.read_bytes()
    wait_until(lambda: "Blocked INFECTED" in daemon.log(), "the main log entry")
    assert "Blocked INFECTED (Eicar-Test-Signature" in daemon.log()
    assert "{DiscardedInbound,Quarantined}, " in daemon.log()
    assert "Passed CLEAN {RelayedInbound}, " in daemon.log()


def test_scanner_down_means_try_again(tmp_path: Path, own_clamd: Clamd, next_hop: NextHop, token: str) -> None:
    """Design rule 2, checklist 20: without a scanner the client gets 4xx; afterwards the mail is judged right."""
    daemon = Daemon(tmp_path / "daemon", own_clamd.path, next_hop)
    daemon.start()
    own_clamd.stop()
    assert daemon.send(text_mail(b"hello", token)).startswith("451 4.5.0 Error in processing, id=")
    assert not next_hop.has(token)
    own_clamd.start()
    assert daemon.send(text_mail(b"hello", token)).startswith("250 ")
    assert next_hop.has(token)
    daemon.stop()


def test_next_hop_down_means_try_again(daemon: Daemon, next_hop: NextHop, token: str) -> None:
    """Design rule 1, B7.06: no next hop, no 2xx."""
    daemon.start()
    next_hop.stop()
    assert daemon.send(text_mail(b"hello", token)).startswith("4")
    next_hop.start()
    assert daemon.send(text_mail(b"hello", token)).startswith("250 ")
    assert next_hop.has(token)


def test_sigterm_stops_cleanly(daemon: Daemon) -> None:
    """B18.04, checklist 23."""
    daemon.start()
    workers = daemon.workers()
    assert len(workers) == 2
    daemon.signal(signal.SIGTERM)
    assert daemon.wait() == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


def test_scanners_are_named_once_at_start(daemon: Daemon) -> None:
    """Features 7.02, B8.08: which scanners answer, from one worker only."""
    daemon.start()
    wait_until(lambda: "Using primary internal av scanner code for clamd" in daemon.log(), "discovery")
    assert daemon.log().count("av scanner") == 1


def test_killed_worker_is_replaced(daemon: Daemon, next_hop: NextHop, token: str) -> None:
    """Checklist 23: a worker that dies comes back, and mail goes on."""
    daemon.start()
    victim, other = daemon.workers()
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(daemon.workers()) == 2 and victim not in daemon.workers(), "a new worker")
    assert other in daemon.workers()
    assert daemon.send(text_mail(b"hello", token)).startswith("250 ")
    assert f"worker {victim} ended: signal SIGKILL" in daemon.log()


def test_reload_takes_a_good_configuration(daemon: Daemon, next_hop: NextHop) -> None:
    """B18.04: SIGHUP replaces the workers, and the new settings hold."""
    daemon.start()
    before = set(daemon.workers())
    daemon.configure("50-user", 'final_virus_destiny = "reject"')
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: "configuration reloaded" in daemon.log(), "reload")
    wait_until(lambda: not before & set(daemon.workers()), "the old workers leave")
    assert daemon.send(text_mail(eicar(), "virus")).startswith("554 5.7.0 Reject, id=")


def test_reload_keeps_the_old_configuration_when_the_new_is_bad(daemon: Daemon, next_hop: NextHop) -> None:
    """Design rule 6: every problem is logged and nothing changes."""
    daemon.start()
    before = set(daemon.workers())
    daemon.configure("50-user", 'final_virus_destiny = "explode"\nspam_kil_level = 3')
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: daemon.log().count("the old configuration stays in force") == 2, "two problems in the log")
    assert "did you mean spam_kill_level?" in daemon.log()
    assert set(daemon.workers()) == before
    assert daemon.send(text_mail(eicar(), "virus")).startswith("250 2.7.0 Ok, discarded")


def test_reload_keeps_the_old_configuration_when_its_log_cannot_be_opened(daemon: Daemon, next_hop: NextHop) -> None:
    """Design rule 6: what only the new workers would meet is found before they start; their port is not kept either."""
    daemon.start()
    before = set(daemon.workers())
    other_port = free_port()
    daemon.configure("50-user", f'logfile = "/nonexistent/log"\ninet_socket_port = {other_port}')
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: "the old configuration stays in force: logfile: /nonexistent/log" in daemon.log(), "the reason")
    assert set(daemon.workers()) == before
    assert daemon.send(text_mail(b"hello", "still-here")).startswith("250 ")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", other_port), 5)


def test_reload_under_load_loses_nothing(daemon: Daemon, next_hop: NextHop) -> None:
    """Design rule 1: while the workers change over, every message is delivered, and no connection is refused."""
    daemon.start()
    stop = threading.Event()
    tokens: list[str] = []
    replies: list[str] = []

    def send_until_stopped() -> None:
        while not stop.is_set():
            tokens.append(uuid4().hex)
            replies.append(daemon.send(text_mail(b"hello", tokens[-1])))

    sender = threading.Thread(target=send_until_stopped)
    sender.start()
    for count in range(1, 4):
        daemon.signal(signal.SIGHUP)
        wait_until(lambda count=count: daemon.log().count("configuration reloaded") == count, "reload")  # type: ignore[misc]
    stop.set()
    sender.join()
    assert len(replies) == len(tokens) > 3
    assert all(reply.startswith("250 ") for reply in replies)
    assert all(next_hop.has(token) for token in tokens)


def test_port_taken_is_one_line(daemon: Daemon) -> None:
    """Bad input: the port is named, the exit status says that it cannot start."""
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", daemon.port))
        squatter.listen()
        daemon.launch()
        assert daemon.wait() == 69
    assert daemon.output().splitlines() == [
        f"mailcordon: cannot listen on 127.0.0.1 port {daemon.port}: Address already in use; "
        "see inet_socket_bind and inet_socket_port, and `ss -ltnp` for who has it"
    ]


def test_bad_configuration_at_start_is_refused(daemon: Daemon) -> None:
    """Design rule 6: one line for each problem, no start."""
    daemon.configure("50-user", "max_servers = -1\nno_such_setting = 1")
    daemon.launch()
    assert daemon.wait() == 78
    assert len(daemon.output().splitlines()) == 2


def open_to_all(daemon: Daemon, directory: Path) -> None:
    """Let any account read and write the daemon's files; pytest's directories are closed to others."""
    for path in (directory, *directory.parents):
        if "pytest-of-" in str(path):
            path.chmod(0o755)
    for path in (
        daemon.config_directory.parent,
        daemon.home,
        daemon.config_directory,
        *daemon.config_directory.iterdir(),
    ):
        path.chmod(0o777)


def command_for_nobody(daemon: Daemon, installed: Path) -> list[str]:
    """The command line of the program in `installed`, with an account that is not root."""
    user = [] if os.geteuid() else ["--user", "nobody"]
    return [*program_in(installed), "serve", "--config-dir", str(daemon.config_directory), *user]


def test_configuration_that_the_daemon_could_change_is_refused(daemon: Daemon, installed: Path, tmp_path: Path) -> None:
    """Features 1.16: a fragment that the service account may write."""
    open_to_all(daemon, tmp_path)
    result = subprocess.run(
        command_for_nobody(daemon, installed), capture_output=True, text=True, check=False, timeout=30
    )
    assert result.returncode == 69
    assert "20-test.toml: is writable by " in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_own_configuration_is_taken_when_asked_for(daemon: Daemon, installed: Path, tmp_path: Path) -> None:
    """Features 1.17: a trial under an account that could change the fragments."""
    open_to_all(daemon, tmp_path)
    daemon.process = subprocess.Popen([*command_for_nobody(daemon, installed), "--own-config"])
    wait_until(lambda: "listening on" in daemon.log(), "the daemon starts")


def test_refuses_to_run_as_root(daemon: Daemon) -> None:
    """B18.05: root must name the account."""
    if os.geteuid() != 0:
        return
    command = [str(COMMAND), "serve", "--config-dir", str(daemon.config_directory)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert result.returncode == 69
    assert result.stderr == "mailcordon: refusing to run as root; name the service account with --user\n"


def test_socket_activation_and_readiness(daemon: Daemon, next_hop: NextHop, tmp_path: Path, token: str) -> None:
    """sd_listen_fds and sd_notify: the socket is taken over, READY is said once mail can come, STOPPING at the end."""
    notifications = tmp_path / "notify"
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver,
        socket.create_server(("127.0.0.1", free_port())) as listener,
    ):
        receiver.bind(str(notifications))
        receiver.settimeout(30)
        daemon.port = listener.getsockname()[1]
        # LISTEN_PID must be the daemon's own: a small program sets it and becomes the daemon.
        activate = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.environ['LISTEN_PID'] = str(os.getpid()); "
        activate += "os.environ['LISTEN_FDS'] = '1'; os.execv(sys.argv[2], sys.argv[2:])"
        daemon.process = subprocess.Popen(
            [sys.executable, "-c", activate, str(listener.fileno()), *daemon.command()],
            env={**os.environ, "NOTIFY_SOCKET": str(notifications)},
            pass_fds=(listener.fileno(),),
        )
        assert b"READY=1" in receiver.recv(4096).splitlines()
        assert daemon.send(text_mail(b"hello", token)).startswith("250 ")
        # What the service manager does not give the daemon opens itself (features 1.23).
        assert (daemon.home / "amavisd.sock").is_socket()
        daemon.signal(signal.SIGTERM)
        assert daemon.wait() == 0
        said = b""
        while b"STOPPING=1" not in said:
            said = receiver.recv(4096)


def test_tls_without_a_usable_key(daemon: Daemon, tmp_path: Path) -> None:
    """Features 13.15: the start fails with one line; with the key out of others' reach it is a good one, and a mail
    over TLS arrives."""
    certificate = make_certificate(tmp_path)
    daemon.configure(
        "45-test",
        f"""
        tls_security_level_in = "encrypt"
        smtpd_tls_cert_file = "{certificate.cert_file}"
        smtpd_tls_key_file = "{certificate.key_file}"
        """,
    )
    certificate.key_file.chmod(0o644)
    daemon.launch()
    assert daemon.wait() == 78
    reason = f"{certificate.key_file}: can be read by all accounts (mode 0644); 0640 is right"
    fragment = daemon.config_directory / "45-test.toml"
    assert daemon.output().splitlines() == [f"{fragment}:4: smtpd_tls_key_file: {reason}"]
    certificate.key_file.chmod(0o600)
    daemon.start()
    with smtplib.SMTP("127.0.0.1", daemon.port, timeout=60) as client:
        client.starttls()
        assert client.sendmail("alice@sender.example", ["bob@example.test"], text_mail(b"hello", "tls")) == {}
