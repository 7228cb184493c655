# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""conf.d fragments: names, text, and the answer of check-config (features chapter 5a)."""

from __future__ import annotations

import json
import tomllib

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils import _confd as confd
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError


@pytest.mark.parametrize("name", ["60-site", "05-domain_id", "00-a", "99-A-b_c"])
def test_names_of_fragments(name):
    confd.check_name(name, only_if_absent=False)


@pytest.mark.parametrize("name", ["site", "6-site", "600-site", "60_site", "60-", "60-a.toml", "60-../x", "60-a\n", ""])
def test_other_names_are_refused(name):
    with pytest.raises(GatewayError, match="is no name of a fragment"):
        confd.check_name(name, only_if_absent=False)


def test_the_fragment_of_the_administrator_is_only_created():
    """Features 5.05: nothing ever overwrites 50-user."""
    with pytest.raises(GatewayError, match="belongs to the administrator"):
        confd.check_name("50-user", only_if_absent=False)
    confd.check_name("50-user", only_if_absent=True)


def test_a_fragment_says_who_manages_it():
    text = confd.render("60-site", {"log_level": 2})
    assert text.startswith("# Managed by Ansible")
    assert tomllib.loads(text) == {"log_level": 2}
    assert "Managed" not in confd.render("50-user", {})


def test_a_good_answer_has_no_problems():
    assert confd.problems(0, json.dumps({"ok": True, "errors": []}), "") == []


def test_all_problems_of_a_json_answer_are_kept():
    """Features 5.03: file, key and reason, all errors at once."""
    answer = json.dumps({"ok": False, "errors": ["60-site.toml: log_level: too high", "60-site.toml: x: unknown"]})
    assert confd.problems(1, answer, "") == ["60-site.toml: log_level: too high", "60-site.toml: x: unknown"]


@pytest.mark.parametrize("output", ["", "[]", '{"errors": []}', '{"errors": "x"}', "null"])
def test_an_answer_that_is_no_verdict_is_never_taken_for_good(output):
    assert confd.problems(2, output, "Error: No such option\n")[0] == "Error: No such option"
    assert confd.problems(1, "", "") == ["the command ended with code 1 and said nothing"]
