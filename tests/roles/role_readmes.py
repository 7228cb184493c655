#!/usr/bin/env python3
"""Write the README of each role from its argument specification, or check that they are up to date (--check)."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).resolve().parents[2] / "roles"
PLAYBOOK = """```yaml
- hosts: mail_gateways
  become: true
  roles:
    - mailcordon.gateway.{role}
```

Tags: `preflight`, `install`, `configure`, `service`, `verify`. Tested on Debian 12 and 13;
Ubuntu 24.04 shares the code; EL 9 has its variables but is untested."""
# A helper of the other roles has no steps of its own
IMPORT = """```yaml
- ansible.builtin.import_role:
    name: mailcordon.gateway.{role}
  vars:
{variables}
```"""


def readable(text: str | list[str]) -> str:
    """Ansible's markup as Markdown; a list becomes paragraphs."""
    paragraphs = [text] if isinstance(text, str) else text
    return "\n\n".join(re.sub(r"[COVPM]\(([^)]*)\)", r"`\1`", paragraph.strip()) for paragraph in paragraphs)


def shown_default(option: dict[str, Any], default: object) -> str:
    """The default as it stands in defaults/main.yml; expressions are left as they are."""
    if option.get("required"):
        return "required"
    if isinstance(default, str) and "{{" in default:
        return f"`{' '.join(default.split())}`"
    return f"`{yaml.safe_dump(default, default_flow_style=True, width=1000).removesuffix('...' + chr(10)).strip()}`"


def option_lines(name: str, option: dict[str, Any], default: object) -> list[str]:
    kind = option["type"] + (f" of {option['elements']}" if "elements" in option else "")
    lines = [f"### `{name}`", "", readable(option["description"]), "", f"* type: {kind}"]
    if "choices" in option:
        lines.append(f"* choices: {', '.join(f'`{choice}`' for choice in option['choices'])}")
    lines.append(f"* default: {shown_default(option, default)}")
    lines.extend(
        f"* `{key}`: {readable(suboption['description'])}" for key, suboption in option.get("options", {}).items()
    )
    return [*lines, ""]


def example(role: Path, options: dict[str, Any]) -> str:
    """How a playbook uses the role."""
    if (role / "tasks/preflight.yml").exists():
        return PLAYBOOK.format(role=role.name)
    required = {
        name: ["example"] if option["type"] == "list" else "example"
        for name, option in options.items()
        if option.get("required")
    }
    variables = "\n".join(f"    {name}: {json.dumps(value)}" for name, value in required.items())
    return IMPORT.format(role=role.name, variables=variables)


def readme(role: Path) -> str:
    """The whole README of one role."""
    spec = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]
    defaults = yaml.safe_load((role / "defaults/main.yml").read_text())
    lines = [
        f"# mailcordon.gateway.{role.name}",
        "",
        f"{spec['short_description']}.",
        "",
        readable(spec["description"]),
        "",
        example(role, spec["options"]),
        "",
        "## Variables",
        "",
    ]
    for name, option in spec["options"].items():
        lines.extend(option_lines(name, option, defaults.get(name)))
    lines.append("This file is made from `meta/argument_specs.yml` by `tests/roles/role_readmes.py`.")
    return "\n".join(lines) + "\n"


def is_current(role: Path) -> bool:
    target = role / "README.md"
    return target.exists() and target.read_text() == readme(role)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, fail when a README is out of date")
    check = parser.parse_args().check
    roles = sorted(path.parent.parent for path in ROLES.glob("*/meta/argument_specs.yml"))
    stale = [role for role in roles if not is_current(role)]
    if check and stale:
        sys.stderr.write(f"README out of date: {', '.join(role.name for role in stale)}; run {__file__}\n")
        return 1
    for role in stale:
        (role / "README.md").write_text(readme(role))
    sys.stdout.write(f"{len(roles)} READMEs checked, {len(stale)} written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
