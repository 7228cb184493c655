"""Counters, what the workers do, and metrics, of the running daemon (contracts B17.01 to B17.05, B17.07 to B17.09;
features 15.01 to 15.05, 18.11)."""

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mailcordon.run.counter_directory import read_daemon
from samples import eicar
from servers import free_port

from .daemon import COMMAND, Daemon, text_mail, wait_until


def run(daemon: Daemon, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One of the tools, as an administrator would call it."""
    command = [str(COMMAND), *arguments, "--config-dir", str(daemon.config_directory)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def counts(daemon: Daemon) -> dict[str, float]:
    """All counters by name."""
    view = read_daemon(daemon.home / "db")
    return view.counters if view else {}


@pytest.fixture
def infected(daemon: Daemon, token: str) -> Daemon:
    """Has had two clean messages and an infected one, one of them to two recipients."""
    daemon.start()
    daemon.send(text_mail(b"hello", token), ("bob@example.test", "carol@other.example"))
    daemon.send(text_mail(b"hello again", token))
    daemon.send(text_mail(eicar(), token))
    wait_until(lambda: counts(daemon).get("InMsgs") == 3, "three messages are counted")
    return daemon


def test_every_message_is_counted(infected: Daemon) -> None:
    """B17.01 to B17.05: families, directions, sizes and times, over both workers."""
    found = counts(infected)
    wanted = {
        "InMsgs": 3,
        "InMsgsInbound": 3,
        "InMsgsOpenRelay": 1,
        "InMsgsRecips": 4,
        "InMsgsRecipsLocal": 3,
        "InMsgsStatusRelayed": 2,
        "InMsgsStatusRelayedUntagged": 2,
        "InMsgsStatusRelayedInbound": 2,
        "InMsgsStatusRelayedOpenRelay": 1,
        "InMsgsStatusDiscarded": 1,
        "InMsgsStatusDiscardedInbound": 1,
        "ContentCleanMsgs": 2,
        "ContentCleanMsgsInbound": 2,
        "ContentVirusMsgs": 1,
        "ContentVirusMsgsInbound": 1,
        "OutMsgs": 2,
        "OutMsgsRelay": 2,
        "OutMsgsProtoSMTP": 2,
        "OutMsgsProtoSMTPRelay": 2,
        "OutMsgsDelivers": 2,
        "OutConnTransact": 2,
        "QuarMsgs": 1,
        "QuarVirusMsgs": 1,
        "OpsVirusCheck": 3,
        "virus.byname.Eicar-Test-Signature.UNOFFICIAL": 1,
    }
    assert {name: found.get(name) for name in wanted} == wanted
    assert found["InMsgsSize"] > 3 * 150
    assert found["QuarVirusSize"] == found["QuarMsgsSize"] > 150
    assert found["LogEntries"] >= found["LogEntriesNotice"] >= 3
    parts = [found[f"TimeElapsed{part}"] for part in ("Receiving", "Decoding", "VirusCheck", "Sending")]
    assert all(part > 0 for part in parts)
    assert found["TimeElapsedTotal"] >= max(parts)


def test_lines_of_stats(infected: Daemon) -> None:
    """B17.07, features 15.01, 15.04: name, count, rate, percentage and base; `-c 1` prints once and ends."""
    result = run(infected, "stats", "-c", "1")
    assert result.returncode == 0
    assert re.search(r"^sysUpTime +Timeticks \d+ \(0 days, 0:\d\d:\d\d\)$", result.stdout, re.MULTILINE)
    assert re.search(r"^ContentVirusMsgs {19,} +1 +\d+/h +33\.3 % \(InMsgs\)$", result.stdout, re.MULTILINE), (
        result.stdout
    )
    assert re.search(
        r"^InMsgsStatusRelayedInbound .* % \(InMsgsStatusRelayed\) .* % \(InMsgsInbound\)$", result.stdout, re.MULTILINE
    )
    assert re.search(r"^InMsgsSize +\d+MB +\d+MB/h +100\.0 % \(InMsgsSize\)$", result.stdout, re.MULTILINE)
    assert re.search(r"^TimeElapsedTotal +\d+ s +\d+\.\d{3} s/msg ", result.stdout, re.MULTILINE)
    assert re.search(r"^virus\.byname\.Eicar-Test-Signature.UNOFFICIAL +1 ", result.stdout, re.MULTILINE)


def test_counts_survive_the_workers(infected: Daemon) -> None:
    """B17.09: those of workers that were replaced, or killed, are added to those of the others."""
    before = set(infected.workers())
    infected.signal(signal.SIGHUP)
    wait_until(lambda: len(infected.workers()) == 2 and not before & set(infected.workers()), "new workers")
    assert counts(infected)["InMsgs"] == 3
    for pid in infected.workers():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: infected.log().count("signal SIGKILL") == 2, "the supervisor misses them")
    assert counts(infected)["InMsgs"] == 3
    directory = infected.home / "db"
    wait_until(
        lambda: {int(f.name) for f in directory.iterdir() if f.name.isdecimal()} == set(infected.workers()), "files"
    )


def test_running_tool_survives_a_restart(infected: Daemon, token: str) -> None:
    """Features 15.03, 15.05: it shows the new daemon's figures; in between, that there is none."""
    command = [str(COMMAND), "stats", "-w", "0.1", "--json", "--config-dir", str(infected.config_directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as tool:
        try:
            displays = shown(tool)
            assert next(displays)["counters"]["InMsgs"]["count"] == 3
            infected.stop()
            assert any(not display["running"] for display in displays)
            infected.log_file.unlink()
            infected.start()
            infected.send(text_mail(b"after the restart", token))
            fresh = next(display for display in displays if display.get("counters", {}).get("InMsgs"))
            assert fresh["counters"]["InMsgs"]["count"] == 1
        finally:
            tool.terminate()


def shown(tool: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    """What a tool prints, one display after the other; ends the test when it takes too long."""
    assert tool.stdout is not None
    deadline = time.monotonic() + 60
    for line in tool.stdout:
        yield json.loads(line)
        assert time.monotonic() < deadline, "not within 60 s"


def test_no_daemon(daemon: Daemon) -> None:
    for tool in ("stats", "workers"):
        result = run(daemon, tool, "-c", "1")
        assert result.returncode == 69
        assert result.stderr.startswith("mailcordon: no daemon is running")


def test_what_workers_do(daemon: Daemon, tmp_path: Path, token: str) -> None:
    """B17.08, features 15.02, 15.04: a message whose virus check hangs, and one whose content does not come."""
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "silent.sock"))
        silent.listen()
        daemon.configure(
            "50-user",
            f"""
            [[av_scanners]]
            name = "silent"
            protocol = "clamd"
            socket = "{tmp_path}/silent.sock"
            """,
        )
        daemon.start()
        assert states(daemon) == []
        client = socket.create_connection(("127.0.0.1", daemon.port), 30)
        head = b"EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n"
        with client:
            talk(client, head, b"354")
            wait_until(lambda: states(daemon) == ["d"], "the content is awaited")
            client.sendall(text_mail(b"hello", token) + b".\r\n")
            wait_until(lambda: states(daemon) == ["V"], "the scanner is awaited")
            result = run(daemon, "workers", "-c", "1")
            assert re.search(r"^\S+, 2 workers, 1 busy, 1 messages$", result.stdout, re.MULTILINE)
            assert re.search(r"^PID +\d+: V \d+-\d+ +0:00:\d\d V+$", result.stdout, re.MULTILINE)
            assert re.search(r"^PID +\d+: *$", result.stdout, re.MULTILINE)
            result = run(daemon, "workers", "-c", "1", "--json")
            (message,) = (found for worker in json.loads(result.stdout)["workers"] for found in worker["messages"])
            assert message["meaning"] == "virus scanning, and other checks beside it"
            assert message["elapsed"] >= message["in_state"] >= 0
        silent.close()


def states(daemon: Daemon) -> list[str]:
    """Letters of all messages in progress."""
    view = read_daemon(daemon.home / "db")
    assert view is not None
    return [message.state for worker in view.workers for message in worker.messages]


def talk(client: socket.socket, octets: bytes, awaited: bytes) -> None:
    """Send all at once and read until the awaited reply."""
    client.sendall(octets)
    received = b""
    while awaited not in received:
        more = client.recv(4096)
        assert more, received
        received += more


def test_metrics(daemon: Daemon, token: str) -> None:
    """Features 18.11: the same counters for Prometheus; the port goes with the setting at a reload."""
    port = free_port()
    daemon.configure("50-user", f'metrics_listen = "127.0.0.1:{port}"\n')
    daemon.start()
    daemon.send(text_mail(eicar(), token))
    wait_until(lambda: metrics(port).get("mailcordon_in_msgs_total") == 1, "the message is counted")
    found = metrics(port)
    assert found["mailcordon_content_virus_msgs_inbound_total"] == 1
    assert found['mailcordon_virus_total{name="Eicar-Test-Signature.UNOFFICIAL"}'] == 1
    assert found["mailcordon_in_msgs_size_bytes_total"] > 150
    assert 0 < found["mailcordon_time_elapsed_virus_check_seconds_total"] < 60
    assert found["mailcordon_workers"] == 2
    assert found['mailcordon_messages_in_progress{state="F"}'] == 0
    daemon.configure("50-user", 'metrics_listen = ""\n')
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: "configuration reloaded" in daemon.log(), "the reload")
    wait_until(lambda: not answers(port), "nobody listens")


def metrics(port: int) -> dict[str, float]:
    """What Prometheus would take of it, by name and labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as response:
        assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        text = response.read().decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {sample.name + labels(sample.labels): sample.value for sample in samples}


def labels(found: dict[str, str]) -> str:
    """As Prometheus writes them."""
    return "{" + ",".join(f'{name}="{value}"' for name, value in found.items()) + "}" if found else ""


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_metrics_on_a_unix_socket_and_from_strange_clients(daemon: Daemon, token: str) -> None:
    """Nonsense, silence and haste hold up nobody: mail is taken, and the next one is answered."""
    path = daemon.home / "metrics.sock"
    daemon.configure("50-user", f'metrics_listen = "{path}"\n')
    daemon.start()
    silent = [socket.socket(socket.AF_UNIX) for _ in range(3)]
    for client in silent:
        client.connect(str(path))
        client.sendall(b"GET /metrics HT")
    for request, status in (
        (b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 200 OK\r\n"),
        (b"HEAD /metrics HTTP/1.0\r\n\r\n", b"HTTP/1.1 200 OK\r\n"),
        (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 404 "),
        (b"POST /metrics HTTP/1.1\r\n\r\n", b"HTTP/1.1 405 "),
        (b"\x16\x03\x01\r\n\r\n", b"HTTP/1.1 400 "),
        (b"x" * 9000, b""),
    ):
        assert asked(str(path), request).startswith(status)
    assert daemon.send(text_mail(b"hello", token)).startswith("250 ")
    for client in silent:
        client.close()


def asked(path: str, request: bytes) -> bytes:
    """The whole answer."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(path)
        answer = b""
        try:
            client.sendall(request)
            while octets := client.recv(65536):
                answer += octets
        except (BrokenPipeError, ConnectionResetError):
            pass
        return answer


def test_counting_is_not_worth_a_mail(daemon: Daemon, token: str) -> None:
    """Where nobody can see the counters, a warning says so, and mail is taken as ever."""
    (daemon.home / "db").write_text("in the way")
    daemon.start()
    assert "nobody will see the counters" in daemon.log()
    assert daemon.send(text_mail(b"hello", token)).startswith("250 ")
