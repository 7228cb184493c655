# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host's half of dovecot_users; the controller's is in tests/tools."""

from __future__ import annotations

from ansible_collections.mailcordon.gateway.plugins.modules import dovecot_users

ALICE = {"name": "alice", "password_hash": "{SHA512-CRYPT}$6$salt$hash"}


def test_users_are_written_once(run_module, tmp_path):
    path = tmp_path / "users"
    result = run_module(dovecot_users.main, path=str(path), users=[ALICE])
    assert result["changed"] and result["users_changed"] == ["alice"]
    assert path.read_text() == "alice:{SHA512-CRYPT}$6$salt$hash\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert run_module(dovecot_users.main, path=str(path), users=[ALICE])["changed"] is False
    gone = run_module(dovecot_users.main, path=str(path), users=[], exclusive=True, backup=True)
    assert gone["users_changed"] == ["alice"] and path.read_text() == ""
    assert "alice" in open(gone["backup_file"]).read()


def test_no_hash_in_result_and_diff(run_module, tmp_path):
    path = tmp_path / "users"
    path.write_text("alice:{SHA512-CRYPT}$6$salt$older\n")
    result = run_module(dovecot_users.main, path=str(path), users=[ALICE], _ansible_diff=True)
    assert "$6$" not in str(result)
    assert result["diff"][0]["before"] == "alice:{SHA512-CRYPT}***\n"
    assert result["diff"][0]["after"] == "alice:{SHA512-CRYPT}***\n# other password hashes: alice\n"


def test_check_mode_on_a_bare_host(run_module, tmp_path):
    path = tmp_path / "no" / "users"
    assert run_module(dovecot_users.main, path=str(path), users=[ALICE], _ansible_check_mode=True)["changed"]
    gone = [{"name": "bob", "state": "absent"}]
    assert run_module(dovecot_users.main, path=str(path), users=gone)["changed"] is False
    assert not path.exists()


def test_a_bad_user_changes_nothing(run_module, tmp_path):
    path = tmp_path / "users"
    result = run_module(dovecot_users.main, path=str(path), users=[ALICE, {"name": "Bob", "password_hash": "$6$a$b"}])
    assert result["msg"].startswith("user 2: the name 'Bob' is none that Dovecot looks up")
    assert not path.exists()


def test_a_password_that_comes_to_the_host_is_refused(run_module, tmp_path):
    result = run_module(dovecot_users.main, path=str(tmp_path / "users"), users=[{"name": "alice", "password": "secret"}])
    assert result["msg"] == "alice: passwords are hashed by the action plugin of this module, which did not run"
