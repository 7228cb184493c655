# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""spamassassin_conf on a host without SpamAssassin: files, modes, check mode. With SpamAssassin see tests/tools."""

from __future__ import annotations

import stat

import pytest

from ansible_collections.mailcordon.gateway.plugins.modules.spamassassin_conf import main


@pytest.fixture(autouse=True)
def no_spamassassin(monkeypatch, tmp_path):
    # get_bin_path looks into these as well
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def test_write_then_nothing_to_do(tmp_path, run_module):
    path = tmp_path / "90_site.cf"
    files = [{"path": str(path), "options": {"report_safe": False}}]
    result = run_module(main, files=files)
    assert result["changed"] and result["verified"] is False and result["paths"] == [str(path)]
    assert path.read_text().endswith("\n\nreport_safe 0\n") and stat.S_IMODE(path.stat().st_mode) == 0o644
    result = run_module(main, files=files)
    assert result["changed"] is False and result["paths"] == [] and result["diff"] == []


def test_a_change_keeps_a_backup(tmp_path, run_module):
    path = tmp_path / "90_site.cf"
    path.write_text("report_safe 1\n")
    result = run_module(main, files=[{"path": str(path), "options": {"report_safe": 2}}], backup=True, mode="0640")
    assert open(result["backup_files"][0]).read() == "report_safe 1\n" and "report_safe 2\n" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_absent(tmp_path, run_module):
    path = tmp_path / "90_site.pre"
    path.write_text("loadplugin X\n")
    files = [{"path": str(path), "state": "absent"}]
    assert run_module(main, files=files, _ansible_check_mode=True)["changed"] and path.exists()
    assert run_module(main, files=files)["changed"] and not path.exists()
    assert run_module(main, files=files)["changed"] is False


def test_check_mode_on_a_bare_host(run_module):
    """Checklist 29."""
    files = [{"path": "/nonexistent/90_site.cf", "options": {"a": 1}}, {"path": "/nonexistent/90_site.pre", "plugins": {"X": True}}]
    result = run_module(main, files=files, mode="0644", owner="root", _ansible_check_mode=True)
    assert result["changed"] and result["verified"] is False and len(result["diff"]) == 2
    assert result["diff"][1]["after"].endswith("loadplugin X\n")


def test_one_bad_file_keeps_all_as_they_are(tmp_path, run_module):
    files = [
        {"path": str(tmp_path / "a.cf"), "options": {"good": 1}},
        {"path": str(tmp_path / "b.cf"), "options": {"b ad": 1}},
        {"path": str(tmp_path / "c.conf")},
        {"path": str(tmp_path / "sub" / "d.cf")},
        {"path": str(tmp_path / "a.cf")},
        {"path": str(tmp_path / "e.cf"), "content": "1;"},
    ]
    result = run_module(main, files=files)
    assert result["failed"] and "\n" not in result["msg"] and list(tmp_path.glob("*.cf")) == []
    for part in ("'b ad' is no name", "c.conf: SpamAssassin reads only", "must be in one directory", "a.cf: given twice", "e.cf is not written: content"):
        assert part in result["msg"]
