# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""clamav_conf as a module: files, modes, passwords, check mode."""

from __future__ import annotations

import json
import stat

import pytest

from ansible_collections.mailcordon.gateway.plugins.modules.clamav_conf import main

MIRROR = {"DatabaseMirror": "database.clamav.net"}


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_write_then_nothing_to_do(tmp_path, run_module):
    path = tmp_path / "clamd.conf"
    arguments = dict(type="clamd", path=str(path), options={"LocalSocket": "/run/clamd"})
    result = run_module(main, **arguments)
    assert result["changed"] and "LocalSocket /run/clamd\n" in path.read_text() and mode_of(path) == 0o644
    assert run_module(main, **arguments)["changed"] is False


def test_a_change_keeps_a_backup(tmp_path, run_module):
    path = tmp_path / "clamd.conf"
    path.write_text("Example\n")
    result = run_module(main, type="clamd", path=str(path), options={}, backup=True)
    assert open(result["backup_file"]).read() == "Example\n" and "Example" not in path.read_text()


def test_check_mode_writes_nothing_even_without_the_directory(tmp_path, run_module):
    path = tmp_path / "none" / "clamd.conf"
    result = run_module(
        main, type="clamd", path=str(path), options={"LogTime": True}, mode="0644", owner="root", _ansible_check_mode=True
    )
    assert result["changed"] and "LogTime yes" in result["diff"][0]["after"] and not path.parent.exists()


def test_outside_of_check_mode_the_directory_must_exist(tmp_path, run_module):
    path = tmp_path / "none" / "clamd.conf"
    result = run_module(main, type="clamd", path=str(path), options={})
    assert result["msg"] == "cannot write %s: the directory %s does not exist" % (path, path.parent)


def test_the_password_is_in_the_file_and_nowhere_else(tmp_path, run_module):
    """Features 2.21: never logged, not readable by others."""
    path = tmp_path / "freshclam.conf"
    arguments = dict(type="freshclam", path=str(path), options=MIRROR, proxy_password="geheimnis")
    result = run_module(main, **arguments)
    assert "HTTPProxyPassword geheimnis\n" in path.read_text() and mode_of(path) == 0o600
    assert "geheimnis" not in json.dumps(result)
    path.chmod(0o644)
    result = run_module(main, **arguments)
    assert result["msg"] == "%s would hold the password of a proxy and be open to others; set mode to 0600" % path


@pytest.mark.parametrize(("mode", "good"), [("0644", False), (0o644, False), ("u=rw,o=r", False), ("0640", False), ("0600", True), (0o400, True)])
def test_a_mode_that_shows_the_password_is_refused(tmp_path, run_module, mode, good):
    path = tmp_path / "freshclam.conf"
    result = run_module(main, type="freshclam", path=str(path), options=MIRROR, proxy_password="x1y2z3", mode=mode)
    assert result.get("failed", False) is not good and path.exists() is good


def test_a_password_among_the_options_would_be_logged(tmp_path, run_module):
    path = tmp_path / "freshclam.conf"
    result = run_module(main, type="freshclam", path=str(path), options=dict(MIRROR, HTTPProxyPassword="x1y2z3"))
    assert "HTTPProxyPassword: use proxy_password" in result["msg"] and not path.exists()


def test_everything_wrong_is_told_in_one_line_and_the_file_stays(tmp_path, run_module):
    path = tmp_path / "clamd.conf"
    path.write_text("LogTime yes\n")
    result = run_module(main, type="clamd", path=str(path), options={"Nope": 1, "ScanRAR": True}, proxy_password="x1")
    assert result["failed"] and "\n" not in result["msg"]
    for part in ("proxy_password: only freshclam", "Nope: no such option", "ScanRAR: removed from ClamAV; ScanArchive covers RAR"):
        assert part in result["msg"]
    assert path.read_text() == "LogTime yes\n"


def test_a_file_that_is_no_text(tmp_path, run_module):
    path = tmp_path / "clamd.conf"
    path.write_bytes(b"\xff\xfe")
    result = run_module(main, type="clamd", path=str(path), options={})
    assert result["msg"] == "%s is not UTF-8 text; move it away or repair it" % path


def test_a_name_of_an_older_release_is_translated_with_a_warning(tmp_path, run_module):
    """Covers features 18.05."""
    path = tmp_path / "clamd.conf"
    arguments = dict(type="clamd", path=str(path), options={"ArchiveMaxFileSize": "15M", "LogTime": True})
    result = run_module(main, **arguments)
    assert result["translated"] == {"ArchiveMaxFileSize": "MaxFileSize"}
    assert "MaxFileSize 15M\n" in path.read_text() and "ArchiveMaxFileSize" not in path.read_text()
    warning = "%s: ArchiveMaxFileSize is called MaxFileSize today and is written as such; change the variable" % path
    assert warning in json.dumps(result["warnings"])
    assert run_module(main, **arguments)["changed"] is False


def test_without_older_names_there_is_no_warning(tmp_path, run_module):
    path = tmp_path / "clamd.conf"
    result = run_module(main, type="clamd", path=str(path), options={"MaxFileSize": "15M"})
    # Warnings of other tests are still there: Ansible collects them for the whole process.
    assert result["translated"] == {} and str(path) not in json.dumps(result.get("warnings", []))


def test_two_names_with_different_values_change_nothing(tmp_path, run_module):
    path = tmp_path / "clamd.conf"
    result = run_module(main, type="clamd", path=str(path), options={"ArchiveMaxFiles": 1500, "MaxFiles": 10000})
    assert result["failed"] and "two names of one option" in result["msg"] and not path.exists()


@pytest.mark.parametrize("name", ["MaxFileSize", "ArchiveMaxFileSize"])
def test_defaults_give_way_to_options_by_either_name(tmp_path, run_module, name):
    path = tmp_path / "clamd.conf"
    result = run_module(
        main, type="clamd", path=str(path), options={name: "15M", "LogTime": None},
        defaults={"MaxFileSize": "25M", "LogTime": True, "LogClean": False},
    )
    assert not result.get("failed") and path.read_text().splitlines()[2:] == ["LogClean no", "MaxFileSize 15M"]
