# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The TOML writer: what it writes is what a TOML reader reads."""

from __future__ import annotations

import tomllib

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError
from ansible_collections.mailcordon.gateway.plugins.module_utils._toml import dumps


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"a": 1, "b": -2.5, "c": True, "d": "text", "e": []},
        {"large": 2**63 - 1, "small": -(2**63), "float": 1e300, "tiny": 5e-324, "round": 10000000000000000.0},
        {"quotes": 'a "b" \\ c', "control": "\x00\x01\t\n\r\x7f", "unicode": "Grüße \U0001f4e7", "empty": ""},
        {"list": [1, [2, "x"], {"k": None, "v": [True]}], "mixed": [{}, 1]},
        {"long": ["entry number %d" % number for number in range(40)]},
        {"key with blank": 1, "dotted.key": 2, "": 3, 'q"uote': {"ä": {"x": 1}}},
        {"policy_bank": {"MYNETS": {"originating": True, "inner": {"a": 1}}, "EMPTY": {}}},
        {"av_scanners": [{"name": "a", "nested": {"b": 1}, "more": [{"c": 1}, {"c": 2}]}, {}], "after": 1},
    ],
)
def test_a_reader_gets_back_what_was_written(settings):
    def without_null(value):
        if isinstance(value, dict):
            return {key: without_null(item) for key, item in value.items() if item is not None}
        return [without_null(item) for item in value] if isinstance(value, list) else value

    assert tomllib.loads(dumps(settings)) == without_null(settings)


def test_infinity_and_nan_are_toml_words():
    values = tomllib.loads(dumps({"a": float("inf"), "b": float("-inf"), "c": float("nan")}))
    assert values["a"] == float("inf") and values["b"] == float("-inf") and values["c"] != values["c"]


def test_the_order_of_the_input_does_not_matter():
    """A fragment that is merged in another order must not count as changed."""
    one = {"b": 1, "a": {"y": 1, "x": 2}, "c": [{"n": 1, "m": 2}]}
    other = {"c": [{"m": 2, "n": 1}], "a": {"x": 2, "y": 1}, "b": 1}
    assert dumps(one) == dumps(other)


def test_null_leaves_a_key_out():
    assert dumps({"a": None, "b": {"c": None}}) == ""


def test_a_long_list_is_written_with_one_entry_a_line():
    text = dumps({"domains": ["%d.example.com" % number for number in range(20)]})
    assert text.startswith("domains = [\n    \"0.example.com\",\n")
    assert max(len(line) for line in text.splitlines()) < 100


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"a": {"b": [1, None]}}, "a.b: a list cannot hold null"),
        ({"a": 2**63}, "a: 9223372036854775808 does not fit into 64 bits"),
        ({"a": {"b": object()}}, "a.b: TOML has no value for object"),
        ({"a": "\udce4"}, "a: holds bytes that are not UTF-8"),
        ({"\udce4": 1}, "holds bytes that are not UTF-8"),
    ],
)
def test_what_toml_cannot_hold_is_refused_with_its_key(settings, message):
    with pytest.raises(GatewayError, match=message.replace(".", r"\.")):
        dumps(settings)
