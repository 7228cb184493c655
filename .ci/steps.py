"""Runs the checks of this repository one after the other, goes on after failures, and sums up.

    steps.py test            all that continuous integration runs
    steps.py lint unit ...   some groups only

Every step's output is shown and kept in build/logs/<step>.log. The last line is `N passed, N failed`: pytest's own
counts where a step runs pytest, else one for each step. Exit code 1 when anything failed.
"""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "logs"
PYTEST_SUMMARY = re.compile(r"\b\d+ (?:passed|failed|errors?|skipped)\b.*\bin [\d.]+s")
PYTEST_COUNT = re.compile(r"(\d+) (passed|failed|errors?)\b")
ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True)
class Step:
    """One command, with what it may take at most."""

    name: str
    command: str
    folder: str = "."
    minutes: int = 10


@dataclass(frozen=True)
class Result:
    """How a step went."""

    step: Step
    exit_code: int
    seconds: float
    passed: int
    failed: int


GROUPS: dict[str, list[Step]] = {
    "lint": [
        Step("ruff", "ruff check . && ruff format --check . && cd daemon && ruff check . && ruff format --check ."),
        Step("mypy daemon", "mypy", folder="daemon"),
        Step(
            "mypy tests",
            "mypy --config-file .config/mypy.ini tests/end_to_end molecule/*/tests* molecule/demo/run.py .ci/steps.py",
        ),
        Step("yamllint", "yamllint --strict ."),
        Step("ansible-lint", ".ci/ansible-lint"),
        Step("role READMEs", "python tests/roles/role_readmes.py --check"),
    ],
    "unit": [
        Step("roles", "python -m pytest -q tests/roles"),
        Step("modules on tools", "tests/run_tool_tests.sh"),
    ],
    "daemon": [
        Step("daemon", "python -m pytest tests", folder="daemon", minutes=15),
    ],
    "sanity": [
        Step("ansible-test", "tests/run_ansible_test.sh", minutes=15),
    ],
    "molecule": [
        Step("molecule default", "molecule test --no-command-borders -s default", minutes=30),
    ],
}
# Beyond what continuous integration runs
GROUPS["demo"] = [
    Step("demo", "python molecule/demo/run.py && molecule destroy -s demo", minutes=15),
]
GROUPS["test"] = [step for group in ("lint", "unit", "daemon", "sanity", "molecule") for step in GROUPS[group]]
GROUPS["test-all"] = GROUPS["test"] + GROUPS["demo"]


def environment() -> dict[str, str]:
    """The tools of .venv first, and molecule's scenarios at the top of the repository."""
    return {
        **os.environ,
        "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
        "MOLECULE_GLOB": "molecule/*/molecule.yml",
        "PYTHONUNBUFFERED": "1",
    }


def count(output: str, exit_code: int) -> tuple[int, int]:
    """Passed and failed tests of a step; a step that ran no pytest counts as one test."""
    passed = failed = 0
    for line in ESCAPE_SEQUENCE.sub("", output).splitlines():
        if PYTEST_SUMMARY.search(line):
            for number, kind in PYTEST_COUNT.findall(line):
                if kind == "passed":
                    passed += int(number)
                else:
                    failed += int(number)
    if exit_code != 0 and failed == 0:
        failed = 1
    if exit_code == 0 and passed == 0:
        passed = 1
    return passed, failed


def run(step: Step) -> Result:
    """Runs one step, showing its output as it comes."""
    say(f"\n=== {step.name}: {step.command}")
    LOGS.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    log_file = LOGS / (step.name.replace(" ", "-") + ".log")
    process = subprocess.Popen(
        ["timeout", "--kill-after=30", f"{step.minutes}m", "bash", "-o", "pipefail", "-c", step.command],
        cwd=ROOT / step.folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    lines = []
    with log_file.open("w") as log:
        for line in process.stdout:
            lines.append(line)
            log.write(line)
            sys.stdout.write(line)
            sys.stdout.flush()
    exit_code = process.wait()
    if exit_code == 124:
        say(f"{step.name}: stopped after {step.minutes} minutes")
    passed, failed = count("".join(lines), exit_code)
    return Result(step, exit_code, time.monotonic() - started, passed, failed)


def say(text: str) -> None:
    """Prints a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def summary(results: list[Result]) -> None:
    """The table and the last line."""
    say("\n{:<20} {:>7} {:>7} {:>7}  {}".format("step", "seconds", "passed", "failed", "result"))
    for result in results:
        verdict = "ok" if result.exit_code == 0 else f"FAILED, see build/logs/{result.step.name.replace(' ', '-')}.log"
        say(f"{result.step.name:<20} {result.seconds:>7.0f} {result.passed:>7} {result.failed:>7}  {verdict}")
    say(f"{sum(result.passed for result in results)} passed, {sum(result.failed for result in results)} failed")


def main(names: list[str]) -> int:
    """Runs the named groups."""
    unknown = [name for name in names if name not in GROUPS]
    if unknown or not names:
        sys.stderr.write(f"steps.py: unknown group {' '.join(unknown)!r}, choose of: {' '.join(GROUPS)}\n")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    results = [run(step) for name in names for step in GROUPS[name]]
    summary(results)
    return 1 if any(result.exit_code != 0 for result in results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
