# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""signatures and clamscan as Ansible runs them: with their action plugins, from a controller to a host."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess

import pytest
from ansible_collections.mailcordon.gateway.plugins import modules
from ansible_collections.mailcordon.gateway.tests.tools.clamd_server import signature

BAD = b"what the signature of the test finds"
COLLECTIONS = pathlib.Path(modules.__path__[0]).parents[4]


@pytest.fixture
def task(tmp_path, clamd):
    """A function that runs one task on this machine; returns its result and all that Ansible printed on the way."""

    def run_task(module: str, *options: str, **arguments):
        tasks = [
            {f"mailcordon.gateway.{module}": {"socket": str(clamd.socket)} | arguments, "register": "result"},
            {"ansible.builtin.copy": {"content": "{{ result | to_json }}", "dest": str(tmp_path / "result")}},
        ]
        tasks[0]["ignore_errors"] = True
        tasks[1]["check_mode"] = False
        (tmp_path / "play.yml").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
        done = subprocess.run(
            ["ansible-playbook", "-i", "localhost,", "-c", "local", str(tmp_path / "play.yml"), *options],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ
            | {
                "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
                "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
                "ANSIBLE_HOME": str(tmp_path / "home"),
            },
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads((tmp_path / "result").read_text()), done.stdout

    return run_task


def test_only_what_differs_is_transferred(task, clamd, tmp_path):
    """Features 2.01."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.ndb").write_text(signature("A", BAD))
    (source / "b.ndb").write_text(signature("B", BAD))
    arguments = {"src": [str(source)], "dest": str(clamd.database)}
    result, _ = task("signatures", **arguments)
    assert result["changed"]
    assert result["installed"] == ["a.ndb", "b.ndb"]
    assert result["verified"]
    result, _ = task("signatures", **arguments)
    assert not result["changed"]
    (source / "b.ndb").write_text(signature("C", BAD))
    result, output = task("signatures", "-vvv", "--check", "--diff", **arguments)
    assert result["changed"]
    assert result["installed"] == ["b.ndb"]
    assert "signatures: transferring b.ndb\n" in output
    result, _ = task("signatures", **arguments)
    assert result["installed"] == ["b.ndb"]
    assert (clamd.database / "b.ndb").read_text() == signature("C", BAD)


def test_what_is_missing_on_the_controller_is_one_line(task, clamd, tmp_path):
    (tmp_path / "wrong.xyz").write_text("")
    result, _ = task("signatures", src=["gone.ndb", str(tmp_path / "wrong.xyz")], dest=str(clamd.database))
    assert result["failed"]
    assert not clamd.database.exists()
    assert "gone.ndb: no such file on the controller" in result["msg"]
    assert "wrong.xyz: ClamAV loads no" in result["msg"]
    assert "\n" not in result["msg"]


def test_a_damaged_file_is_refused_on_the_host(task, clamd, tmp_path, genuine):
    """Features 2.01: the transfer brings it there, the verification keeps it out."""
    good = (genuine / "test-6.cvd").read_bytes()
    (tmp_path / "daily.cvd").write_bytes(good[:5000])
    result, _ = task("signatures", src=str(tmp_path / "daily.cvd"), dest=str(clamd.database))
    assert result["msg"].startswith("nothing is installed: daily.cvd: sigtool cannot verify it")
    (tmp_path / "daily.cvd").write_bytes(good)
    result, _ = task("signatures", src=str(tmp_path / "daily.cvd"), dest=str(clamd.database))
    assert result["installed"] == ["daily.cvd"]


@pytest.fixture
def scanning(task, clamd, tmp_path):
    clamd.database.mkdir()
    (clamd.database / "test.ndb").write_text(signature("Test.Found", BAD))
    clamd.start()
    return task


def test_a_file_of_the_controller_is_scanned_on_the_host(scanning, tmp_path):
    """Features 3.05."""
    (tmp_path / "bad").write_bytes(BAD)
    result, _ = scanning("clamscan", src=str(tmp_path / "bad"))
    assert result["infected"] == [{"path": str(tmp_path / "bad"), "signature": "Test.Found.UNOFFICIAL"}]
    (tmp_path / "bad").write_bytes(BAD[:-1])
    result, _ = scanning("clamscan", src=str(tmp_path / "bad"))
    assert result["clean"]
    assert not result["changed"]
    result, _ = scanning("clamscan", src="gone")
    assert result["failed"]
    assert "gone" in result["msg"]


def test_a_long_scan_tells_how_far_it_is(scanning, tmp_path):
    """Each part ends after some milliseconds; the result is that of one scan."""
    tree = tmp_path / "tree"
    tree.mkdir()
    for number in range(6):
        (tree / f"{number}").write_bytes(os.urandom(900_000))
    (tree / "bad").write_bytes(BAD)
    result, output = scanning("clamscan", path=str(tree), progress=0.02, fail_on_infected=True)
    assert result["failed"]
    assert result["msg"] == f"{tree}/bad is infected: Test.Found.UNOFFICIAL"
    assert result["scanned"] == 7
    assert len(result["infected"]) == 1
    assert result["cursor"] is None
    assert f"clamscan [localhost]: {tree}: " in output
    assert "infected, 0 not scanned, going on" in output
