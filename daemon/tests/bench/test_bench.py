"""The benchmark measures real programs, sends what it says, and compares the rows that the targets name."""

import dataclasses
import email
import email.policy
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from bench import clients, page, report, splitter, store
from bench.campaign import Row
from bench.filters import FILTERS
from bench.messages import KINDS, Mails
from bench.processes import BenchError, Program, takes_connections
from bench.surroundings import Sink

ROOT = Path(__file__).resolve().parents[2]


def row(subject: str, work: str, kind: str = "4k", client: str = "lockstep", **figures: object) -> Row:
    """A row as the campaign gives it, 100 messages a second unless said."""
    plain = Row(
        subject=subject,
        work=work,
        kind=kind,
        client=client,
        concurrency=4,
        messages=500,
        rate=100.0,
        rates=(100.0,),
        p50_ms=10.0,
        p95_ms=20.0,
        subject_cpu_ms=1.0,
        scanner_cpu_ms=0.5,
        memory_mb=50.0,
        disturbed=False,
        replies={"250 2.0.0": 500},
    )
    return dataclasses.replace(plain, **figures)  # type: ignore[arg-type]


def value_of(title: str, *rows: Row) -> report.Target:
    """The target of that title."""
    return next(target for target in report.targets(rows) if target.title == title)


def test_a_target_compares_ourselves_with_the_peer_in_lockstep() -> None:
    """Issue 4: the ratios are to amavisd-new with a client in lockstep."""
    own, peer = row("mailcordon", "relay", rate=1500.0), row("amavisd-new", "relay", rate=100.0)
    target = value_of("relay only, 4k: throughput", own, peer)
    assert (target.value, target.reached) == (15.0, True)
    slower = dataclasses.replace(own, rate=900.0)
    assert value_of("relay only, 4k: throughput", slower, peer).reached is False


def test_less_is_better_for_cpu_and_memory() -> None:
    """Issue 4: daemon CPU at most 1/12, PSS at most 45 %."""
    own = row("mailcordon", "virus", subject_cpu_ms=2.0, memory_mb=40.0)
    peer = row("amavisd-new", "virus", subject_cpu_ms=20.0, memory_mb=100.0)
    assert value_of("virus, 4k: daemon CPU", own, peer).reached is False
    assert value_of("virus, 4k: memory of all processes (PSS)", own, peer).reached is True


def test_many_recipients_are_compared_with_one() -> None:
    """Issue 5: a message to 200 recipients with 3 policies costs at most three times as much as one to a single one."""
    one = row("mailcordon", "virus, 1 recipient", client="pipelining", rate=300.0, subject_cpu_ms=1.0)
    many = row("mailcordon", "virus, 200 recipients", client="pipelining", rate=120.0, subject_cpu_ms=4.0)
    title = "virus, 4k, 200 recipients with 3 policies: {} to that of one"
    assert (value_of(title.format("time"), one, many).value, value_of(title.format("time"), one, many).reached) == (
        2.5,
        True,
    )
    assert value_of(title.format("daemon CPU"), one, many).reached is False


def test_the_mail_log_is_compared_with_the_same_without(capsys: pytest.CaptureFixture[str]) -> None:
    """Issue 7: what the mail log may cost of the throughput, and of memory."""
    plain = row("mailcordon", "virus", client="pipelining", rate=800.0, memory_mb=70.0)
    logged = row("mailcordon, mail log in SQLite", "virus", client="pipelining", rate=600.0, memory_mb=77.0)
    title = "virus, 4k, 4 at a time: {} with the mail log to that without"
    assert value_of(title.format("throughput"), plain, logged).value == 0.75
    assert value_of(title.format("throughput"), plain, logged).reached is False
    assert value_of(title.format("memory (PSS)"), plain, logged).reached is True
    report.show(Console(width=200), [plain, logged])
    assert "0.75x plain" in capsys.readouterr().out


def test_what_was_not_measured_is_neither_reached_nor_missed() -> None:
    """A plan may leave rows out."""
    target = value_of("relay only, 4k: throughput", row("mailcordon", "relay"))
    assert (target.value, target.reached) == (None, None)


def test_json_holds_rows_and_targets() -> None:
    """For programs: the same as the tables."""
    found = json.loads(report.as_json([row("mailcordon", "relay", rate=1500.0), row("amavisd-new", "relay")]))
    assert [entry["rate"] for entry in found["rows"]] == [1500.0, 100.0]
    assert {"title": "relay only, 4k: throughput", "value": 15.0, "reached": True}.items() <= found["targets"][
        0
    ].items()


@pytest.mark.parametrize(("kind", "octets"), [("4k", 4_000), ("64k", 65_000), ("1m", 1_015_000)])
def test_messages_are_unique_and_of_the_size_that_they_are_called(kind: str, octets: int) -> None:
    """Scanners remember what they have seen: no body comes twice."""
    messages = Mails(kind, "bob@example.test").take(6)
    bodies = {message.partition(b"\r\n\r\n")[2] for message in messages}
    assert len(bodies) == len(messages)
    for message in messages:
        assert abs(len(message) - octets) < 0.1 * octets
        assert b"\n." not in message.replace(b"\n..", b"")
        assert message.count(b"\n") == message.count(b"\r\n")
        assert message.endswith(b"\r\n")
    parsed = email.message_from_bytes(messages[0], policy=email.policy.default)
    assert [part.defects for part in parsed.walk() if part.defects] == []


@pytest.mark.parametrize("pipelining", [False, True])
def test_a_client_counts_every_message_that_the_server_took(tmp_path: Path, pipelining: bool) -> None:
    """The generator against Postfix's smtp-sink, which counts by itself."""
    with Sink(tmp_path) as sink:
        talk = clients.smtp(sink.port, "bob@example.test", pipelining=pipelining)
        load = clients.drive(talk, Mails("4k", "bob@example.test").take(90), concurrency=4)
    assert load.messages == 90
    assert dict(load.replies) == {"250 2.0.0": 90}
    assert 0 < load.latency(0.5) <= load.latency(0.95)


def test_a_program_that_does_not_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    """One line, with the file that has all of it."""
    program = Program("false", ["sh", "-c", "echo no such luck; exit 1"], str(tmp_path / "socket"), tmp_path / "output")
    with pytest.raises(BenchError, match=r"false did not start: no such luck \(all of it in .*/output\)"):
        program.start()


def test_cpu_and_memory_are_those_of_all_processes(tmp_path: Path) -> None:
    """A parent that only waits for a child that works."""
    address = str(tmp_path / "socket")
    child = f"""
import socket
memory = bytearray(30 << 20)
listener = socket.socket(socket.AF_UNIX)
listener.bind({address!r})
listener.listen()
while True:
    pass
"""
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with Program("family", [sys.executable, "-c", parent], address, tmp_path / "output") as program:
        assert program.processes() == 2
        assert program.memory() > 30
        before = program.cpu()
        while program.cpu() == before:
            pass
    # A process that was killed is gone when it gets its next turn
    deadline = time.monotonic() + 10
    while takes_connections(address) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not takes_connections(address)


@pytest.mark.skipif(os.geteuid() != 0, reason="make bench needs root, too")
def test_one_row_is_measured_from_end_to_end(tmp_path: Path) -> None:
    """The command itself, with the real daemon, clamd, spamd and smtp-sink."""
    figures = tmp_path / "bench.json"
    command = [
        sys.executable,
        "-m",
        "bench",
        "--seconds=0.2",
        "--runs=1",
        "--work=virus",
        "--kind=4k",
        "--concurrency=4",
    ]
    command += ["--filter=mailcordon", "--no-limits", "--no-loop", "--no-scaling", "--no-tls", "--any-machine"]
    command += ["--no-store", f"--json={figures}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    rows = json.loads(figures.read_text())["rows"]
    assert [(entry["work"], entry["client"]) for entry in rows] == [
        ("virus", "lockstep"),
        ("virus", "pipelining"),
        ("virus, 1 recipient", "pipelining"),
        ("virus, 200 recipients", "pipelining"),
        ("virus", "pipelining"),
    ]
    assert rows[-1]["subject"] == "mailcordon, mail log in SQLite"
    for entry in rows:
        assert sum(entry["replies"].values()) == entry["messages"]
        assert set(entry["replies"]) == {"250 2.6.0"}
        assert entry["memory_mb"] > 10
    # The clock of processes ticks too slowly for the shortest run alone.
    assert sum(entry["scanner_cpu_ms"] for entry in rows) > 0
    assert "mailcordon" in done.stdout
    parsed = json.loads(figures.read_text())["splitter"]
    assert [entry["parser"] for entry in parsed] == ["mailcordon", "stdlib email"] * 2
    assert [entry["size"] for entry in parsed[::2]] == pytest.approx([66_000, 5_000_000], rel=0.1)
    assert "stdlib email" in done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="make bench needs root, too")
def test_encrypted_mail_is_measured_beside_the_plain_one(tmp_path: Path) -> None:
    """Features 13.16: the speed of TLS on the way in, and its ratio to that in the clear."""
    figures = tmp_path / "bench.json"
    command = [sys.executable, "-m", "bench", "--seconds=0.2", "--runs=1", "--work=relay", "--kind=64k"]
    command += ["--concurrency=4", "--filter=mailcordon", "--no-limits", "--no-loop", "--no-scaling", "--any-machine"]
    command += ["--no-recipients", "--no-splitter", "--no-store", f"--json={figures}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    rows = {entry["client"]: entry for entry in json.loads(figures.read_text())["rows"]}
    assert set(rows) == {"lockstep", "pipelining", "STARTTLS"}
    assert set(rows["STARTTLS"]["replies"]) == {"250 2.6.0"}
    ratio = rows["STARTTLS"]["rate"] / rows["pipelining"]["rate"]
    assert f"{ratio:.2f}x plain" in done.stdout


def test_the_filters_and_kinds_are_those_of_the_help() -> None:
    """`--help` names every choice."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for word in (*FILTERS, *KINDS):
        assert word in done.stdout


def test_figures_on_a_page(tmp_path: Path) -> None:
    """The documentation quotes the benchmark's own figures; what else stands on the page stays."""
    own, peer = row("mailcordon", "relay", rate=1500.0), row("amavisd-new", "relay", rate=100.0, disturbed=True)
    result, document = tmp_path / "bench.json", tmp_path / "page.md"
    parsed = splitter.SplitterRow("mailcordon", 65_536, milliseconds=1.5, peak_mb=0.25)
    result.write_text(report.as_json([own, peer], [parsed]))
    document.write_text(f"# Speed\n\n{page.BEGIN}\nold\n{page.END}\n\nWhy.\n")
    for _ in range(2):
        assert CliRunner().invoke(page.main, [str(result), str(document)]).exit_code == 0
    text = document.read_text()
    assert text.startswith("# Speed\n")
    assert text.endswith("Why.\n")
    assert "old" not in text
    assert "| relay only, 4k: throughput | >= 10 | 15 | reached |" in text
    assert "| amavisd-new | relay | 4k | lockstep | 4 | 100.0? | 10.0 | 20.0 | 1.00 | 50 |" in text
    assert "| mailcordon | 64 | 1.50 | 0.25 |" in text


def test_page_without_marks(tmp_path: Path) -> None:
    """It is left alone, with one line that says why."""
    result, document = tmp_path / "bench.json", tmp_path / "page.md"
    result.write_text(report.as_json([]))
    document.write_text("# Speed\n")
    answer = CliRunner().invoke(page.main, [str(result), str(document)])
    assert (answer.exit_code, document.read_text()) == (1, "# Speed\n")
    assert answer.output.startswith(f"Error: {document} has no lines")


def test_mail_log(capsys: pytest.CaptureFixture[str]) -> None:
    """Issue 7: what is told of a mail log was measured on both data bases, and stands in the page."""
    rows = store.measure(lambda _text: None, messages=2000)
    assert [row.database for row in rows] == ["SQLite", "PostgreSQL"]
    assert [row.purged for row in rows] == [500, 500]
    assert [row.drop_s is None for row in rows] == [True, False]
    assert all(0 < row.penpals_p50_ms <= row.penpals_p95_ms and row.inserts > 0 for row in rows)
    store.show(Console(width=150), rows)
    assert "drop of a partition" in capsys.readouterr().out
    lines = [*page.render(json.loads(report.as_json([], store=rows)))]
    assert any(line.startswith("| PostgreSQL | 2,000 |") for line in lines)
