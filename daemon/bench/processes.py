"""Servers as processes: start, stop, and what they and all their children cost."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Self

START_LIMIT = 90.0
STOP_LIMIT = 20.0
_TICKS = os.sysconf("SC_CLK_TCK")

Address = str | int
"""A unix socket's path, or a TCP port of the loopback interface."""


class BenchError(Exception):
    """Something that is needed for measuring is not there or does not work; the text says what and what to do."""


class Program:
    """A server process in the foreground, with what it printed in a file."""

    def __init__(self, name: str, command: list[str], answers_on: Address, output: Path) -> None:
        self.name = name
        self._command = command
        self._answers_on = answers_on
        self._output = output
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it takes connections. Raises BenchError with its last words."""
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        deadline = time.monotonic() + START_LIMIT
        while not takes_connections(self._answers_on):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                last_words = self._output.read_text(errors="replace").strip().splitlines()[-1:]
                raise BenchError(f"{self.name} did not start: {' '.join(last_words)} (all of it in {self._output})")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop it with all its children."""
        if self._process is None:
            return
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_LIMIT)
        # Whoever is left: it hangs, or its parent did not care
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def cpu(self) -> float:
        """CPU seconds so far of all its processes, those that have ended included."""
        total = 0
        for pid in self._family():
            fields = _stat(pid)
            total += sum(map(int, fields[11:15])) if fields else 0
        return total / _TICKS

    def memory(self) -> float:
        """PSS of all its processes in MB: what is shared counts once."""
        return sum(map(pss, self._family())) / 1024

    def processes(self) -> int:
        """How many there are."""
        return len(self._family())

    def _family(self) -> list[int]:
        if self._process is None:
            return []
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            fields = _stat(int(entry.name)) if entry.name.isdigit() else []
            if fields:
                children.setdefault(int(fields[1]), []).append(int(entry.name))
        family, waiting = [], [self._process.pid]
        while waiting:
            pid = waiting.pop()
            family.append(pid)
            waiting.extend(children.get(pid, ()))
        return family


def wait_until_gone(pids: Iterable[int]) -> None:
    """Returns when all of these processes have ended; those that do not within STOP_LIMIT seconds are killed."""
    left = set(pids)
    deadline = time.monotonic() + STOP_LIMIT
    while left := {pid for pid in left if _stat(pid)[:1] not in ([], ["Z"])}:
        if time.monotonic() > deadline:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def installed(program: str, package: str) -> str:
    """Path of a program. Raises BenchError that names the package when it is not there."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if found is None:
        raise BenchError(f"{program} is not installed: apt-get install {package}")
    return found


def free_port() -> int:
    """A TCP port of the loopback interface that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def takes_connections(address: Address) -> bool:
    """Whether somebody answers there."""
    with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET) as probe:
        return probe.connect_ex(address if isinstance(address, str) else ("127.0.0.1", address)) == 0


def machine_cpu() -> float:
    """CPU seconds that the whole machine has been busy since it started."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    user, nice, system, _idle, _iowait, irq, softirq = fields[:7]
    return (user + nice + system + irq + softirq) / _TICKS


def wait_until_idle(limit: float = 0.12, patience: float = 120.0) -> bool:
    """Wait until the machine is busy with less than `limit` cores for 1.5 s. Returns whether it came to that."""
    calm = 0
    deadline = time.monotonic() + patience
    while calm < 3 and time.monotonic() < deadline:
        before = machine_cpu()
        time.sleep(0.5)
        calm = calm + 1 if (machine_cpu() - before) / 0.5 < limit else 0
    return calm >= 3


def _stat(pid: int) -> list[str]:
    """The fields of proc(5) `stat` from the state on; empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def pss(pid: int) -> int:
    """Proportional set size in kilobytes: what is shared counts in parts. 0 when the process is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
