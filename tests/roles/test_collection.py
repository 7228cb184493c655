"""The collection as a whole: documentation that renders and whose examples run, no exceptions from the sanity tests."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path.parent.parent for path in (ROOT / "roles").glob("*/meta/argument_specs.yml"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *(role / "README.md" for role in ROLES)]
PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py") if path.stem != "__init__")
BLOCK = re.compile(r"^```ya?ml\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="session")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of collections in which this repository is one."""
    root = tmp_path_factory.mktemp("collections")
    (root / "ansible_collections/mailcordon").mkdir(parents=True)
    (root / "ansible_collections/mailcordon/gateway").symlink_to(ROOT)
    return root


def run(program: str, *arguments: str, collections: Path) -> subprocess.CompletedProcess[str]:
    """Runs a program of ansible-core away from the repository, with warnings as part of the output."""
    return subprocess.run(
        [program, *arguments],
        cwd=collections,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(collections), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def blocks() -> Iterator[Any]:
    """All blocks of YAML in the documentation, with the page and the line for messages."""
    for page in PAGES:
        text = page.read_text()
        for match in BLOCK.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            where = f"{page.relative_to(ROOT)}:{line}"
            yield pytest.param(yaml.safe_load(match.group(1)), id=where)


def is_playbook(block: object) -> bool:
    return isinstance(block, list) and all(
        "hosts" in play or "ansible.builtin.import_playbook" in play for play in block
    )


def variables(node: object) -> Iterator[tuple[str, object]]:
    """All role variables that an example sets, wherever it does."""
    prefixes = tuple(f"{role.name}_" for role in ROLES)
    if isinstance(node, list):
        for part in node:
            yield from variables(part)
    elif isinstance(node, dict):
        for key, value in node.items():
            if isinstance(key, str) and key.startswith(prefixes):
                yield key, value
            else:
                yield from variables(value)


def options() -> dict[str, Any]:
    """The specification of every variable of every role."""
    found: dict[str, Any] = {}
    for role in ROLES:
        found |= yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    return found


def errors(settings: dict[str, object]) -> list[str]:
    """What the roles' argument specifications say against some variables."""
    known = options()
    spec = {name: {**known[name], "required": False} for name in settings if name in known}
    messages: list[str] = ArgumentSpecValidator(spec).validate(settings).error_messages
    return messages


@pytest.mark.parametrize("block", [block for block in blocks() if is_playbook(block.values[0])])
def test_playbooks_in_the_documentation_are_valid(block: list[Any], collections: Path, tmp_path: Path) -> None:
    playbook = tmp_path / "example.yml"
    playbook.write_text(yaml.safe_dump(block))
    done = run("ansible-playbook", "-i", "localhost,", "--syntax-check", str(playbook), collections=collections)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", list(blocks()))
def test_role_variables_in_the_documentation_are_valid(block: object) -> None:
    assert errors(dict(variables(block))) == []


def test_a_wrong_variable_in_the_documentation_would_be_found() -> None:
    """The twin of the test above."""
    assert errors({"clamav_enabled": "perhaps"}) != []
    assert errors({"clamav_colour": "green"}) != []


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=lambda path: path.stem)
def test_playbooks_have_no_syntax_error(playbook: Path, collections: Path) -> None:
    name = f"mailcordon.gateway.{playbook.stem}"
    done = run("ansible-playbook", "-i", "localhost,", "--syntax-check", name, collections=collections)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("kind", "names"), [("module", MODULES), ("role", [role.name for role in ROLES])], ids=["module", "role"]
)
def test_documentation_renders(kind: str, names: list[str], collections: Path) -> None:
    """ansible-doc shows each plugin and each role, and warns of none."""
    full_names = [f"mailcordon.gateway.{name}" for name in names]
    done = run("ansible-doc", "-t", kind, "--json", *full_names, collections=collections)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(json.loads(done.stdout)) == set(full_names)
    shown = run("ansible-doc", "-t", kind, *full_names, collections=collections)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert all(name.upper() in shown.stdout.upper() for name in full_names)


def test_no_option_is_described_twice() -> None:
    """What two modules say in the same words belongs into plugins/doc_fragments."""
    described: dict[str, list[str]] = {}
    for name in MODULES:
        tree = ast.parse((ROOT / f"plugins/modules/{name}.py").read_text())
        text = next(
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DOCUMENTATION"
        )
        for option, description in (yaml.safe_load(text).get("options") or {}).items():
            described.setdefault(f"{option}: {description}", []).append(name)
    assert {option: names for option, names in described.items() if len(names) > 1} == {}


def test_sanity_has_no_exceptions() -> None:
    assert list((ROOT / "tests/sanity").glob("ignore*")) == []
