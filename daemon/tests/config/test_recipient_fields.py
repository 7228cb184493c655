"""Settings of recipients from a data base (contract B3.02, B3.15 to B3.18)."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcordon.config.field_lookup import FIELDS, fields_of_recipients, sql_keys
from mailcordon.config.lookup_key import LookupKey
from mailcordon.config.policy import Policy, policies_for_mail
from mailcordon.config.policy_sources import sources_of
from mailcordon.config.recipient_fields import Asked, FieldKind, Ratings, RecipientFields, Row
from mailcordon.config.settings import Settings
from mailcordon.mail.category import Category, Major
from mailcordon.mail.message import Mail


@dataclass
class Table:
    """Rows in memory, which stand for `users` joined with `policy`; the last key of an address counts least."""

    users: Mapping[str, Row] = field(default_factory=dict)
    senders: Mapping[str, str] = field(default_factory=dict)
    asked: list[Sequence[Sequence[str]]] = field(default_factory=list)

    async def rows(self, recipients: Sequence[Asked]) -> Sequence[Sequence[Row]]:
        """As the protocol of a provider says."""
        self.asked.append([asked.keys for asked in recipients])
        return [[{"email": key, **self.users[key]} for key in of_one if key in self.users] for of_one in self.asked[-1]]

    async def ratings(self, found: Sequence[Sequence[Row]], senders: Sequence[Asked]) -> Sequence[Ratings]:
        """Every recipient has the same lists."""
        return [
            {asked.address: self.senders[key] for asked in senders for key in asked.keys[:1] if key in self.senders}
            for _ in found
        ]


@pytest.mark.parametrize(
    ("address", "is_local", "keys"),
    [
        (
            "User+Foo@Sub.Example.com",
            True,
            "user+foo@sub.example.com user@sub.example.com user+foo user @sub.example.com @.sub.example.com "
            "@.example.com @.com @.",
        ),
        (
            "user+foo@sub.example.com",
            False,
            "user+foo@sub.example.com user@sub.example.com @sub.example.com @.sub.example.com @.example.com @.com @.",
        ),
        ("user@a.test", True, "user@a.test user @a.test @.a.test @.test @."),
    ],
)
def test_keys(address: str, is_local: bool, keys: str) -> None:
    """Contract B3.15: in this order; local parts alone for local addresses only."""
    assert " ".join(sql_keys(LookupKey(address, "+"), is_local=is_local)) == keys


def test_keys_without_at_as_domains() -> None:
    """Contract B3.15: the switch changes keys without `@`."""
    keys = sql_keys(LookupKey("user+foo@sub.test", "+"), is_local=True, no_at_means_domain=True)
    assert " ".join(keys) == "user+foo@sub.test user@sub.test user+foo@ user@ sub.test .sub.test .test ."
    assert sql_keys(LookupKey(""), is_local=False, no_at_means_domain=True) == ("", "@", ".")


def test_null_sender_and_case() -> None:
    """Contract B3.15, B3.04."""
    assert sql_keys(LookupKey(""), is_local=False) == ("", "@", "@.")
    sensitive = sql_keys(LookupKey("Bob@A.test", case_sensitive=True), is_local=True)
    assert sensitive[:2] == ("Bob@a.test", "Bob")


@given(st.integers(1, 60))
def test_long_domains_have_few_keys(labels: int) -> None:
    """Contract B3.05, B3.15: at most 20 labels are tried."""
    keys = sql_keys(LookupKey("u@" + ".".join(["a"] * labels)), is_local=False)
    assert len([key for key in keys if key.startswith("@.")]) == min(labels, 20) + 1


@pytest.mark.parametrize(
    ("rows", "name", "kind", "expected"),
    [
        ([{"a": None}, {"a": "x"}, {"a": "y"}], "a", FieldKind.TEXT, "x"),
        ([{"a": ""}, {"a": "y"}], "a", FieldKind.TEXT, ""),
        ([{"b": "y"}], "a", FieldKind.TEXT, None),
        ([{"a": b"\xc3\xa4 "}], "a", FieldKind.TEXT, "ä "),
        ([{"a": 6}], "a", FieldKind.NUMBER, 6.0),
        ([{"a": "6.31 "}], "a", FieldKind.NUMBER, 6.31),
        ([{"a": "much"}], "a", FieldKind.NUMBER, None),
        ([], "a", FieldKind.TEXT, None),
    ],
)
def test_values(rows: list[Row], name: str, kind: FieldKind, expected: object) -> None:
    """Contract B3.16, B3.17: the first value that is not NULL, by its type."""
    assert RecipientFields(rows).value(name, kind) == expected


def test_trimming() -> None:
    """Contract B3.17: blanks at the end go where that is wanted."""
    assert RecipientFields([{"a": " x  "}], trim=True).value("a", FieldKind.TEXT) == " x"
    assert RecipientFields([{"a": " x  "}]).value("a", FieldKind.TEXT) == " x  "


@pytest.mark.parametrize("no", ["N", "n", "F", "f", "0", "\0", "", " ", b"N", "N ", 0, 0.0, False])
def test_no(no: object) -> None:
    """Contract B3.17."""
    assert RecipientFields([{"a": no}]).value("a", FieldKind.BOOLEAN) is False


@pytest.mark.parametrize("yes", ["Y", "y", "1", "T", "no", "x", b"Y", 1, True, 0.5])
def test_yes(yes: object) -> None:
    """Contract B3.17: all else."""
    assert RecipientFields([{"a": yes}]).value("a", FieldKind.BOOLEAN) is True


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], None),
        ([{"email": "bob@a.test"}], True),
        ([{"email": "@."}], None),
        ([{"email": b"@."}], None),
        ([{"email": "bob@a.test", "local": None}], None),
        ([{"email": "bob@a.test", "local": "N"}], False),
        ([{"email": "@.", "local": "Y"}], True),
        ([{"email": "bob@a.test", "local": None}, {"email": "@.a.test", "local": "Y"}], True),
    ],
)
def test_local(rows: list[Row], expected: bool | None) -> None:
    """Contract B3.17: a row makes a recipient local, unless it says something else or stands for everybody."""
    assert RecipientFields(rows).value("local", FieldKind.BOOLEAN) is expected


Judge = Callable[..., list[Policy]]


@pytest.fixture
def looked_up(make_settings: Callable[..., Settings], make_mail: Callable[..., Mail]) -> Judge:
    """The policies of recipients with a table of users, and how it was asked."""

    def run(table: Table, *recipients: str, **settings: object) -> list[Policy]:
        made = make_settings(**settings)
        mail = make_mail(b"From: a@b.test\r\n\r\n", recipients=recipients)
        fields = asyncio.run(fields_of_recipients(table, made, mail))
        return list(policies_for_mail(made, mail, fields))

    return run


def test_fields_come_before_the_configuration(looked_up: Judge) -> None:
    """Contract B3.02, B3.16: what the data base says wins, what it does not say is looked up in the tables."""
    table = Table(
        {
            "bob@example.test": {"spam_kill_level": 20, "virus_lover": "Y", "spam_tag2_level": None},
            "@.example.test": {"spam_kill_level": 5, "spam_tag2_level": 4, "spam_quarantine_to": ""},
            "@.": {"bypass_spam_checks": "N", "spam_subject_tag2": "[x] "},
        }
    )
    bob, eve, other = looked_up(
        table,
        "bob@example.test",
        "eve@example.test",
        "x@elsewhere.test",
        bypass_spam_checks=True,
        spam_kill_level={"hash": {"bob@example.test": 99, ".": 8}},
    )
    assert [policy.spam_kill_level for policy in (bob, eve, other)] == [20, 5, 8]
    assert [policy.spam_tag2_level for policy in (bob, eve, other)] == [4, 4, 6.31]
    assert [policy.loves(Category(Major.VIRUS)) for policy in (bob, eve, other)] == [True, False, False]
    assert [policy.quarantine_for(Category(Major.SPAM)) for policy in (bob, other)] == [None, "spam-quarantine"]
    assert not any(policy.bypass_spam_checks for policy in (bob, eve, other))
    assert [policy.is_local for policy in (bob, eve, other)] == [True, True, False]


def test_size_limit_of_a_recipient(looked_up: Judge) -> None:
    """Contract B2.04, B6.06: a number of octets, 0 for none, at least 64 KiB."""
    table = Table({"bob@example.test": {"message_size_limit": 0}, "eve@example.test": {"message_size_limit": 100}})
    policies = looked_up(table, *(f"{name}@example.test" for name in ("bob", "eve", "joe")), message_size_limit=70_000)
    assert [policy.is_oversized(65_537) for policy in policies] == [False, True, False]
    assert [policy.is_oversized(70_001) for policy in policies] == [False, True, True]


def test_a_row_makes_an_address_local(looked_up: Judge) -> None:
    """Contract B3.17: beyond local_domains; the twin has no row."""
    table = Table({"a@elsewhere.test": {}, "b@example.test": {"local": "N"}})
    policies = looked_up(table, "a@elsewhere.test", "b@elsewhere.test", "b@example.test", "c@example.test")
    assert [policy.is_local for policy in policies] == [True, False, False, True]


def test_one_question_for_a_message(looked_up: Judge) -> None:
    """Contract B3.18: whatever is looked up, and however many recipients there are."""
    table = Table()
    policies = looked_up(table, *(f"u{number}@example.test" for number in range(50)), "u0@example.test")
    assert len(table.asked) == 1
    assert len(table.asked[0]) == 50
    assert len(set(map(id, policies))) == 1


def test_local_parts_alone_only_where_the_configuration_says_local(looked_up: Judge) -> None:
    """Contract B3.15: by the configuration's own tables, whatever the data base says."""
    table = Table({"bob": {"spam_kill_level": 1}, "@elsewhere.test": {"local": "Y"}})
    here, there = looked_up(table, "bob@example.test", "bob@elsewhere.test")
    assert (here.spam_kill_level, there.spam_kill_level) == (1, 6.31)


def test_every_field_belongs_to_a_setting(make_settings: Callable[..., Settings]) -> None:
    """Contract B2.04, B3.02: a field without a lookup would be read and forgotten."""
    assert set(FIELDS) <= {*sources_of(make_settings()), "banned_filename"}
