# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role packages with this machine's own apt: features 1.21.

Nothing is installed: the packages are there already, or exist nowhere.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PLAYBOOK = """
- hosts: localhost
  connection: local
  vars:
    ansible_python_interpreter: /usr/bin/python3
  gather_facts: false
  tasks:
    - ansible.builtin.setup:
        gather_subset: [distribution]
    - ansible.builtin.import_role:
        name: mailcordon.gateway.packages
      vars:
        packages_for: clamav
        packages_names: [{names}]
        packages_retry_delay: 0
"""


@pytest.fixture
def install(tmp_path):
    """A function that runs the role for the named packages and returns exit code and output."""

    def run(*names, check=False):
        playbook = tmp_path / "install.yml"
        playbook.write_text(PLAYBOOK.format(names=", ".join(names)))
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "ansible",
                "playbook",
                "-i",
                "localhost,",
                *(["--check"] if check else []),
                str(playbook),
            ],
            env={
                **os.environ,
                "ANSIBLE_COLLECTIONS_PATH": os.environ["PYTHONPATH"],
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_INJECT_FACT_VARS": "false",
            },
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_installed_packages_change_nothing(install):
    """The twin of the next test."""
    code, output = install("postfix", "clamav-daemon")
    assert code == 0, output
    assert "changed=0" in output


def test_one_line_says_what_cannot_be_had(install):
    code, output = install("postfix", "no-such-package-of-mailcordon")
    assert code == 2, output
    messages = [
        line for line in output.splitlines() if "postfix, no-such-package-of-mailcordon cannot be installed" in line
    ]
    assert messages, output
    assert "(No package matching 'no-such-package-of-mailcordon' is available)" in messages[0]
    assert "clamav: " in messages[0]
    assert "Traceback" not in output


def test_dry_run_does_not_fail_on_packages_that_it_cannot_see(install):
    """Checklist 29: the lists of a bare host may have never been read."""
    code, output = install("no-such-package-of-mailcordon", check=True)
    assert code == 0, output
    assert "changed=1" in output
