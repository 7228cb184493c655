"""The daemon's memory does not grow with the number of messages."""

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

import pytest

from bench.processes import pss
from end_to_end.daemon import Daemon, wait_until
from servers import Clamd, free_port

MESSAGES = 100_000
GROWTH = 1.05
SAMPLE_EVERY = 1.0
"""Seconds."""


def grew(samples: Sequence[float]) -> float:
    """The last fifth in relation to the second one: caches and pools are full by then."""
    fifth = len(samples) // 5
    return mean(samples[-fifth:]) / mean(samples[fifth : 2 * fifth])


def test_growth_is_noticed() -> None:
    """The measure itself: a leak of one percent in each tenth of the time, and its twin that only warms up."""
    assert grew([100 + number / 10 for number in range(100)]) > GROWTH
    assert grew([50] * 10 + [100] * 90) < GROWTH


@pytest.mark.campaign
def test_memory_is_flat(clamd: Clamd, tmp_path: Path) -> None:
    """Issue 4: 100,000 messages with virus checks; every one arrives, and the memory is the same at the end."""
    output = tmp_path / "sink"
    hop = Hop(output)
    daemon = Daemon(tmp_path / "daemon", clamd.path, hop)
    try:
        daemon.start()
        samples = _send(daemon)
        wait_until(lambda: f"mesg={MESSAGES}" in output.read_text(), "all of them have arrived")
    finally:
        daemon.stop()
        hop.stop()
    ratio = grew(samples)
    report = (
        f"PSS of all processes in MB, from {samples[0]:.1f} over {max(samples):.1f} to {samples[-1]:.1f}: {ratio:.3f}"
    )
    print(report)  # noqa: T201 - `pytest -rP` shows it
    assert ratio <= GROWTH


def _send(daemon: Daemon) -> list[float]:
    """Send all messages; the memory of the daemon in MB while they are under way."""
    assert daemon.process is not None
    command = ["smtp-source", "-c", "-s", "8", "-l", "4096", "-m", str(MESSAGES)]
    command += ["-f", "alice@sender.example", "-t", "bob@example.test", f"127.0.0.1:{daemon.port}"]
    samples = []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as source:
        while source.poll() is None:
            samples.append(sum(map(pss, [daemon.process.pid, *daemon.workers()])) / 1024)
            time.sleep(SAMPLE_EVERY)
    assert source.returncode == 0, "a message was not taken"
    return samples


class Hop:
    """smtp-sink, which counts and keeps nothing."""

    def __init__(self, output: Path) -> None:
        self.port = free_port()
        with output.open("wb") as file:
            command = [
                "smtp-sink",
                *(["-u", "root"] if os.geteuid() == 0 else []),
                "-c",
                f"127.0.0.1:{self.port}",
                "100",
            ]
            self._process = subprocess.Popen(command, stdout=file)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()
