"""Runs the checks of this repository one after the other, goes on after failures, and sums up.

    steps.py test                all that continuous integration runs
    steps.py lint unit ...       some groups only
    steps.py scenario=NAME ...   one scenario of Molecule

Every step's output is shown and kept in build/logs/<step>.log. Scenarios run two at a time, and the output of each is
shown when it has ended. The last line is `N passed, N failed`: pytest's own counts where a step runs pytest, else one
for each step. Exit code 1 when anything failed.
"""

import itertools
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "logs"
PYTEST_SUMMARY = re.compile(r"\b\d+ (?:passed|failed|errors?|skipped)\b.*\bin [\d.]+s")
PYTEST_COUNT = re.compile(r"(\d+) (passed|failed|errors?)\b")
# What pytest's short summary says of each bad test
PYTEST_BAD_TEST = re.compile(r"^(?:FAILED|ERROR) .*::.*")
ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# Whole hosts mostly wait: for packages, for services, for mail. More than two compete for two cores.
SCENARIOS_AT_A_TIME = 2
# The one that takes longest comes first; those that would take continuous integration too long wait for `make test-all`
FURTHER_SCENARIOS = ["before_queue", "clamav", "filter_alone", "shared_database", "submission"]
SCENARIOS_OF_CI = [
    "default",
    *sorted(
        {path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml")}
        - {"default", "demo", *FURTHER_SCENARIOS}
    ),
]

showing = threading.Lock()
running: set[subprocess.Popen[str]] = set()


@dataclass(frozen=True)
class Step:
    """One command, with what it may take at most."""

    name: str
    command: str
    folder: str = "."
    minutes: int = 10
    beside_others: bool = False


@dataclass(frozen=True)
class Result:
    """How a step went."""

    step: Step
    exit_code: int
    seconds: float
    passed: int
    failed: int
    complaints: list[str]


def scenario(name: str) -> Step:
    """One scenario of Molecule, with the collection that the step before has installed."""
    command = f"MAILCORDON_CONTROLLER_READY=1 molecule test --no-command-borders -s {name}"
    return Step(f"molecule {name}", command, minutes=40, beside_others=True)


CONTROLLER = Step("controller", "molecule/shared/prepare-controller", minutes=15)
GROUPS: dict[str, list[Step]] = {
    "lint": [
        Step("ruff", "ruff check . && ruff format --check . && cd daemon && ruff check . && ruff format --check ."),
        Step("mypy daemon", "mypy", folder="daemon"),
        Step(
            "mypy tests",
            "mypy --config-file .config/mypy.ini tests/end_to_end molecule/*/tests* molecule/demo/run.py .ci/steps.py "
            "roles/spamassassin/files tests/bench",
        ),
        Step("yamllint", "yamllint --strict ."),
        Step("ansible-lint", ".ci/ansible-lint"),
        Step("changelog", "antsibull-changelog lint"),
        Step("role READMEs", "python tests/roles/role_readmes.py --check"),
        Step("settings pages", "python daemon/tests/settings_pages.py --check"),
        Step("covered items", "python tests/roles/feature_coverage.py --check"),
    ],
    "unit": [
        Step("roles", "python -m pytest -q tests/roles"),
        Step("modules on tools", "tests/run_tool_tests.sh", minutes=20),
    ],
    "daemon": [
        Step("daemon", "python -m pytest tests --durations=15", folder="daemon", minutes=25),
    ],
    "sanity": [
        Step("ansible-test", "tests/run_ansible_test.sh", minutes=20),
    ],
    "molecule": [CONTROLLER, *map(scenario, SCENARIOS_OF_CI)],
    "molecule-further": [CONTROLLER, *map(scenario, FURTHER_SCENARIOS)],
    "oldest": [
        Step("ansible-core 2.18", "tests/run_ansible_2.18.sh", minutes=15),
    ],
}
# Beyond what continuous integration runs
GROUPS["demo"] = [
    Step("demo", "python molecule/demo/run.py && molecule destroy -s demo", minutes=15),
]
GROUPS["faults"] = [
    Step("fault campaign", "python -m pytest tests/faults -rP --campaign=20", folder="daemon", minutes=60),
]
GROUPS["fuzz"] = [
    Step(
        f"fuzz {name}",
        f'PYTHONPATH="$PWD:$PWD/tests" python -m fuzz.{name} -max_total_time=600',
        folder="daemon",
        minutes=15,
    )
    for name in ("smtp_session", "mime", "unpack", "programs")
]
GROUPS["test"] = [step for group in ("lint", "unit", "daemon", "sanity", "molecule") for step in GROUPS[group]]
GROUPS["test-all"] = [
    step for group in ("test", "faults", "fuzz", "molecule-further", "oldest", "demo") for step in GROUPS[group]
]


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


def complaints(output: str, exit_code: int) -> list[str]:
    """Why a step failed: its bad tests, or the end of what it printed when it ran none."""
    if exit_code == 0:
        return []
    lines = ESCAPE_SEQUENCE.sub("", output).splitlines()
    return [line for line in lines if PYTEST_BAD_TEST.match(line)] or lines[-10:]


def run(step: Step) -> Result:
    """Runs one step. Its output is shown as it comes, or in one piece at the end when others run beside it."""
    say(f"\n=== {step.name}: {step.command}")
    LOGS.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    process = subprocess.Popen(
        ["timeout", "--kill-after=30", f"{step.minutes}m", "bash", "-o", "pipefail", "-c", step.command],
        cwd=ROOT / step.folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    running.add(process)
    assert process.stdout is not None
    lines = []
    with log_file(step).open("w") as log:
        for line in process.stdout:
            lines.append(line)
            log.write(line)
            if not step.beside_others:
                sys.stdout.write(line)
                sys.stdout.flush()
    exit_code = process.wait()
    running.discard(process)
    output = "".join(lines)
    if step.beside_others:
        say(f"\n=== {step.name}: output\n{output}=== {step.name}: end")
    if exit_code == 124:
        say(f"{step.name}: stopped after {step.minutes} minutes")
    passed, failed = count(output, exit_code)
    return Result(step, exit_code, time.monotonic() - started, passed, failed, complaints(output, exit_code))


def run_all(steps: list[Step]) -> list[Result]:
    """Runs steps one after the other, but neighbours that may run beside others some at a time."""
    results: list[Result] = []
    for beside_others, group in itertools.groupby(steps, key=lambda step: step.beside_others):
        with ThreadPoolExecutor(SCENARIOS_AT_A_TIME if beside_others else 1) as pool:
            results.extend(pool.map(run, group))
    return results


def log_file(step: Step) -> Path:
    """Where the output of a step is kept."""
    return LOGS / (step.name.replace(" ", "-") + ".log")


def stop(*_: object) -> None:
    """Ends all steps and then this program."""
    for process in list(running):
        process.terminate()
    os._exit(143)


def say(text: str) -> None:
    """Prints text at once and in one piece."""
    with showing:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def summary(results: list[Result]) -> None:
    """The table, what failed, and the last line."""
    say("\n{:<20} {:>7} {:>7} {:>7}  {}".format("step", "seconds", "passed", "failed", "result"))
    for result in results:
        verdict = "ok" if result.exit_code == 0 else f"FAILED, see {log_file(result.step).relative_to(ROOT)}"
        say(f"{result.step.name:<20} {result.seconds:>7.0f} {result.passed:>7} {result.failed:>7}  {verdict}")
    for result in results:
        for line in result.complaints:
            say(f"{result.step.name}: {line}")
    say(f"{sum(result.passed for result in results)} passed, {sum(result.failed for result in results)} failed")


def main(names: list[str]) -> int:
    """Runs the named groups and scenarios."""
    steps: list[Step] = []
    for name in names:
        if name.startswith("scenario="):
            steps += [CONTROLLER, scenario(name.removeprefix("scenario="))]
        elif name in GROUPS:
            steps += GROUPS[name]
        else:
            sys.stderr.write(f"steps.py: unknown group {name!r}, choose of: {' '.join(GROUPS)}\n")
            return 2
    if not steps:
        sys.stderr.write(f"steps.py: name a group: {' '.join(GROUPS)}\n")
        return 2
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    results = run_all(list(dict.fromkeys(steps)))
    summary(results)
    return 1 if any(result.exit_code != 0 for result in results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
