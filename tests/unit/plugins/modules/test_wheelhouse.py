# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""wheelhouse as a module, as far as no network is needed."""

from __future__ import annotations

import os
import pathlib

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils import _wheelhouse as house
from ansible_collections.mailcordon.gateway.plugins.modules.wheelhouse import main


@pytest.fixture
def arguments(tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1.0"\n')
    (project / "requirements-build.lock").write_text("")
    (project / "requirements.lock").write_text("")
    return dict(project=str(project), requirements=str(project / "requirements.lock"), dest=str(tmp_path / "dest"))


def test_check_mode_names_the_wheelhouse_and_makes_nothing(arguments, run_module):
    result = run_module(main, _ansible_check_mode=True, **arguments)
    assert result["changed"] and result["version"] == "1.0" and result["files"] == []
    assert os.path.basename(result["path"]) == "1.0-%s-cp311-manylinux_2_36_x86_64" % result["digest"][:8]
    assert not os.path.exists(arguments["dest"])


def test_a_complete_wheelhouse_is_used_without_pip(arguments, run_module, monkeypatch):
    planned = run_module(main, _ansible_check_mode=True, **arguments)
    path = pathlib.Path(planned["path"])
    path.mkdir(parents=True)
    (path / "x-1.0-py3-none-any.whl").write_bytes(b"wheel")
    digests = {"x-1.0-py3-none-any.whl": house.file_digest(str(path / "x-1.0-py3-none-any.whl"))}
    (path / "manifest.json").write_text(house.manifest_text("1.0", planned["digest"], "t", digests))
    result = run_module(main, python="/nonexistent/python", **arguments)
    assert result["changed"] is False and result["path"] == str(path)
    assert result["files"] == ["manifest.json", "x-1.0-py3-none-any.whl"]


def test_a_python_without_pip_is_said_so(arguments, run_module):
    result = run_module(main, python="/bin/false", **arguments)
    assert result["msg"] == (
        "no pip on the controller for /bin/false: install python3-pip, or set python to one with pip"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"requirements": "/nonexistent/lock"}, "cannot read /nonexistent/lock: No such file or directory"),
        ({"build_requirements": "/nonexistent/lock"}, "cannot read /nonexistent/lock: No such file or directory"),
        ({"project": "/nonexistent"}, "/nonexistent is no Python project: it has no pyproject.toml"),
        ({"target_python": "3"}, "target_python must be a version such as 3.11, not '3'"),
        ({"target_glibc": "x"}, "target_glibc must be a version such as 2.36, not 'x'"),
    ],
)
def test_bad_input_is_one_line(arguments, run_module, changes, message):
    result = run_module(main, **dict(arguments, **changes))
    assert result["failed"] and result["msg"] == message


def test_a_wheelhouse_that_is_used_counts_as_new(arguments, run_module):
    planned = run_module(main, _ansible_check_mode=True, **arguments)
    path = pathlib.Path(planned["path"])
    path.mkdir(parents=True)
    (path / "x").write_bytes(b"wheel")
    (path / "manifest.json").write_text(
        house.manifest_text("1.0", planned["digest"], "t", {"x": house.file_digest(str(path / "x"))})
    )
    os.utime(str(path), (1000, 1000))
    assert run_module(main, _ansible_check_mode=True, **arguments)["changed"] is False
    assert path.stat().st_mtime == 1000
    assert run_module(main, keep=1, **arguments)["removed"] == []
    assert path.stat().st_mtime > 1000


def test_a_negative_number_to_keep_is_refused(arguments, run_module):
    assert run_module(main, keep=-1, **arguments)["msg"] == "keep must be 0 or more, not -1"
