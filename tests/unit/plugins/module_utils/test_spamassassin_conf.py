# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SpamAssassin's files from data; what SpamAssassin itself says of them is tested in tests/tools."""

from __future__ import annotations

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils import _spamassassin_conf as spamassassin_conf
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError

OFFER = {"name": "OFFER", "type": "body", "test": "/offer/i", "score": 2}


def lines(name="90_site.cf", *further, **block):
    text = spamassassin_conf.render("/etc/spamassassin/" + name, [block] + list(further))
    assert text.startswith("# Managed by Ansible")
    return [line for line in text.splitlines()[1:] if line]


def refusal(name="90_site.cf", **block):
    with pytest.raises(GatewayError) as raised:
        lines(name, **block)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, ["x 1"]),
        (False, ["x 0"]),
        (5.5, ["x 5.5"]),
        (" two words ", ["x two words"]),
        ("", ["x"]),
        (None, []),
        (["a", "b"], ["x a", "x b"]),
        ([], []),
        ({"A": 1, "B": [0, 0, 1.5, 2], "C": None}, ["x A 1", "x B 0 0 1.5 2"]),
    ],
)
def test_options(value, expected):
    assert lines(options={"x": value}) == expected


def test_a_hash_does_not_start_a_comment():
    """Mail::SpamAssassin::Conf: # must be escaped, in regular expressions too."""
    assert lines(options={"x": "a # b"}) == ["x a \\# b"]
    assert lines(rules=[dict(OFFER, test="/[#]1 \\# 2/")])[0] == "body OFFER /[\\#]1 \\# 2/"


@pytest.mark.parametrize("value", ["a\nloadplugin X", "a\rb", {"a b": 1}, {"a": {"b": 1}}, [["a"]], {"a": "b\nc"}])
def test_values_stay_on_their_line(value):
    assert "x: takes one line of text" in refusal(options={"x": value})


@pytest.mark.parametrize("name", ["a b", "a\nb", "", "#", "1a", "a="])
def test_names_that_are_none(name):
    assert "is no name of an option" in refusal(options={name: 1})


def test_a_rule():
    rule = dict(OFFER, describe="It offers", score=[0, 1, 2.5, -3], tflags=["nice", "net"], priority=-10)
    assert lines(rules=[rule]) == [
        "body OFFER /offer/i",
        "describe OFFER It offers",
        "score OFFER 0 1 2.5 -3",
        "tflags OFFER nice net",
        "priority OFFER -10",
    ]


def test_an_existing_rule_is_rescored_without_a_test():
    assert lines(rules=[{"name": "HTML_MESSAGE", "score": 0}]) == ["score HTML_MESSAGE 0"]


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"name": "A B", "score": 1}, "'A B' is no name of a rule"),
        ({"name": "A"}, "A: says nothing"),
        ({"name": "A", "type": "body"}, "A: type and test go together"),
        ({"name": "A", "test": "/a/"}, "A: type and test go together"),
        ({"name": "A", "score": "high"}, "A: score must be a number, or four of them"),
        ({"name": "A", "score": [1, 2]}, "A: score must be a number, or four of them"),
        ({"name": "A", "score": True}, "A: score must be a number, or four of them"),
        ({"name": "A", "type": "body", "test": "/a/\nscore A 9"}, "A: test must be one line of text"),
    ],
)
def test_wrong_rules(rule, reason):
    assert reason in refusal(rules=[rule])


def test_a_name_given_twice_is_a_mistake():
    assert "OFFER: given twice" in refusal(rules=[OFFER, OFFER])


def test_blocks_keep_their_order_and_depend_on_plugins():
    found = lines("90_site.cf", {"if_plugin": "Mail::SpamAssassin::Plugin::Pyzor", "options": {"use_pyzor": 0}},
                  {"lines": ["score OFFER 3"]}, rules=[OFFER])
    assert found == [
        "body OFFER /offer/i",
        "score OFFER 2",
        "ifplugin Mail::SpamAssassin::Plugin::Pyzor",
        "  use_pyzor 0",
        "endif",
        "score OFFER 3",
    ]


def test_plugins_are_loaded_in_pre_files_only():
    plugins = {"Mail::SpamAssassin::Plugin::TextCat": True, "Own": "/etc/own.pm", "Mail::SpamAssassin::Plugin::DCC": False}
    assert lines("90_site.pre", plugins=plugins) == ["loadplugin Mail::SpamAssassin::Plugin::TextCat", "loadplugin Own /etc/own.pm"]
    assert "are loaded in a .pre file" in refusal(plugins=plugins)
    assert "plugins in a .pre file" in refusal(options={"loadplugin": "X"})
    assert "loaded in a .pre file" in refusal(lines=["  loadplugin X"])
    assert lines("90_site.pre", lines=["loadplugin X"]) == ["loadplugin X"]


@pytest.mark.parametrize("plugins", [{"a b": True}, {"X": "relative.pm"}, {"X": "/a b.pm"}, {"X": 1}, {"X\nY": True}])
def test_wrong_plugins(plugins):
    assert "plugins: " in refusal("90_site.pre", plugins=plugins)


def test_rules_belong_into_cf_files():
    assert "rules: belong into a .cf file" in refusal("90_site.pre", rules=[OFFER])
    assert "rules: belong into a .cf file" in refusal("user_prefs", rules=[OFFER])


def test_everything_wrong_is_told_at_once():
    message = refusal(options={"a b": 1, "c": {"d": {}}}, lines=["e\nf"], rules=[{"name": "A"}], if_plugin="no plugin")
    for part in ("'a b' is no name", "c: takes", "more than one line", "A: says nothing", "if_plugin: 'no plugin'"):
        assert part in message


def test_a_plugin_is_its_content():
    path = "/etc/spamassassin/own.pm"
    assert spamassassin_conf.plugin_text(path, "package Own;\n1;\n", [{}]) == "package Own;\n1;\n"
    for content, block in (("", {}), (None, {}), ("1;", {"options": {"a": 1}})):
        with pytest.raises(GatewayError, match="own.pm is not written"):
            spamassassin_conf.plugin_text(path, content, [block])


@pytest.mark.parametrize("name", ["local.conf", "x.cf.bak", "prefs"])
def test_files_that_spamassassin_does_not_read(name):
    assert "SpamAssassin reads only files named" in refusal(name)


def test_complaints_of_lint_are_found():
    output = (
        "Nov 23 05:57:32.373 [26751] warn: config: failed to parse line in /x/90.cf (line 1): foo bar\n"
        "Nov 23 05:57:32.373 [26751] warn: config: failed to parse line in /x/90.cf (line 1): foo bar\n"
        "Nov 23 05:57:34.326 [26751] warn: lint: 2 issues detected, please rerun with debug enabled for more information\n"
    )
    assert spamassassin_conf.lint_verdict(1, output) == (["failed to parse line in /x/90.cf (line 1): foo bar"], [])
    assert spamassassin_conf.lint_verdict(1, "\n") == (["it gave no reason; run spamassassin --lint -D"], [])
    assert spamassassin_conf.lint_verdict(0, "") == ([], [])


def test_a_plugin_that_cannot_be_loaded_is_no_mere_warning():
    """Features 8.03."""
    output = "warn: plugin: failed to parse plugin (from @INC): Can't locate Mail/DKIM.pm\nwarn: something else\n"
    problem = "plugin: failed to parse plugin (from @INC): Can't locate Mail/DKIM.pm"
    assert spamassassin_conf.lint_verdict(0, output) == ([problem], ["something else"])
