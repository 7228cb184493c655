# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""main.cf: parse, compare, change (features 4.02, contracts B20.01)."""

from __future__ import annotations

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils import _postfix_main as postfix_main
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError

MAIN_CF = """\
# A comment about the name

myhostname = mail.example.com
mynetworks = 127.0.0.0/8
# between two lines of one parameter
    [::1]/128

  # an indented comment
relayhost =
message_size_limit=10240000
"""


def test_parse_joins_continued_lines_and_skips_comments():
    assert postfix_main.parse(MAIN_CF) == {
        "myhostname": "mail.example.com",
        "mynetworks": "127.0.0.0/8 [::1]/128",
        "relayhost": "",
        "message_size_limit": "10240000",
    }


def test_of_several_lines_for_one_parameter_the_last_counts():
    assert postfix_main.parse("a = 1\nb = 2\na = 3\n") == {"a": "3", "b": "2"}


def test_values_are_written_as_postfix_writes_them():
    wanted = postfix_main.normalise({"a": True, "b": False, "c": 5, "d": ["x", "y"], "e": None, "f": " x\n  y ", "g": ""})
    assert wanted == {"a": "yes", "b": "no", "c": "5", "d": "x, y", "e": None, "f": "x y", "g": ""}


def test_bad_names_and_values_are_refused_together():
    with pytest.raises(GatewayError, match="'a b' is no name of a parameter; c: takes a value or a list"):
        postfix_main.normalise({"a b": 1, "c": {"d": 1}})


def test_what_is_already_there_keeps_its_layout():
    """Idempotence: the amount of white space does not count."""
    wanted = {"mynetworks": "127.0.0.0/8 [::1]/128", "message_size_limit": "10240000", "absent": None}
    assert postfix_main.changes(MAIN_CF, wanted) == []
    assert postfix_main.apply(MAIN_CF, wanted) == MAIN_CF


def test_a_value_changes_in_place_and_comments_stay():
    changed = postfix_main.apply(MAIN_CF, {"mynetworks": "10.0.0.0/8"})
    assert changed == MAIN_CF.replace("127.0.0.0/8\n", "10.0.0.0/8\n").replace("    [::1]/128\n", "")


def test_a_new_parameter_comes_to_the_end():
    wanted = {"content_filter": "amavisfeed:[127.0.0.1]:10024"}
    changed = postfix_main.apply(MAIN_CF, wanted)
    assert changed == MAIN_CF + "content_filter = amavisfeed:[127.0.0.1]:10024\n"
    assert postfix_main.changes(changed, wanted) == []


def test_null_removes_every_line_of_a_parameter():
    assert postfix_main.apply("a = 1\nb = 2\n  3\na = 4\n", {"a": None}) == "b = 2\n  3\n"


def test_an_empty_value_is_not_a_removal():
    """Features 4.07: parameters that must be there and empty."""
    assert postfix_main.apply("content_filter = x\n", {"content_filter": ""}) == "content_filter =\n"


def test_double_lines_become_one():
    assert postfix_main.apply("a = 1\nb = 2\na = 3\n", {"a": "4"}) == "b = 2\na = 4\n"


def test_a_file_that_does_not_exist_yet():
    """Check mode before Postfix is installed."""
    assert postfix_main.apply("", {"a": "1", "b": None}) == "a = 1\n"


OVERRIDES = "receive_override_options = no_milters,\n    no_unknown_recipient_checks\n"


def test_members_join_those_that_are_there():
    """B20.03: no_address_mappings beside what the administrator overrides."""
    wanted = postfix_main.with_members(OVERRIDES, {"receive_override_options": ["no_address_mappings", "no_milters"]}, True)
    assert wanted == {"receive_override_options": "no_milters, no_unknown_recipient_checks, no_address_mappings"}
    after = postfix_main.apply(OVERRIDES, wanted)
    assert postfix_main.with_members(after, {"receive_override_options": ["no_address_mappings"]}, True) == {}
    gone = postfix_main.with_members(after, {"receive_override_options": "no_address_mappings"}, False)
    assert gone == {"receive_override_options": "no_milters, no_unknown_recipient_checks"}


def test_a_list_that_loses_its_last_member_goes():
    made = postfix_main.with_members("", {"receive_override_options": ["no_address_mappings"]}, True)
    assert made == {"receive_override_options": "no_address_mappings"}
    text = postfix_main.apply("", made)
    gone = postfix_main.with_members(text, {"receive_override_options": ["no_address_mappings"]}, False)
    assert gone == {"receive_override_options": None}
    assert postfix_main.apply(text, gone) == ""
    assert postfix_main.with_members("", {"receive_override_options": ["no_address_mappings"]}, False) == {}


def test_members_that_are_no_words_are_refused_together():
    with pytest.raises(GatewayError) as caught:
        postfix_main.with_members("b = { c d }\n", {"a": ["x y", "z,"], "b": ["c"], "d e": "f"}, True)
    assert str(caught.value) == (
        "a: 'x y' is not one word; a: 'z,' is not one word; b = { c d }: has braces, set it as a whole; "
        "'d e' is no name of a parameter"
    )
