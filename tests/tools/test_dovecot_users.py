# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""dovecot_users as a task of a real playbook run: action plugin, module and passlib together.

Needs ansible-playbook and passlib, and the collection on Python's path.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
from ansible_collections.mailcordon.gateway.plugins.modules import dovecot_users

COLLECTIONS = pathlib.Path(dovecot_users.__file__).parents[5]
PASSWORD = "pass word: {{ not a template }} é"


@pytest.fixture
def play(tmp_path):
    """A function that runs the task with the given options; returns the exit code and all that was printed."""

    def run(environment=None, flags=(), **options):
        task = {
            "mailcordon.gateway.dovecot_users": {"path": str(tmp_path / "users"), "users": "{{ given }}", **options}
        }
        play = {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable},
            "tasks": [task],
        }
        (tmp_path / "play.yml").write_text(json.dumps([play]))
        variables = tmp_path / "variables.yml"
        command = ["ansible-playbook", "-i", "localhost,", "-e", f"@{variables}", *flags, str(tmp_path / "play.yml")]
        result = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env={
                **os.environ,
                "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_LOCALHOST_WARNING": "false",
                **(environment or {}),
            },
            check=False,
        )
        return result.returncode, result.stdout + result.stderr

    def with_users(users, **arguments):
        unsafe = re.sub(r'"password": (".*?")', r'"password": !unsafe \1', json.dumps({"given": users}))
        (tmp_path / "variables.yml").write_text(unsafe)
        return run(**arguments)

    return with_users


def verifies(line, password):
    """Whether openssl, which is not passlib, makes the same hash of the password."""
    salt = re.match(r"\w+:\{SHA512-CRYPT\}\$6\$(?:rounds=\d+\$)?([^$]+)\$", line).group(1)
    made = subprocess.run(
        ["openssl", "passwd", "-6", "-salt", salt, "-stdin"], input=password, capture_output=True, text=True, check=True
    )
    return line.endswith(made.stdout.strip().rpartition("$")[2])


def test_a_second_run_changes_nothing(play, tmp_path):
    """Random salts, and idempotent all the same; the hash is one that other programs verify, too."""
    users = [{"name": "alice", "password": PASSWORD}]
    code, output = play(users, rounds=5000)
    assert code == 0, output
    assert "changed=1" in output
    line = (tmp_path / "users").read_text().strip()
    assert verifies(line, PASSWORD)
    assert not verifies(line, PASSWORD + "x")
    code, output = play(users, rounds=5000)
    assert "changed=0" in output
    assert (tmp_path / "users").read_text().strip() == line
    code, output = play([{"name": "alice", "password": "another"}], rounds=5000)
    assert "changed=1" in output
    assert verifies((tmp_path / "users").read_text().strip(), "another")


def test_no_secret_is_ever_printed(play, tmp_path):
    """With all of -vvvv, --diff and in a failure, neither passwords nor hashes."""
    users = [{"name": "alice", "password": "TopSecret1"}, {"name": "bob", "password_hash": "$6$salt$TopSecret2"}]
    for more in ([], [{"name": "Carol", "password": "TopSecret3"}]):
        code, output = play(users + more, flags=["-vvvv", "--diff"], environment={"ANSIBLE_DEBUG": "0"})
        assert (code == 0) is (more == []), output
        assert "TopSecret" not in output
        assert "$6$" not in output
    code, output = play([{"name": "alice", "password": "TopSecret4"}], flags=["--diff"])
    assert "alice:{SHA512-CRYPT}***" in output
    assert "other password hashes: alice" in output
    assert (tmp_path / "users").read_text().splitlines()[1] == "bob:{CRYPT}$6$salt$TopSecret2"


def test_check_mode_writes_nothing(play, tmp_path):
    code, output = play([{"name": "alice", "password": "secret"}], flags=["--check", "--diff"])
    assert code == 0, output
    assert "changed=1" in output
    assert not (tmp_path / "users").exists()


def test_a_controller_without_passlib(play, tmp_path):
    """One clear line; with a ready-made hash nothing is missing."""
    (tmp_path / "without" / "passlib").mkdir(parents=True)
    (tmp_path / "without" / "passlib" / "__init__.py").write_text("raise ImportError('not installed')\n")
    without = {"PYTHONPATH": str(tmp_path / "without")}
    code, output = play([{"name": "alice", "password": "secret"}], environment=without)
    assert code == 2
    assert "has no passlib: install it there, or give password_hash instead of password" in output
    assert "Traceback" not in output
    assert not (tmp_path / "users").exists()
    code, output = play([{"name": "alice", "password_hash": "$6$a$b"}], environment=without)
    assert code == 0, output


def test_a_scheme_whose_program_is_missing(play, tmp_path):
    """Passlib alone cannot compute argon2; where argon2-cffi is installed the hash is made."""
    code, output = play([{"name": "alice", "password": "secret"}], scheme="argon2id")
    if code == 0:
        assert (tmp_path / "users").read_text().startswith("alice:{ARGON2ID}$argon2id$")
    else:
        assert "argon2id needs another Python package on the controller: install argon2-cffi for" in output
        assert "Traceback" not in output


def test_users_of_the_wrong_shape(play):
    for users in ("alice", [["alice"]], [{"name": "alice", "password": "secret", "shell": "x"}]):
        code, output = play(users)
        assert code == 2
        assert "Traceback" not in output
