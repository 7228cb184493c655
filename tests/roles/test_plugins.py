"""Plugins as the role mailcordon installs them (features 6.09), by real runs in a directory of the test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROLE = Path(__file__).resolve().parents[2] / "roles/mailcordon"
SAMPLE = ROLE.parents[1] / "daemon/examples/sample_plugin.py"

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="files of root are made here")


def run(folder: Path, plugins: list[dict[str, str]], *options: str) -> tuple[str, Any]:
    """Run these tasks of the role; Ansible's output and the fragment of the settings that follow from variables."""
    given = {"__mailcordon_plugins_dir": str(folder / "plugins"), "mailcordon_plugins": plugins}
    fragment = folder / "fragment.json"
    fragment.unlink(missing_ok=True)
    settings = "{{ (__mailcordon_fragments | selectattr('name', 'eq', '20-ansible') | first).settings | to_json }}"
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": sys.executable},
        "vars_files": [str(ROLE / "defaults/main.yml"), str(ROLE / "vars/main.yml")],
        "tasks": [
            {"import_tasks": str(ROLE / "tasks/plugins.yml")},
            {"copy": {"content": settings, "dest": str(fragment), "mode": "0600"}, "check_mode": False},
        ],
        "handlers": [{"name": "Reload the filter", "debug": {"msg": "RELOADED"}}],
    }
    (folder / "play.yml").write_text(json.dumps([play]))
    command = ["ansible-playbook", "-i", "localhost,", "-e", json.dumps(given), *options, str(folder / "play.yml")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout, json.loads(fragment.read_text())


@as_root
def test_plugins_are_installed(tmp_path: Path) -> None:
    """Root's, readable by all, in the order of the list; a change reloads the filter, no change does not."""
    plugins = [{"name": "sample_plugin.py", "src": str(SAMPLE)}, {"name": "a.py", "content": "x = 1\n"}]
    output, settings = run(tmp_path, plugins)
    directory = tmp_path / "plugins"
    assert settings["plugins"] == [f"{directory}/sample_plugin.py", f"{directory}/a.py"]
    assert (directory / "sample_plugin.py").read_bytes() == SAMPLE.read_bytes()
    assert (directory / "a.py").read_text() == "x = 1\n"
    for path, mode in ((directory, 0o755), (directory / "sample_plugin.py", 0o644), (directory / "a.py", 0o644)):
        status = path.stat()
        assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (0, 0, mode)
    assert "RELOADED" in output
    again, same = run(tmp_path, plugins)
    assert same == settings
    assert "RELOADED" not in again


@as_root
def test_dry_run(tmp_path: Path) -> None:
    """Neither a bare host nor a new plugin stops it; what is not there yet is not named."""
    plugins = [{"name": "a.py", "content": "x = 1\n"}]
    assert run(tmp_path, plugins, "--check", "--diff")[1]["plugins"] == []
    assert not (tmp_path / "plugins").exists()
    run(tmp_path, plugins)
    more = [*plugins, {"name": "b.py", "content": "x = 2\n"}]
    assert run(tmp_path, more, "--check", "--diff")[1]["plugins"] == [f"{tmp_path}/plugins/a.py"]


def test_without_plugins(tmp_path: Path) -> None:
    """The setting stays the administrator's."""
    output, settings = run(tmp_path, [], "--check")
    assert "plugins" not in settings
    assert "RELOADED" not in output
