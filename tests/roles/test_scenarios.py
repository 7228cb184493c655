"""Every scenario of Molecule is run by somebody, described, and can run beside every other."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path
from types import ModuleType

import yaml

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = sorted(path.parent for path in (ROOT / "molecule").glob("*/molecule.yml"))
NAMES = [scenario.name for scenario in SCENARIOS]


def steps() -> ModuleType:
    """The program behind `make test`."""
    spec = importlib.util.spec_from_file_location("steps", ROOT / ".ci/steps.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_scenario_is_run() -> None:
    """In continuous integration or in `make test-all`; the demo has a step of its own."""
    commands = " ".join(step.command for step in steps().GROUPS["test-all"])
    assert [name for name in NAMES if f"-s {name}" not in commands] == []


def test_every_scenario_is_described() -> None:
    text = (ROOT / "docs/testing.md").read_text()
    assert [name for name in NAMES if f"| `{name}` |" not in text] == []


def test_no_two_scenarios_have_a_host_of_the_same_name() -> None:
    """All containers live in one Docker engine."""
    hosts = Counter(
        platform["name"]
        for scenario in SCENARIOS
        for platform in yaml.safe_load((scenario / "molecule.yml").read_text())["platforms"]
    )
    assert [name for name, times in hosts.items() if times > 1] == []


def test_every_scenario_tries_a_dry_run_and_a_second_run() -> None:
    """Checklist 29, and a second run changes nothing."""
    for scenario in SCENARIOS:
        text = yaml.safe_load((scenario / "molecule.yml").read_text())
        if scenario.name != "demo":
            sequence = text["scenario"]["test_sequence"]
            assert sequence.index("check") < sequence.index("converge") < sequence.index("idempotence"), scenario.name
