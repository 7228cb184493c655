"""Workers that hang, wear out, fail or lose their supervisor; the service manager's watchdog (B18.04, B18.06)."""

import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from .daemon import Daemon, NextHop, text_mail, wait_until


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """A service manager's notification socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(30)
        yield receiver


def under(manager: socket.socket, daemon: Daemon, watchdog_seconds: float) -> None:
    """Start the daemon as the service manager does."""
    daemon.process = subprocess.Popen(
        daemon.command(),
        env={
            **os.environ,
            "NOTIFY_SOCKET": manager.getsockname(),
            "WATCHDOG_USEC": str(int(watchdog_seconds * 1_000_000)),
        },
    )


def notifications(manager: socket.socket) -> list[bytes]:
    """What has come so far."""
    lines: list[bytes] = []
    manager.setblocking(False)
    try:
        while True:
            lines += manager.recv(4096).splitlines()
    except BlockingIOError:
        return lines


def test_hung_worker_is_replaced(daemon: Daemon, next_hop: NextHop) -> None:
    """Design: a worker that gives no sign of life is killed; its twin that answers is left alone."""
    daemon.configure("50-user", "worker_silence_limit = 3")
    daemon.start()
    hung, other = daemon.workers()
    os.kill(hung, signal.SIGSTOP)
    wait_until(lambda: len(daemon.workers()) == 2 and hung not in daemon.workers(), "a new worker")
    assert other in daemon.workers()
    assert f"worker {hung} gives no sign of life for 3 s, replacing it" in daemon.log()
    assert daemon.send(text_mail(b"hello", "after")).startswith("250 ")


def test_service_manager_that_does_not_listen_holds_up_nothing(daemon: Daemon, manager: socket.socket) -> None:
    """Its queue fills up at once; a worker that dies is replaced all the same."""
    under(manager, daemon, watchdog_seconds=0.02)
    wait_until(lambda: "listening on" in daemon.log(), "the daemon starts")
    time.sleep(1)
    victim, _ = daemon.workers()
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(daemon.workers()) == 2 and victim not in daemon.workers(), "a new worker")


def test_watchdog_hears_nothing_while_no_worker_answers(daemon: Daemon, manager: socket.socket) -> None:
    """A supervisor alone is no filter: with all workers hung, the service manager gets no sign of life."""
    under(manager, daemon, watchdog_seconds=0.4)
    wait_until(lambda: b"WATCHDOG=1" in notifications(manager), "a sign of life")
    time.sleep(0.5)
    assert b"WATCHDOG=1" in notifications(manager)
    # The first one is replaced after a second, the second one later: in between nobody takes mail.
    for pid in daemon.workers():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not daemon.workers(), "no workers are left")
    time.sleep(0.3)
    notifications(manager)
    time.sleep(0.4)
    assert b"WATCHDOG=1" not in notifications(manager)
    wait_until(lambda: b"WATCHDOG=1" in notifications(manager), "a sign of life of the new workers")


def test_worn_out_workers_are_replaced(daemon: Daemon, next_hop: NextHop) -> None:
    """B18.06: max_requests; every message is delivered while the workers change."""
    daemon.configure("50-user", "max_requests = 5")
    daemon.start()
    before = set(daemon.workers())
    tokens = [uuid4().hex for _ in range(30)]
    for token in tokens:
        assert daemon.send(text_mail(b"hello", token)).startswith("250 ")
    wait_until(lambda: not before & set(daemon.workers()) and len(daemon.workers()) == 2, "all workers are new")
    assert all(next_hop.has(token) for token in tokens)
    assert "ended" not in daemon.log()


def test_supervisor_killed_and_started_again(daemon: Daemon, next_hop: NextHop, token: str) -> None:
    """Checklist 23: its workers leave by themselves, and at once give up the port that the new one needs."""
    daemon.start()
    assert daemon.process is not None
    orphans = daemon.workers()
    daemon.signal(signal.SIGKILL)
    daemon.wait()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in orphans), "the workers leave", timeout=5)
    listening = daemon.log().count("listening on")
    daemon.launch()
    wait_until(lambda: daemon.log().count("listening on") > listening, "it starts again")
    assert daemon.send(text_mail(b"hello", token)).startswith("250 ")
    assert next_hop.has(token)


def test_workers_busy_with_a_message_do_not_keep_the_port(daemon: Daemon, next_hop: NextHop, token: str) -> None:
    """As above, with a message in progress: it is finished by the old worker while the new daemon takes mail."""
    daemon.start()
    with socket.create_connection(("127.0.0.1", daemon.port), 30) as client, client.makefile("rb") as replies:
        client.sendall(b"EHLO c\r\nMAIL FROM:<a@sender.example>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n")
        while not replies.readline().startswith(b"354"):
            pass
        daemon.signal(signal.SIGKILL)
        daemon.wait()
        listening = daemon.log().count("listening on")
        wait_until(lambda: "the supervisor is gone" in daemon.log(), "the workers notice")
        daemon.launch()
        while daemon.log().count("listening on") == listening:
            # A worker that leaves does not wait for a client that says nothing.
            client.sendall(b"X-Slow: 1\r\n")
            time.sleep(0.2)
        client.sendall(text_mail(b"hello", token) + b".\r\n")
        assert replies.readline().startswith(b"250 2.6.0")
    assert next_hop.has(token)


def test_stop_during_a_start_is_not_waited_for(daemon: Daemon) -> None:
    """B18.04: SIGTERM counts at any time, also while workers come up."""
    daemon.launch()
    wait_until(lambda: "config files read" in daemon.log(), "the start")
    wait_until(lambda: daemon.process is not None and _handles(daemon.process.pid, signal.SIGTERM), "the handler")
    daemon.signal(signal.SIGTERM)
    assert daemon.wait(10) == 0
    assert "stopping" in daemon.log()


def _handles(pid: int, number: signal.Signals) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def test_worker_that_cannot_be_started_is_tried_again(daemon: Daemon, next_hop: NextHop, token: str) -> None:
    """A system without descriptors to spare costs no mail and not the supervisor; the other worker goes on."""
    daemon.start()
    assert daemon.process is not None
    victim, _ = daemon.workers()
    limits = resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (3, limits[1]))
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: "cannot start a worker: Too many open files, trying again" in daemon.log(), "the reason")
    assert daemon.send(text_mail(b"hello", token)).startswith("250 ")
    resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, limits)
    wait_until(lambda: len(daemon.workers()) == 2, "a new worker")
    assert next_hop.has(token)
    # A worker hears SIGTERM from its first moment on.
    daemon.signal(signal.SIGTERM)
    assert daemon.wait(10) == 0


def test_reload_waits_while_too_many_workers_still_leave(daemon: Daemon, next_hop: NextHop) -> None:
    """Reloads with clients in mid-message: their number is bounded, and the last reload is not forgotten."""
    daemon.configure("50-user", "max_servers = 1")
    daemon.start()
    clients = []
    try:
        for count in range(1, 5):
            client = socket.create_connection(("127.0.0.1", daemon.port), 30)
            clients.append(client)
            client.sendall(b"EHLO c\r\nMAIL FROM:<a@sender.example>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n")
            with client.makefile("rb") as replies:
                while not replies.readline().startswith(b"354"):
                    pass
            daemon.signal(signal.SIGHUP)
            wait_until(lambda count=count: daemon.log().count("configuration reloaded") == count, "reload")  # type: ignore[misc]
            _send_slowly(clients)
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: "reload waits: 4 workers still finish their messages" in daemon.log(), "it waits")
        assert len(daemon.workers()) == 5
    finally:
        for client in clients:
            client.close()
    wait_until(lambda: daemon.log().count("configuration reloaded") == 5, "the last reload")


def _send_slowly(clients: list[socket.socket]) -> None:
    """A sign of life of each client, or the workers that drain would not wait for it."""
    for client in clients:
        client.sendall(b"x")


def test_reload_changes_the_number_of_workers(daemon: Daemon, next_hop: NextHop) -> None:
    """B18.06: max_servers holds from the next reload on, also for workers that are replaced later."""
    daemon.start()
    daemon.configure("50-user", "max_servers = 1")
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: "configuration reloaded, 1 new workers" in daemon.log(), "reload")
    wait_until(lambda: len(daemon.workers()) == 1, "the old workers leave")
    (victim,) = daemon.workers()
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(daemon.workers()) == 1 and victim not in daemon.workers(), "a new worker")
    for _ in range(10):
        time.sleep(0.05)
        assert len(daemon.workers()) <= 1, daemon.log()
    wait_until(lambda: len(daemon.workers()) == 1, "no more than a new worker")
