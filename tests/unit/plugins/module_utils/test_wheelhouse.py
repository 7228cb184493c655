# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a wheelhouse is made of (design: hosts without PyPI)."""

from __future__ import annotations

import json
import os

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils import _wheelhouse as wheelhouse
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError


@pytest.fixture
def project(tmp_path):
    """A project directory with sources, and with what must not count as one."""
    root = tmp_path / "project"
    for name in (
        "pyproject.toml", "README.md", "src/pkg/__init__.py", "src/pkg/data/a.toml",
        "src/pkg/__pycache__/x.pyc", ".venv/bin/python", "tests/test_x.py", "build/x", "src/pkg.egg-info/PKG-INFO", ".hidden",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("content of %s\n" % name)
    (tmp_path / "lock").write_text("a==1\n")
    return root


def digest_of(project, target="cp311-x"):
    return wheelhouse.digest(str(project), wheelhouse.source_files(str(project)), [str(project.parent / "lock")], target)


def test_only_sources_count(project):
    assert wheelhouse.source_files(str(project)) == ["README.md", "pyproject.toml", "src/pkg/__init__.py", "src/pkg/data/a.toml"]


def test_a_directory_without_a_project_is_refused(tmp_path):
    with pytest.raises(GatewayError, match="is no Python project"):
        wheelhouse.source_files(str(tmp_path))


def test_the_digest_depends_on_sources_lock_and_target_only(project):
    first = digest_of(project)
    (project / "tests" / "test_x.py").write_text("changed")
    (project / "README.md").touch()
    assert digest_of(project) == first
    assert digest_of(project, "cp313-x") != first
    (project.parent / "lock").write_text("a==2\n")
    second = digest_of(project)
    assert second != first
    (project / "src" / "pkg" / "__init__.py").write_text("changed")
    assert digest_of(project) not in (first, second)
    (project / "src" / "pkg" / "new.py").write_text("")
    assert digest_of(project) != second


@pytest.mark.parametrize("text", ['[project]\nversion = "1.2.3"\n', "[x]\nversion='0'\n[project]\nname='a'\nversion = '1.2.3'\n[tool]\n"])
def test_the_version_is_that_of_the_project_table(text):
    assert wheelhouse.project_version(text) == "1.2.3"


@pytest.mark.parametrize("text", ["", "[project]\ndynamic = ['version']\n", "[project]\n[tool.x]\nversion = '1'\n"])
def test_a_version_elsewhere_does_not_count(text):
    with pytest.raises(GatewayError, match="has no version"):
        wheelhouse.project_version(text)


def test_platform_tags():
    tags = wheelhouse.platform_tags("x86_64", "2.36")
    assert tags[0] == "manylinux_2_36_x86_64" and "manylinux_2_37_x86_64" not in tags
    assert {"manylinux_2_5_x86_64", "manylinux2014_x86_64", "manylinux1_x86_64", "linux_x86_64"} <= set(tags)
    arm = wheelhouse.platform_tags("aarch64", "2.41")
    assert arm[0] == "manylinux_2_41_aarch64" and "manylinux_2_16_aarch64" not in arm
    assert "manylinux2014_aarch64" in arm and "manylinux2010_aarch64" not in arm


@pytest.mark.parametrize("glibc", ["2", "3.1", "2.36.1", "new", ""])
def test_a_wrong_glibc_is_refused(glibc):
    with pytest.raises(GatewayError, match="target_glibc must be"):
        wheelhouse.platform_tags("x86_64", glibc)


def test_requirements_allow_exactly_the_wheels():
    text = wheelhouse.requirements_text({"typing_extensions-4.1-py3-none-any.whl": "aa", "Click-8.0-1-py3-none-any.whl": "bb"})
    assert text.splitlines()[1:] == ["click==8.0 --hash=sha256:bb", "typing-extensions==4.1 --hash=sha256:aa"]


def test_pure_wheels():
    assert wheelhouse.is_pure("a-1-py3-none-any.whl") and wheelhouse.is_pure("a-1-py2.py3-none-any.whl")
    assert not wheelhouse.is_pure("a-1-cp311-cp311-linux_x86_64.whl")


@pytest.fixture
def house(tmp_path):
    root = tmp_path / "house"
    root.mkdir()
    (root / "a-1-py3-none-any.whl").write_bytes(b"wheel")
    digests = {"a-1-py3-none-any.whl": wheelhouse.file_digest(str(root / "a-1-py3-none-any.whl"))}
    (root / "manifest.json").write_text(wheelhouse.manifest_text("1", "d1", "t", digests))
    return root


def test_a_complete_wheelhouse_needs_no_work(house):
    assert wheelhouse.complete(str(house), "d1")
    assert not wheelhouse.complete(str(house), "d2")


@pytest.mark.parametrize("damage", ["changed wheel", "missing wheel", "no manifest", "broken manifest", "empty manifest", "list"])
def test_a_damaged_wheelhouse_is_built_anew(house, damage):
    wheel, manifest = house / "a-1-py3-none-any.whl", house / "manifest.json"
    if damage == "changed wheel":
        wheel.write_bytes(b"evil")
    elif damage == "missing wheel":
        wheel.unlink()
    elif damage == "no manifest":
        manifest.unlink()
    else:
        manifest.write_text({"broken manifest": "{", "empty manifest": json.dumps({"digest": "d1", "files": {}}), "list": "[]"}[damage])
    assert not wheelhouse.complete(str(house), "d1")


@pytest.mark.parametrize(
    "output",
    [
        "WARNING: Retrying after NewConnectionError\nERROR: No matching distribution found for a==1",
        "ERROR: Could not find a version that satisfies the requirement a==1 (from versions: none)\nERROR: No matching distribution found for a==1",
        "ERROR: HTTP error 403 while getting x\nERROR: 403 Client Error: Forbidden for url: x",
        "SSLError(SSLCertVerificationError(1, 'CERTIFICATE_VERIFY_FAILED'))\nERROR: x",
    ],
)
def test_an_unreachable_index_says_what_to_do(output):
    reason = wheelhouse.pip_reason(output)
    assert "PIP_INDEX_URL" in reason and "PIP_CERT" in reason and "prebuilt wheelhouse" in reason and "\n" not in reason


def test_a_wrong_hash_is_no_network_problem():
    output = (
        "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n"
        "    click==8.1 from https://files/click.whl (from -r lock (line 1)):\n        Expected sha256 aa\n             Got        bb\n"
    )
    reason = wheelhouse.pip_reason(output)
    assert reason.startswith("a package differs from its hash in the lock file: click==8.1;") and "PIP_INDEX_URL" not in reason


def test_other_reasons_are_passed_on():
    assert wheelhouse.pip_reason("noise\nERROR: first\n  ERROR: Directory is empty\n") == "Directory is empty"
    assert wheelhouse.pip_reason("Traceback\n  something odd\n") == "Traceback something odd"


def _wheelhouse(dest, name, used, manifest=True):
    (dest / name).mkdir()
    if manifest:
        (dest / name / "manifest.json").write_text("{}")
    os.utime(str(dest / name), (used, used))


def test_those_unused_for_longest_are_superseded(tmp_path):
    """Also an older version that was used lately stays; the oldest is named first."""
    for name, used in (("1.0-00000001-t", 30), ("1.1-00000002-t", 10), ("1.2-00000003-t", 20), ("1.3-00000004-t", 40)):
        _wheelhouse(tmp_path, name, used)
    assert wheelhouse.superseded(str(tmp_path), "t", 2) == ["1.1-00000002-t", "1.2-00000003-t"]
    assert wheelhouse.superseded(str(tmp_path), "t", 4) == []


def test_nothing_but_wheelhouses_of_the_target_is_superseded(tmp_path):
    _wheelhouse(tmp_path, "1.0-00000001-other", 10)
    _wheelhouse(tmp_path, "1.0-00000001-t", 10, manifest=False)
    _wheelhouse(tmp_path, "photographs", 10)
    _wheelhouse(tmp_path, "1.0-00000002-t", 20)
    (tmp_path / ".lock").write_text("")
    assert wheelhouse.superseded(str(tmp_path), "t", 1) == []
