"""Which rules of banned names hold for whom (contract B12.01, B12.03, B12.05; features 5.10)."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from refusals import refusals

from mailcordon.config.banned import BannedRules
from mailcordon.config.policy import policies_for, policy_for
from mailcordon.config.policy_banks import PolicyBanks, Regime
from mailcordon.config.recipient_fields import RecipientFields
from mailcordon.config.settings import Settings
from mailcordon.mail.envelope import Recipient

MakeSettings = Callable[..., Settings]

BOB, EVE = Recipient("bob@example.test"), Recipient("eve@example.test")


def expressions(rules: BannedRules) -> list[str]:
    """Every rule, in order."""
    return [rule.expression.pattern for table in rules.tables for rule in table.rules]


@pytest.fixture
def named(make_settings: MakeSettings) -> Callable[..., Settings]:
    """Settings with rules D by default, and tables A and B."""

    def make(banned_filename: Any, **more: Any) -> Settings:
        return make_settings(
            banned_filename_re=["d"], banned_rules={"A": ["a"], "B": ["b"]}, banned_filename=banned_filename, **more
        )

    return make


@pytest.mark.parametrize(
    ("lookup", "bob", "eve"),
    [
        ("DEFAULT", "d", "d"),
        ("A,B", "ab", "ab"),
        (" A, ,B  DEFAULT ", "abd", "abd"),
        ("", "", ""),
        ([], "", ""),
        ("undef", "", ""),
        ({"hash": {"bob@example.test": "A", ".": "DEFAULT"}}, "ad", "d"),
        ({"hash": {"bob@example.test": "A", "example.test": "B,A"}}, "ab", "ba"),
        ([{"hash": {"bob@example.test": "A"}}, "DEFAULT"], "ad", "d"),
        ([{"regexp": [["^bob@", "B"]]}, "A"], "ba", "a"),
        ({"hash": {"bob@example.test": {"regexp": ["x", ["y", False]]}}}, "xy", ""),
        ({"constant": {"regexp": ["x"]}}, "x", "x"),
        ({"constant": ["A", {"regexp": ["x"]}, "DEFAULT,B"]}, "axdb", "axdb"),
    ],
)
def test_names_and_tables(lookup: Any, bob: str, eve: str, named: Callable[..., Settings]) -> None:
    """Contract B12.01, B3.01: all that the lookup yields counts, the most specific entry first, each table once."""
    settings = named(lookup)
    policies = policies_for(settings, [BOB, EVE])
    assert ["".join(expressions(policy.banned)) for policy in policies] == [bob, eve]


def test_names_in_a_file(tmp_path: Path, named: Callable[..., Settings]) -> None:
    """Contract B3.11, B12.01: names as values of a table file."""
    (tmp_path / "banned").write_text("bob@example.test A,DEFAULT\n")
    settings = named({"hash_file": str(tmp_path / "banned")})
    assert expressions(policy_for(settings, BOB).banned) == ["a", "d"]
    assert not policy_for(settings, EVE).banned


def fields(*values: str | None) -> RecipientFields:
    return RecipientFields(tuple({"email": "@.", "banned_rulenames": value} for value in values))


@pytest.mark.parametrize(
    ("values", "rules"),
    [(("B",), "bd"), (("A, B",), "abd"), ((None,), "d"), (("B", None, "A"), "bad"), (("",), "d")],
)
def test_names_in_a_data_base(values: tuple[str | None, ...], rules: str, named: Callable[..., Settings]) -> None:
    """Contract B12.01, B2.04, B3.02: policy.banned_rulenames of each row, before what the configuration says."""
    (policy,) = policies_for(named("DEFAULT"), [BOB], fields=[fields(*values)])
    assert "".join(expressions(policy.banned)) == rules


def test_unknown_names_in_a_data_base(named: Callable[..., Settings], caplog: pytest.LogCaptureFixture) -> None:
    """Contract B12.01: ignored as amavisd does, but not in silence; the rules for everybody hold all the same."""
    with caplog.at_level(logging.WARNING):
        (policy,) = policies_for(named("DEFAULT"), [BOB], fields=[fields("NONE,A")])
    assert expressions(policy.banned) == ["a", "d"]
    assert caplog.messages == ["unknown banned table name NONE in banned_filename or a data base: ignored"]


def test_recipients_with_the_same_rules_share_them(named: Callable[..., Settings]) -> None:
    """B12.01: so that each set of rules is gone through once for a message."""
    settings = named({"hash": {"bob@example.test": "A", "eve@example.test": "A", "c@d.example": "B"}})
    bob, eve, other = policies_for(settings, [BOB, EVE, Recipient("c@d.example")])
    assert bob is eve
    assert bob.banned is not other.banned


def test_banks(make_settings: MakeSettings) -> None:
    """Features 10.01, 10.10, contract B4.07: softer rules for some mail, by name or by other rules under DEFAULT."""
    settings = make_settings(
        banned_filename_re=["d"],
        banned_rules={"A": ["a"]},
        policy_bank={
            "SOFT": {"banned_filename": "A"},
            "OTHER": {"banned_filename_re": ["o"], "banned_namepath_re": ["p"]},
            "NO": {"bypass_decode_parts": True},
        },
    )
    banks = PolicyBanks(settings)
    under = {
        name: policy_for(banks.load(Regime((), settings), [name]).settings, BOB).banned
        for name in ("", "SOFT", "OTHER", "NO")
    }
    assert {name: expressions(rules) for name, rules in under.items()} == {
        "": ["d"],
        "SOFT": ["a"],
        "OTHER": ["o"],
        "NO": [],
    }
    assert under["OTHER"].paths is not None
    assert not under["NO"]


def test_the_packaged_rules(make_settings: MakeSettings) -> None:
    """Contract B12.01, B12.05: Debian's rules for everybody, none about paths."""
    settings = make_settings()
    rules = policy_for(settings, BOB).banned
    assert len(expressions(rules)) == 7
    assert expressions(rules)[-1] == r"^\.(exe-ms)$"
    assert rules.paths is None


@pytest.mark.parametrize(
    ("wrong", "problem", "right"),
    [
        ("banned_filename_re = ['(']", "banned_filename_re: regular expression '(': ", "banned_filename_re = ['[(]']"),
        (
            "banned_filename_re = ['(a+)+$']",
            "banned_filename_re: regular expression '(a+)+$': it may take without end",
            "banned_filename_re = ['a+$']",
        ),
        (
            "banned_namepath_re = ['(.*\\t)*(.*\\t)*N=x']",
            "banned_namepath_re: regular expression '(.*\\\\t)*(.*\\\\t)*N=x': it may take without end",
            "banned_namepath_re = ['(?m)^(.*\\t)?N=x(\\t.*)?$']",
        ),
        (
            "banned_filename_re = 'exe'",
            "banned_filename_re: rules of banned names are a list",
            "banned_filename_re = []",
        ),
        (
            "banned_filename_re = [['a', true, 'b']]",
            "banned_filename_re: ['a', True, 'b'] is neither an expression nor",
            "banned_filename_re = [['a', true]]",
        ),
        (
            "banned_filename_re = [['a', '']]",
            "banned_filename_re: '' is no result",
            "banned_filename_re = [['a', '0']]",
        ),
        ("banned_filename_re = [['a', 2]]", "banned_filename_re: 2 is no result", "banned_filename_re = [['a', 0]]"),
        ("banned_filename_re = [['a', []]]", "banned_filename_re: [] is no result", "banned_filename_re = [['a', 1]]"),
        (
            "banned_filename = 'DEFALT'",
            "banned_filename: there are no rules 'DEFALT' in banned_rules; did you mean DEFAULT?",
            "banned_filename = 'DEFAULT'",
        ),
        (
            "banned_filename = [{hash = {'.x' = 'A,B'}}, 'DEFAULT']\n[banned_rules]\nA = ['a']",
            "banned_filename: there are no rules 'B' in banned_rules",
            "banned_filename = [{hash = {'.x' = 'A'}}, 'DEFAULT']\n[banned_rules]\nA = ['a']",
        ),
        (
            "[policy_bank.P]\nbanned_filename = {regexp = [['.', 'C']]}",
            "policy_bank.P.banned_filename: there are no rules 'C' in banned_rules",
            "[banned_rules]\nC = []\n[policy_bank.P]\nbanned_filename = {regexp = [['.', 'C']]}",
        ),
        ("banned_filename = 7", "banned_filename: 7 selects no rules", "banned_filename = ''"),
        (
            "[banned_rules]\nDEFAULT = ['a']",
            "banned_rules.DEFAULT: is the name of banned_filename_re",
            "[banned_rules]\nDEFAULTS = ['a']",
        ),
        ("[banned_rules]\n'A B' = ['a']", "banned_rules.A B: ", "[banned_rules]\nA_B = ['a']"),
        (
            "[policy_bank.P]\nbanned_rules = {}",
            "policy_bank.P.banned_rules: holds for the whole daemon",
            "[policy_bank.P]\nbanned_filename_re = []",
        ),
    ],
)
def test_what_is_wrong_is_refused(wrong: str, problem: str, right: str, tmp_path: Path) -> None:
    """Contract B12.01, B4.08: expressions that may take without end, shapes and names that mean nothing."""
    (found,) = refusals(tmp_path, wrong + "\n")
    assert found.startswith(problem)
    assert refusals(tmp_path, right + "\n") == []


def test_results(make_settings: MakeSettings) -> None:
    """Contract B12.02, B12.04: a bare expression bans; 0 and 1 as in Perl."""
    table = make_settings(banned_filename_re=["a", ["b", True], ["c", False], ["d", 0], ["e", 1], ["f", "DISCARD"]])
    assert [rule.result for rule in table.banned_filename_re.rules] == [True, True, False, False, True, "DISCARD"]
