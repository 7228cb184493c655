"""Runs playbooks and modules against the hosts under test, as an administrator would."""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RECAP = re.compile(
    r"^\S+ +: ok=\d+ +changed=(?P<changed>\d+) +unreachable=(?P<unreachable>\d+) +failed=(?P<failed>\d+)", re.M
)


@dataclass(frozen=True)
class Run:
    """How a run of ansible ended."""

    exit_code: int
    output: str

    @property
    def changed(self) -> int:
        """Changed tasks on all hosts."""
        return sum(int(found["changed"]) for found in RECAP.finditer(self.output))


class Ansible:
    """Ansible on the controller, with the inventory of the scenario and the collection built from its tarball."""

    def __init__(self, inventory: str) -> None:
        self.inventory = inventory
        # Without what Molecule tells its own runs: colours and YAML would hide results from us.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        self.environment = {
            **inherited,
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "collections"),
            "ANSIBLE_INJECT_FACT_VARS": "false",
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
            "ANSIBLE_NOCOLOR": "true",
            "ANSIBLE_DEPRECATION_WARNINGS": "false",
        }

    def playbook(self, name: str, *arguments: str, **variables: object) -> Run:
        """Runs a playbook of the collection (mailcordon.gateway.NAME) or a file."""
        return self._run(
            ["ansible-playbook", name, "--diff", *arguments, "-e", json.dumps(variables)],
            ANSIBLE_CALLBACK_RESULT_FORMAT="yaml",
        )

    def good_playbook(self, name: str, *arguments: str, **variables: object) -> Run:
        """Runs a playbook that must succeed."""
        run = self.playbook(name, *arguments, **variables)
        assert run.exit_code == 0, run.output
        return run

    def module(self, name: str, **arguments: object) -> dict[str, Any]:
        """Runs a module of the collection on the only host; returns its result."""
        run = self._run(
            ["ansible", "all", "--become", "-m", f"mailcordon.gateway.{name}", "-a", json.dumps(arguments)],
            ANSIBLE_CALLBACK_FORMAT_PRETTY="false",
        )
        found = re.search(r"^\S+ \| [A-Z!]+ => (\{.*\})", run.output, re.S | re.M)
        assert found, run.output
        result: dict[str, Any] = json.JSONDecoder().raw_decode(found[1])[0]
        return result

    def _run(self, command: list[str], **environment: str) -> Run:
        done = subprocess.run(
            [*command, "-i", self.inventory],
            cwd=ROOT,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        return Run(done.returncode, done.stdout)
