"""Lookup tables (contracts B3)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcordon.config.lookup import AccessList, HashTable, Lookup, RegexpTable
from mailcordon.config.lookup_key import LookupKey
from mailcordon.config.lookup_parse import parse_lookup
from mailcordon.config.types import BOOLEANS, TEXTS


def hash_keys(address: str, delimiter: str) -> tuple[str, ...]:
    return LookupKey(address, delimiter).hash_keys


def test_hash_key_order_with_extension() -> None:
    """B3.05, features 10.12: the documented sequence for user+foo@sub.example.com."""
    assert list(hash_keys("User+Foo@Sub.Example.COM", "+")) == [
        "User+Foo@Sub.Example.COM",
        "user+foo@sub.example.com",
        "user@sub.example.com",
        "user+foo@",
        "user@",
        "sub.example.com",
        ".sub.example.com",
        ".example.com",
        ".com",
        ".",
    ]


def test_hash_key_order_without_delimiter() -> None:
    """B3.05: variants without extension only when a delimiter is configured."""
    assert "user@" not in list(hash_keys("user+foo@example.com", ""))


def test_no_more_than_twenty_labels_are_tried() -> None:
    """B3.05: the whole domain, then the last twenty labels and fewer; a hostile name costs no more."""
    labels = [f"l{number}" for number in range(300)]
    keys = list(hash_keys(f"a@{'.'.join(labels)}", ""))
    assert keys[:4] == [f"a@{'.'.join(labels)}"] * 2 + ["a@", ".".join(labels)]
    assert keys[4:] == ["." + ".".join(labels[first:]) for first in range(280, 300)] + ["."]


def test_null_sender_keys() -> None:
    """B3.07."""
    assert list(hash_keys("", "+")) == ["", "@", "."]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("bob@example.com", "domain"),
        ("bob@sub.example.com", "suffix"),
        ("bob@example.org", "suffix-org"),
        ("bob@deep.example.org", "suffix-org"),
        ("postmaster@nowhere.test", "local part"),
        ("bob@nowhere.test", None),
    ],
)
def test_domain_and_suffix(address: str, expected: str | None) -> None:
    """B3.06, features 10.12: `.domain` matches itself and its subdomains, `domain` only itself."""
    table = HashTable(
        {"example.com": "domain", ".example.com": "suffix", ".example.org": "suffix-org", "postmaster@": "local part"}
    )
    assert table.find(LookupKey(address, "+")) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("a@example.com", True),
        ("a@no.example.com", False),
        ("a@no.example.org", None),
        ("Carol@Example.NET", False),
        ("dave@example.net", True),
        ("a@notexample.com", None),
    ],
)
def test_access_list(address: str, expected: bool | None) -> None:
    """B3.12: first match wins, `!` means no, falling through is undefined."""
    table = AccessList(("!no.example.com", ".example.com", "!carol@example.net", "example.net"))
    assert table.find(LookupKey(address)) is expected


def test_access_list_dot_matches_all() -> None:
    """B3.12: `.` always matches, the null sender too."""
    assert AccessList((".",)).find(LookupKey("")) is True


def test_regexp_captures() -> None:
    """B3.13: `$1`, `${1}`, `$(1)` stand for captures; no implied anchors."""
    table = RegexpTable(((re.compile(r"(\w+)@(\w+)\.example"), "$1/${2}/$(1)"),))
    assert table.find(LookupKey("x.bob@mail.example.com")) == "bob/mail/bob"


@pytest.mark.parametrize(
    ("address", "expected"),
    [("Bob@a.test", True), ("bob@a.test", False), ("eve@b.test", None), ("eve@b.test.example", True), ("", None)],
)
def test_regexp_first_match_wins(address: str, expected: bool | None) -> None:
    """B3.13: a bare expression says 1; case counts, and nothing is anchored that does not say so."""
    raw = {"regexp": ["^Bob@", ["^bob@", False], r"@.*\.example", ["^Bob@", False]]}
    assert parse_lookup(raw, BOOLEANS).find(address) is expected


def test_undefined_asks_the_next_table() -> None:
    """B3.01."""
    lookup = Lookup((HashTable({"example.com": 1}), HashTable({".": 2})))
    assert [lookup.find("a@example.com"), lookup.find("a@other.test")] == [1, 2]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"hash": {}, "acl": []}, "exactly one key"),
        ({"hsah": {}}, "unknown or misshapen"),
        ({"regexp": ["("]}, "regular expression"),
        ({"regexp": [["a", 1, 2]]}, "pattern"),
        (["a.example"], "access list"),
    ],
)
def test_misshapen_tables_are_named(raw: object, message: str) -> None:
    """Bad input: one line that says what is wrong."""
    with pytest.raises(ValueError, match=message):
        parse_lookup(raw, TEXTS)


@given(st.text(alphabet="ab.@+", max_size=12), st.sampled_from(["", "+"]))
def test_hash_keys_never_fail(address: str, delimiter: str) -> None:
    """Any address has keys, the catch-all last (B3.05)."""
    assert list(hash_keys(address, delimiter))[-1] == "."


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"hash": {"example.test": "a", ".example.org": "b", ".": "c"}}, True),
        ({"hash": {"example.test": "a", "bob@example.test": "b"}}, False),
        ({"hash": {"example.test": "a", "bob@": "b"}}, False),
        ({"hash": {"example.test": "$1"}}, False),
        ({"regexp": [["@example", "a"]]}, False),
        ("everybody's", True),
        ([{"hash": {"example.test": "a"}}, {"regexp": [["^a", "b"]]}], False),
    ],
)
def test_what_the_domain_decides(table: object, expected: bool) -> None:
    """B3.05, B3.12, B3.13: such a lookup is made once for all recipients of a domain."""
    assert parse_lookup(table, TEXTS).is_by_domain is expected


def test_access_lists_that_the_domain_decides() -> None:
    """B3.12."""
    assert parse_lookup(["example.test", "!.example.org"], BOOLEANS).is_by_domain
    assert not parse_lookup(["example.test", "!bob@example.test"], BOOLEANS).is_by_domain
