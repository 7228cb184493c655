"""Recipients, policies and lists of senders in every kind of data base (contracts B2.01 to B2.05, B2.16, B2.17)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from databases import Database, make_database
from mailcordon.config.field_lookup import fields_of_recipients
from mailcordon.config.policy import Policy, policies_for_mail
from mailcordon.config.sender_rating import NEUTRAL, SenderRating
from mailcordon.config.settings import Settings
from mailcordon.errors import StoreError
from mailcordon.mail.category import Category, Major
from mailcordon.mail.message import Mail
from mailcordon.store.lookups import SqlFields
from mailcordon.store.migrate import Part

MakeMail = Callable[..., Mail]
MakeSettings = Callable[..., Settings]
MAIL = b"From: author@lists.example\r\n\r\n"
POLICIES = (
    "INSERT INTO policy (id, policy_name, spam_kill_level, bypass_virus_checks, virus_lover) VALUES"
    " (1, 'one', 3.5, 'N', 'Y'), (2, 'two', 9, '', NULL), (5, 'all', 20, 'Y', NULL)"
)


@dataclass
class Clock:
    """Time goes on when the test says so."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def add_users(database: Database, **users: tuple[int, int]) -> None:
    """Keys as keywords with `AT` for `@` and `_` for a dot: priority and policy; ids count from 11."""
    for number, (name, (priority, policy)) in enumerate(users.items(), start=11):
        key = name.replace("AT", "@").replace("_", ".")
        database.run(
            f"INSERT INTO users (id, priority, policy_id, email) VALUES ({number}, {priority}, {policy}, '{key}')"
        )


@pytest.fixture
def tables(database: Database) -> Database:
    """With three policies."""
    database.prepare(Part.LOOKUP)
    database.run(POLICIES)
    return database


@asynccontextmanager
async def asking(settings: Settings, clock: Callable[[], float] | None = None) -> AsyncIterator[SqlFields]:
    """A provider, closed in the end."""
    provider = SqlFields(settings, clock or Clock())
    try:
        yield provider
    finally:
        await asyncio.to_thread(provider.close)


async def policies(provider: SqlFields, settings: Settings, mail: Mail) -> tuple[Policy, ...]:
    """Those of the recipients, with what the data base knows."""
    return policies_for_mail(settings, mail, await fields_of_recipients(provider, settings, mail))


async def test_policies(tables: Database, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """B2.16, B3.02, B3.15, B3.16: the row with the highest priority counts, field by field, before static tables."""
    add_users(tables, bobATexample_test=(9, 1), ATexample_test=(5, 2), AT_=(0, 5))
    settings = make_settings(lookup_sql_dsn=[tables.url], spam_kill_level=6.31, bypass_virus_checks=True)
    mail = make_mail(MAIL, recipients=["Bob+x@Example.Test", "eve@example.test", "eve@elsewhere.example"])
    async with asking(settings) as provider:
        bob, eve, foreign = await policies(provider, settings.model_copy(update={"recipient_delimiter": "+"}), mail)
    assert (bob.spam_kill_level, bob.bypass_virus_checks, bob.loves(Category(Major.VIRUS))) == (3.5, False, True)
    # Modoboa writes an empty text, which is no.
    assert (eve.spam_kill_level, eve.bypass_virus_checks, eve.loves(Category(Major.VIRUS))) == (9.0, False, False)
    assert (foreign.spam_kill_level, foreign.bypass_virus_checks) == (20.0, True)
    assert (bob.is_local, eve.is_local, foreign.is_local) == (True, True, False)


async def test_banned_rules(tables: Database, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """B2.04, B12.01: policy.banned_rulenames of every row that matches, before the rules for everybody."""
    add_users(tables, bobATexample_test=(9, 1), ATexample_test=(5, 2), AT_=(0, 5))
    tables.run("UPDATE policy SET banned_rulenames = 'A,B' WHERE id = 1")
    tables.run("UPDATE policy SET banned_rulenames = 'C' WHERE id = 5")
    settings = make_settings(
        lookup_sql_dsn=[tables.url], banned_rules={name: [name] for name in "ABC"}, banned_filename_re=["D"]
    )
    async with asking(settings) as provider:
        found = await policies(provider, settings, make_mail(MAIL, recipients=["bob@example.test", "eve@example.test"]))
    assert [
        "".join(rule.expression.pattern for table in policy.banned.tables for rule in table.rules) for policy in found
    ] == ["ABCD", "CD"]


async def test_nobody_is_known(tables: Database, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """B3.02: static tables decide then."""
    settings = make_settings(lookup_sql_dsn=[tables.url], spam_kill_level=6.31)
    async with asking(settings) as provider:
        (policy,) = await policies(provider, settings, make_mail(MAIL))
    assert policy.spam_kill_level == 6.31


async def test_lists_of_senders(tables: Database, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """B2.03, B2.17: letters, blanks and points; the sender's most specific entry, the user's before the domain's."""
    add_users(tables, bobATexample_test=(9, 1), ATexample_test=(5, 2))
    tables.run(
        "INSERT INTO mailaddr (id, priority, email) VALUES (1, 9, 'white@a.example'), (2, 5, '@a.example'),"
        " (3, 9, 'soft@b.example'), (4, 9, 'blank@b.example'), (5, 1, '@b.example'), (6, 9, 'author@lists.example')",
        "INSERT INTO wblist (rid, sid, wb) VALUES (11, 1, 'W'), (11, 2, 'B'), (11, 3, '-2.5'), (11, 4, ' '),"
        " (12, 5, 'n'), (12, 6, '1')",
    )
    settings = make_settings(lookup_sql_dsn=[tables.url], blacklist_sender=["blank@b.example", "static.example"])
    async with asking(settings) as provider:

        async def rating(sender: str, recipient: str = "bob@example.test", text: bytes = b"\r\n") -> SenderRating:
            (policy,) = await policies(provider, settings, make_mail(text, sender=sender, recipients=[recipient]))
            return policy.sender

        assert await rating("white@a.example") == SenderRating(whitelisted=True)
        assert await rating("other@a.example") == SenderRating(blacklisted=True)
        assert await rating("soft@b.example") == SenderRating(points=-2.5)
        # A blank stops the search: neither the domain's list nor a static one counts.
        assert await rating("blank@b.example") == NEUTRAL
        assert await rating("other@b.example") == SenderRating(blacklisted=True)
        assert await rating("x@static.example") == SenderRating(blacklisted=True)
        assert await rating("x@c.example") == NEUTRAL
        assert await rating("soft@b.example", "eve@example.test") == SenderRating(blacklisted=True)
        # Each of the senders counts.
        assert await rating("x@c.example", "eve@example.test", MAIL) == SenderRating(points=1.0)


async def test_answers_are_remembered(tables: Database, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """B3.18: for a while, and for other messages, too; what was unknown as well."""
    add_users(tables, bobATexample_test=(9, 1))
    settings = make_settings(lookup_sql_dsn=[tables.url], spam_kill_level=6.31, lookup_sql_cache_ttl=60)
    mail = make_mail(MAIL, recipients=["bob@example.test", "eve@example.test"])
    clock = Clock()
    async with asking(settings, clock) as provider:

        async def levels() -> list[float | None]:
            return [policy.spam_kill_level for policy in await policies(provider, settings, mail)]

        assert await levels() == [3.5, 6.31]
        tables.run(
            "UPDATE policy SET spam_kill_level = 4",
            "INSERT INTO users (policy_id, email) VALUES (2, 'eve@example.test')",
        )
        clock.now += 59
        assert await levels() == [3.5, 6.31]
        clock.now += 2
        assert await levels() == [4.0, 4.0]


async def test_own_statements(tables: Database, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """B2.24, B2.25, features 5.49: each placeholder is a bound value, whatever stands in the address."""
    add_users(tables, bobATexample_test=(9, 1))
    statement = (
        "SELECT 'x' AS email, 1 AS id, %a AS virus_admin, %l AS spam_admin, %u AS banned_admin,"
        " %e AS bad_header_admin, %d AS newvirus_admin, '100%k?' AS spam_subject_tag2 FROM users WHERE email IN (%k)"
        " OR priority = 9"
    )
    if tables.kind == "postgresql":
        # It wants to know what the values are.
        for macro in ("%a", "%l", "%u", "%e", "%d"):
            statement = statement.replace(f"{macro} AS", f"CAST({macro} AS bytea) AS")
    settings = make_settings(lookup_sql_dsn=[tables.url], sql_clause={"sel_policy": statement}, recipient_delimiter="+")
    recipient = 'O\'Neil+"x"; DROP TABLE users@Example.Test'
    async with asking(settings) as provider:
        (policy,) = await policies(provider, settings, make_mail(MAIL, recipients=[recipient]))
    assert policy.admins[Major.VIRUS, None] == recipient
    assert policy.admins[Major.SPAM, None] == 'O\'Neil+"x"; DROP TABLE users'
    assert policy.admins[Major.BANNED, None] == "o'neil"
    assert policy.admins[Major.BAD_HEADER, None] == '+"x"; DROP TABLE users'
    assert policy.newvirus_admin == "example.test"
    assert policy.subject_tags[Major.SPAMMY, None] == "100%k?"
    assert tables.rows("SELECT count(*) FROM users") == [(1,)]


@pytest.mark.parametrize("allow_8bit", [True, False])
async def test_octets_that_are_no_text(
    allow_8bit: bool, database: Database, make_settings: MakeSettings, make_mail: MakeMail
) -> None:
    """Features 11.24, 11.31: an address that is no UTF-8 is not found, and the mail goes its way."""
    database.prepare(Part.LOOKUP, allow_8bit=allow_8bit)
    database.run(POLICIES)
    add_users(database, ATexample_test=(5, 2))
    settings = make_settings(lookup_sql_dsn=[database.url], sql_allow_8bit_address=allow_8bit)
    mail = make_mail(MAIL, sender="\udcff\udcfe@a.example", recipients=["b\udce4r\udc80\0@example.test"])
    async with asking(settings) as provider:
        (policy,) = await policies(provider, settings, mail)
    assert policy.spam_kill_level == 9.0


async def test_mail_waits_without_an_answer(
    make_settings: MakeSettings, make_mail: MakeMail, request: pytest.FixtureRequest
) -> None:
    """B2.30: it is not judged by other rules; no table is no answer either."""
    empty = make_database("sqlite", request)
    for url in (empty.url, "postgresql://nobody@127.0.0.1:1/none"):
        settings = make_settings(lookup_sql_dsn=[url])
        async with asking(settings) as provider:
            with pytest.raises(StoreError):
                await policies(provider, settings, make_mail(MAIL))


async def test_next_data_base_of_the_list(tables: Database, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """B2.26: the first that connects."""
    add_users(tables, bobATexample_test=(9, 1))
    settings = make_settings(lookup_sql_dsn=["postgresql://nobody@127.0.0.1:1/none", tables.url])
    async with asking(settings) as provider:
        (policy,) = await policies(provider, settings, make_mail(MAIL))
    assert policy.spam_kill_level == 3.5
