"""Who has written to whom, by every kind of data base (contracts B2.23, B16.01 to B16.03; features 11.09, 11.15)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from storing import MakeSettings, log_mail, outcome, running, sql_settings

from databases import Database, DatabaseServer, make_database
from mailcordon.config.settings import Settings
from mailcordon.mail.category import Category, Major
from mailcordon.mail.message import Mail
from mailcordon.mail.penpal import Letter, Question
from mailcordon.mail.verdict import Disposition
from mailcordon.store.migrate import Part
from mailcordon.store.penpals import MOST_RECIPIENTS, PAUSE, SqlPenPals, _shape_of
from mailcordon.store.store import Store

MakeMail = Callable[..., Mail]
BOB, ALICE, CAROL, DORA = "bob@example.test", "alice@remote.example", "carol@remote.example", "dora@remote.example"
FROM_ALICE = Question(ALICE)


@dataclass
class Clock:
    """Time goes on when the test says so."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def asking(settings: Settings, clock: Callable[[], float] | None = None) -> AsyncIterator[SqlPenPals]:
    """One that knows, closed in the end."""
    pals = SqlPenPals(settings, clock or Clock())
    try:
        yield pals
    finally:
        await pals.close()


async def ask(pals: SqlPenPals, question: Question, *recipients: str) -> Sequence[Letter | None] | None:
    """About BOB unless others are named."""
    return await pals.letters(question, recipients or (BOB,), log_id="04711-01")


@dataclass
class Post:
    """Sends mail through the store."""

    store: Store
    settings: Settings
    make_mail: MakeMail

    async def send(
        self, sender: str, *recipients: str, message_id: str = "m", mail_id: str = "", **result: Any
    ) -> Mail:
        """One message, delivered unless `result` says otherwise."""
        octets = f"From: x\r\nMessage-ID: <{message_id}@example.test>\r\n\r\n".encode()
        mail = self.make_mail(octets, sender=sender, recipients=recipients)
        if mail_id:
            mail = replace(mail, mail_id=mail_id)
        return await log_mail(self.store, self.settings, mail, outcome(mail, **result))


@asynccontextmanager
async def posting(settings: Settings, make_mail: MakeMail) -> AsyncIterator[Post]:
    """All is written in the end."""
    async with running(settings) as store:
        yield Post(store, settings, make_mail)


async def test_by_address(database: Database, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """B16.01, B16.03: who has written is known, whatever the case of the addresses; the other way round it is not."""
    database.prepare(Part.LOG)
    settings = sql_settings(make_settings, database)
    async with posting(settings, make_mail) as post:
        sent = await post.send("Bob@Example.test", ALICE)
        await post.send(ALICE, DORA)
    async with asking(settings) as pals:
        letter = Letter(int(sent.received_at.timestamp()), sent.mail_id)
        assert await ask(pals, Question("Alice@REMOTE.example"), "BOB@example.test", DORA) == [
            letter,
            None,
        ]
        assert await ask(pals, Question(BOB), ALICE) == [None]
        assert await ask(pals, Question(CAROL), BOB, "nobody@example.test") == [None, None]
        assert pals.counts == {
            "PenPalsAttempts": 5,
            "PenPalsAttemptsRid": 5,
            "PenPalsHits": 1,
            "PenPalsHitsRid": 1,
            "PenPalsMisses": 4,
        }


@pytest.mark.parametrize(
    "result",
    [
        {"disposition": Disposition.DISCARDED},
        {"disposition": Disposition.TEMP_FAILED},
        {"category": Category(Major.VIRUS)},
    ],
)
async def test_mail_that_does_not_count(
    result: dict[str, Any], database: Database, make_settings: MakeSettings, make_mail: MakeMail
) -> None:
    """B16.01, B2.23: it was not delivered, or had a virus; neither does mail that is still on its way."""
    database.prepare(Part.LOG)
    settings = sql_settings(make_settings, database)
    async with posting(settings, make_mail) as post:
        await post.send(BOB, ALICE, **result)
        mail = make_mail(b"From: x\r\n\r\n", sender=BOB, recipients=[ALICE])
        await post.store.begin(mail, settings).settle(mail)
        async with asking(settings) as pals:
            assert await ask(pals, FROM_ALICE) == [None]


async def test_by_message_id(database: Database, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """B16.02, B16.03, B2.23: an answer from another address; that to the same one is preferred, one's own is none."""
    database.prepare(Part.LOG)
    settings = sql_settings(make_settings, database)
    ids = tuple(f"<{name}@example.test>" for name in ("list", "own", "both"))
    async with posting(settings, make_mail) as post:
        listed = await post.send(BOB, "list@remote.example", message_id="list")
        await post.send(BOB, BOB, message_id="own")
        await post.send(CAROL, BOB, message_id="theirs")
        async with asking(settings) as pals:
            (letter,) = await ask(pals, Question(ALICE, ids)) or ()
            assert letter == Letter(int(listed.received_at.timestamp()), listed.mail_id, ids[0])
            assert await ask(pals, Question("", ids[1:2])) == [None]
            assert await ask(pals, Question("", ("<theirs@example.test>", "\udcff\0 odd"))) == [None]
            assert pals.counts["PenPalsHitsMid"] == 1
            assert "PenPalsHitsMidRid" not in pals.counts
            # Blocked, so that the address alone finds nothing; two recipients of one message.
            both = await post.send(BOB, CAROL, ALICE, message_id="both")
    async with asking(settings) as pals:
        assert await ask(pals, Question(ALICE, ids)) == [Letter(int(both.received_at.timestamp()), both.mail_id)]
        assert pals.counts["PenPalsHitsRid"] == 1
        letters = await ask(pals, Question("", ids[2:]))
        assert letters == [Letter(int(both.received_at.timestamp()), both.mail_id, ids[2])]
        assert pals.counts["PenPalsAttemptsRid"] == 1
        assert pals.counts["PenPalsAttemptsMid"] == 1


async def test_any_partition_tag(database: Database, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """Features 11.09, 11.15: tags do not matter, nor does an id that is another message's under another tag."""
    database.prepare(Part.LOG)
    settings = sql_settings(make_settings, database)
    old, new = (sql_settings(make_settings, database, partition_tag=tag) for tag in (7, 8))
    async with posting(old, make_mail) as post:
        sent = await post.send(BOB, ALICE)
    async with posting(new, make_mail) as post:
        await post.send(CAROL, DORA, mail_id=sent.mail_id)
    async with asking(settings) as pals:
        assert await ask(pals, FROM_ALICE) == [Letter(int(sent.received_at.timestamp()), sent.mail_id)]
        assert await ask(pals, Question(DORA)) == [None]
        (theirs,) = await ask(pals, Question(DORA), CAROL) or ()
        assert theirs is not None


async def test_statements_of_the_administrator(
    database: Database, make_settings: MakeSettings, make_mail: MakeMail
) -> None:
    """B2.23, B2.25, features 11.09: with the ids of one tag at a time; the latest message of all tags counts."""
    database.prepare(Part.LOG)
    join = "FROM msgs JOIN msgrcpt USING (partition_tag, mail_id) WHERE sid = ? AND"
    own = {
        "sel_penpals": f"SELECT time_num, mail_id, subject {join} rid = ? AND ds = 'P' ORDER BY time_num DESC",
        "sel_penpals_msgid": f"SELECT time_num, mail_id, '', message_id, rid {join} message_id IN (%m) AND rid > ?",
    }
    for tag, message_id in ((3, "first"), (4, "second")):
        async with posting(sql_settings(make_settings, database, partition_tag=tag), make_mail) as post:
            sent = await post.send(BOB, ALICE, message_id=message_id)
    database.run("UPDATE msgs SET time_num = time_num - 1000 WHERE partition_tag = 3")
    async with asking(sql_settings(make_settings, database, sql_clause=own)) as pals:
        seconds = int(sent.received_at.timestamp())
        assert await ask(pals, FROM_ALICE) == [Letter(seconds, sent.mail_id)]
        ids = ("<first@example.test>", "<second@example.test>")
        assert await ask(pals, Question("", ids)) == [Letter(seconds, sent.mail_id, ids[1])]
        assert await ask(pals, Question(ALICE, ids), CAROL) == [None]


async def test_hostile_addresses(database: Database, make_settings: MakeSettings) -> None:
    """Features 11.24: whatever octets an address has, the question has an answer; so it has for many recipients."""
    database.prepare(Part.LOG)
    odd = ("\udcff\udcfe@remote.example", "a\0b@remote.example", "'; DROP TABLE msgs; --@x", "x" * 5000, "%s%r@x")
    async with asking(sql_settings(make_settings, database)) as pals:
        for address in odd:
            assert await ask(pals, Question(address, odd), *odd) == [None] * len(odd)
        many = [f"user{number}@example.test" for number in range(3 * MOST_RECIPIENTS)]
        assert await ask(pals, FROM_ALICE, *many) == [None] * len(many)
        assert pals.counts["PenPalsAttempts"] == len(odd) ** 2 + MOST_RECIPIENTS


async def test_silent_server(own_server: DatabaseServer, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """It is not known who has written: after the time limit, at once for a while, and anew when the server is back."""
    database = Database("own", own_server.create(), own_server).prepare(Part.LOG)
    settings = sql_settings(make_settings, database, penpals_timeout=1)
    async with posting(settings, make_mail) as post:
        sent = await post.send(BOB, ALICE)
    known = [Letter(int(sent.received_at.timestamp()), sent.mail_id)]
    clock = Clock()
    async with asking(settings, clock) as pals:
        assert await ask(pals, FROM_ALICE) == known
        own_server.suspend()
        try:
            assert await ask(pals, FROM_ALICE) is None
        finally:
            own_server.resume()
        # The server would answer, but nobody asks.
        assert await ask(pals, FROM_ALICE) is None
        assert pals.counts["PenPalsAttemptFails"] == 2
        assert pals.counts["PenPalsAttempts"] == 1
        clock.now += PAUSE
        assert await ask(pals, FROM_ALICE) == known


async def test_dead_server(
    own_server: DatabaseServer,
    make_settings: MakeSettings,
    make_mail: MakeMail,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The same where nobody listens, and it is logged once while nobody asks."""
    database = Database("own", own_server.create(), own_server).prepare(Part.LOG)
    settings = sql_settings(make_settings, database)
    clock = Clock()
    async with asking(settings, clock) as pals:
        assert await ask(pals, FROM_ALICE) == [None]
        await asyncio.to_thread(own_server.kill)
        assert [await ask(pals, FROM_ALICE) for _ in range(3)] == [None] * 3
        assert [text for text in caplog.messages if "penpals: unknown" in text] == [
            text for text in caplog.messages if text.startswith("(04711-01) penpals: unknown")
        ]
        assert caplog.text.count("penpals: unknown") == 1
        await asyncio.to_thread(own_server.start)
        clock.now += PAUSE
        assert await ask(pals, FROM_ALICE) == [None]


async def test_tables_that_are_missing(
    request: pytest.FixtureRequest, make_settings: MakeSettings, caplog: pytest.LogCaptureFixture
) -> None:
    """A data base without tables knows nothing, and says so."""
    database = make_database("sqlite", request)
    async with asking(sql_settings(make_settings, database)) as pals:
        assert await ask(pals, FROM_ALICE) is None
    assert "mailcordon db upgrade" in caplog.text


async def test_plans_for_each_question(request: pytest.FixtureRequest) -> None:
    """PostgreSQL keeps no plan for the average sender: one who sends much would make everybody wait."""
    database = make_database("postgresql", request).prepare(Part.LOG)
    with database.connect() as connection:
        _shape_of(connection)
        assert connection.exec_driver_sql("SHOW plan_cache_mode").scalar() == "force_custom_plan"


async def test_index_for_addresses(database: Database) -> None:
    """Features 11.09: a data base that was made without it gets it."""
    database.prepare(Part.LOG)
    drop = "DROP INDEX maddr_idx_email" + (" ON maddr" if database.kind == "mariadb" else "")
    for statement in (drop, "UPDATE mailcordon_log_version SET version_num = 'log_0001'"):
        database.run(statement)
    database.prepare(Part.LOG)
    database.run(drop)
