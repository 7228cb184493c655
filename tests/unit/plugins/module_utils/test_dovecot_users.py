# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dovecot's passwd-file: parse, validate, change (issue 3, point 6; contracts B20.04)."""

from __future__ import annotations

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils import _dovecot_users as dovecot_users
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError

FILE = """\
# who may submit
alice:{SHA512-CRYPT}$6$a$old:::::
bob:{SSHA}b
:nobody
"""


def test_parse_skips_what_dovecot_skips():
    assert dovecot_users.parse(FILE) == {"alice": "{SHA512-CRYPT}$6$a$old", "bob": "{SSHA}b"}
    assert dovecot_users.parse("a:{X}1\na:{X}2\n") == {"a": "{X}1"}


def test_a_hash_changes_in_its_place_and_new_users_come_to_the_end():
    after, changed = dovecot_users.apply(FILE, {"alice": "{CRYPT}new", "carol": "{CRYPT}c"}, [], False)
    assert after == FILE.replace("{SHA512-CRYPT}$6$a$old", "{CRYPT}new") + "carol:{CRYPT}c\n"
    assert changed == ["alice", "carol"]
    assert dovecot_users.apply(after, {"alice": "{CRYPT}new", "carol": "{CRYPT}c"}, [], False) == (after, [])


def test_users_who_are_not_listed_stay_unless_the_list_is_exclusive():
    alice = {"alice": "{SHA512-CRYPT}$6$a$old"}
    assert dovecot_users.apply(FILE, alice, [], False) == (FILE, [])
    assert dovecot_users.apply(FILE, alice, [], True) == (FILE.replace("bob:{SSHA}b\n", ""), ["bob"])
    assert dovecot_users.apply(FILE, {}, [], True) == ("# who may submit\n:nobody\n", ["alice", "bob"])


def test_absent_users_go_and_others_stay():
    assert dovecot_users.apply(FILE, {}, ["bob", "zoe"], False) == (FILE.replace("bob:{SSHA}b\n", ""), ["bob"])


def test_double_lines_of_a_managed_user_become_one():
    """Dovecot takes the first; a second one is a user who seems to be removed and is not."""
    assert dovecot_users.apply("a:{X}1\na:{X}2\nb:{X}1\nb:{X}2\n", {"a": "{X}1"}, [], False) == ("a:{X}1\nb:{X}1\nb:{X}2\n", ["a"])


def test_hashes_of_crypt_get_a_scheme():
    hashes, absent = dovecot_users.normalise([
        {"name": "a", "password_hash": "$6$salt$hash"}, {"name": "b", "password_hash": "{BLF-CRYPT}$2y$05$x", "state": "present"},
        {"name": "c", "state": "absent"}])
    assert hashes == {"a": "{CRYPT}$6$salt$hash", "b": "{BLF-CRYPT}$2y$05$x"}
    assert absent == ["c"]


def test_all_problems_come_at_once_and_show_no_secret():
    users = [
        {"name": "Alice", "password": "hidden1"},
        {"name": "a:b", "password": "hidden2"},
        {"password": "hidden3"},
        {"name": "bob"},
        {"name": "both", "password": "hidden4", "password_hash": "$6$a$b"},
        {"name": "carol", "password": ""},
        {"name": "dave", "password": 12345},
        {"name": "eve", "password_hash": "hidden5"},
        {"name": "fay", "password_hash": "{PLAIN}hidden6"},
        {"name": "fay", "state": "absent"},
        {"name": "gus", "password_hash": "{CRYPT}$6$a:b"},
    ]
    with pytest.raises(GatewayError) as caught:
        dovecot_users.normalise(users)
    message = str(caught.value)
    assert "\n" not in message
    assert "hidden" not in message
    assert "12345" not in message
    assert [problem.partition(":")[0] for problem in message.split("; ")] == [
        "user 1", "user 2", "user 3", "bob", "both", "carol", "dave", "eve", "fay", "fay", "gus"]
    assert "'Alice' is none that Dovecot looks up, use lower case letters" in message


def test_the_diff_shows_names_and_schemes_only():
    assert dovecot_users.without_hashes(FILE) == (
        "# who may submit\nalice:{SHA512-CRYPT}***:::::\nbob:{SSHA}***\n:nobody\n")
