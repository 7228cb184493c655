"""Every role has the same shape, and what it documents is what it does (conventions: collection)."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).resolve().parent
# All roles, and those that set a service up; the others help them
ALL_ROLES = sorted(path.parent.parent for path in (HERE.parents[1] / "roles").glob("*/tasks/main.yml"))
ROLES = [role for role in ALL_ROLES if (role / "tasks/preflight.yml").exists()]
STEPS = ["main", "preflight", "install", "configure", "service", "verify", "remove"]
TAGGED = ["preflight", "install", "configure", "service", "verify"]

each_role = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
each_role_and_helper = pytest.mark.parametrize("role", ALL_ROLES, ids=lambda role: role.name)


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def options(role: Path) -> dict[str, Any]:
    found: dict[str, Any] = load(role / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    return found


def test_all_roles_are_found() -> None:
    assert [role.name for role in ROLES] == ["clamav", "mailcordon", "postfix_filter", "spamassassin"]
    assert [role.name for role in ALL_ROLES if role not in ROLES] == ["packages"]


@each_role
def test_has_every_step(role: Path) -> None:
    assert {path.stem for path in (role / "tasks").glob("*.yml")} >= set(STEPS)


@each_role
def test_main_runs_each_step_under_its_own_tag(role: Path) -> None:
    text = (role / "tasks/main.yml").read_text()
    for tag in TAGGED:
        assert re.search(rf"import_tasks: {tag}\.yml\n\s+tags: \[{tag}\b", text), tag


@each_role_and_helper
def test_defaults_and_argument_specs_have_the_same_keys(role: Path) -> None:
    optional = {name for name, option in options(role).items() if not option.get("required")}
    assert set(load(role / "defaults/main.yml")) == optional


@each_role_and_helper
def test_packages_are_installed_in_one_way(role: Path) -> None:
    """Retries, check mode and the one clear line are written once."""
    text = "".join(path.read_text() for path in (role / "tasks").rglob("*.yml"))
    installs = re.search(r"\b(apt|dnf|package):", text)
    assert bool(installs) == (role.name == "packages")


@each_role_and_helper
def test_documented_defaults_are_the_real_ones(role: Path) -> None:
    """A default that is an expression cannot stand in the specification; every other one must."""
    for name, default in load(role / "defaults/main.yml").items():
        if "{{" in str(default):
            assert "default" not in options(role)[name], name
        else:
            assert options(role)[name].get("default") == default, name


@each_role_and_helper
def test_public_variables_bear_the_name_of_the_role(role: Path) -> None:
    assert [name for name in load(role / "defaults/main.yml") if not name.startswith(f"{role.name}_")] == []


@each_role_and_helper
def test_private_variables_bear_the_name_of_the_role(role: Path) -> None:
    names = [name for path in (role / "vars").glob("*.yml") for name in load(path)]
    assert [name for name in names if not name.startswith(f"__{role.name}_")] == []


@each_role_and_helper
def test_no_role_reads_private_variables_of_another(role: Path) -> None:
    text = "".join(path.read_text() for path in role.rglob("*") if path.suffix in {".yml", ".j2"})
    foreign = [other.name for other in ALL_ROLES if other != role and re.search(rf"\b__{other.name}_", text)]
    assert foreign == []


@each_role
def test_all_families_have_the_same_names(role: Path) -> None:
    assert set(load(role / "vars/Debian.yml")) == set(load(role / "vars/RedHat.yml"))


@each_role
def test_supported_systems_are_the_same_everywhere(role: Path) -> None:
    variables = load(role / "vars/main.yml")
    assert variables[f"__{role.name}_supported"] == ["Debian 12", "Debian 13", "Ubuntu 24.04"]


@each_role_and_helper
def test_uses_no_injected_facts(role: Path) -> None:
    text = "".join(path.read_text() for path in role.rglob("*.yml"))
    injected = set(
        re.findall(
            r"\bansible_(?!facts\b|check_mode\b|managed\b|failed_result\b|failed_task\b|playbook_python\b)[a-z_]+", text
        )
    )
    assert injected <= {"ansible_version"}


def test_readmes_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, HERE / "role_readmes.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
