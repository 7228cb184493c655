"""The rows of messages in every kind of data base (contracts B2.06 to B2.11, B2.27 to B2.29)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from storing import MakeSettings, log_mail, outcome, running, sql_settings

from databases import Database
from mailcordon.errors import QuarantineError, StoreError
from mailcordon.mail.category import Category, Major
from mailcordon.mail.envelope import Client, Session
from mailcordon.mail.finding import Findings, SpamScore
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import Disposition, QuarantineCopy
from mailcordon.store.migrate import Part

MakeMail = Callable[..., Mail]
MESSAGE = (
    b"From: =?utf-8?q?B=C3=A4rbel?= <baerbel@sender.example>\r\nMessage-ID: <m1@sender.example>\r\n"
    b"Subject: =?utf-8?b?R3LDvMOfZQ==?= an alle\r\n\r\nbody\r\n"
)


def text(value: object) -> object:
    """Octets as text: which columns have them differs by data base."""
    return bytes(value).decode() if isinstance(value, (bytes, memoryview)) else value


async def test_rows_of_a_message(database: Database, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """B2.06 to B2.08, B2.10, B2.28: every value of the three tables."""
    database.prepare(Part.LOG)
    settings = sql_settings(make_settings, database)
    session = Session(
        policy_banks=("MYNETS", "ORIG"), originating=True, client=Client(name="h", addr="192.0.2.7", port=5)
    )
    mail = make_mail(
        MESSAGE,
        sender="Alice@Sub.Sender.Example",
        recipients=("Bob@example.test", "carol@example.test"),
        session=session,
    )
    result = outcome(
        mail,
        Disposition.BOUNCED,
        [QuarantineCopy("spam/x.gz", "Z")],
        Category(Major.SPAM),
        score=12.5,
        blacklisted=True,
    )
    async with running(settings) as store:
        place = store.begin(mail, settings)
        mail = await place.settle(mail)
        findings = Findings(spam=SpamScore(10.25), points=(("AM.X", 1.0),))
        place.finish(mail, settings, findings, result)
    (message,) = database.rows(
        "SELECT partition_tag, mail_id, am_id, time_num, policy, client_addr, size, originating, content, quar_type,"
        " quar_loc, dsn_sent, spam_level, message_id, from_addr, subject, host, sid, time_iso, secret_id FROM msgs"
    )
    seconds = int(mail.received_at.timestamp())
    assert [text(value) for value in message[:17]] == [
        0,
        mail.mail_id,
        "04711-01",
        seconds,
        "MYNETS/ORIG",
        "192.0.2.7",
        len(MESSAGE),
        "Y",
        "S",
        "Z",
        "spam/x.gz",
        "N",
        pytest.approx(11.25),
        "<m1@sender.example>",
        "Bärbel <baerbel@sender.example>",
        "Grüße an alle",
        "gate.example.test",
    ]
    moment = datetime.fromtimestamp(seconds, UTC)
    assert message[18] == (moment if database.kind == "postgresql" else f"{moment:%Y%m%dT%H%M%SZ}")
    assert len(str(text(message[19]))) == 12
    assert text(message[19]) != mail.mail_id
    addresses = {
        row[0]: [text(value) for value in row[1:]]
        for row in database.rows("SELECT id, email, domain, partition_tag FROM maddr")
    }
    assert addresses[message[17]] == ["alice@sub.sender.example", "example.sender.sub", 0]
    rows = database.rows(
        "SELECT rid, mail_id, rseqnum, is_local, content, ds, rs, bl, wl, bspam_level, smtp_resp FROM msgrcpt"
        " ORDER BY rseqnum"
    )
    assert [addresses[row[0]][0] for row in rows] == ["bob@example.test", "carol@example.test"]
    reply = str(result.reply)
    # MariaDB gives back a CHAR without its blanks.
    untouched = "" if database.kind == "mariadb" else " "
    for number, row in enumerate(rows, start=1):
        values = [text(value) for value in row[1:]]
        assert values == [mail.mail_id, number, "Y", "S", "B", untouched, "Y", "N", 12.5, reply]


async def test_row_is_unfinished_while_the_mail_is_checked(
    database: Database, make_settings: MakeSettings, make_mail: MakeMail
) -> None:
    """B2.11, B2.27: the row is there before anything is done, without content; one that is given up goes."""
    database.prepare(Part.LOG)
    settings = sql_settings(make_settings, database)
    async with running(settings) as store:
        mail = make_mail(MESSAGE)
        place = store.begin(mail, settings)
        await place.settle(mail)
        assert database.rows("SELECT content FROM msgs") == [(None,)]
        place.abandon()
        other = await log_mail(store, settings, make_mail(MESSAGE))
    assert [text(row[0]) for row in database.rows("SELECT mail_id FROM msgs")] == [other.mail_id]


async def test_address_is_stored_once(database: Database, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """B2.06: whatever its case, and once more for each tag (features 11.05)."""
    database.prepare(Part.LOG)
    settings = sql_settings(make_settings, database)
    tagged = sql_settings(make_settings, database, partition_tag=7)
    async with running(settings) as store:
        for address in ("Bob@Example.Test", "bob@example.test"):
            await log_mail(store, settings, make_mail(MESSAGE, sender=address, recipients=(address, "x@y.example")))
        await log_mail(store, tagged, make_mail(MESSAGE, sender="bob@example.test", recipients=("x@y.example",)))
    rows = [(text(email), tag) for email, tag in database.rows("SELECT email, partition_tag FROM maddr ORDER BY id")]
    assert sorted(rows) == [("bob@example.test", 0), ("bob@example.test", 7), ("x@y.example", 0), ("x@y.example", 7)]
    dangling = database.rows(
        "SELECT count(*) FROM msgs LEFT JOIN maddr ON maddr.id = msgs.sid AND maddr.partition_tag = msgs.partition_tag"
        " WHERE maddr.id IS NULL"
    )
    assert dangling == [(0,)]


async def test_id_that_is_taken(database: Database, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """B2.27, features 11.17: a message whose id another one has gets a new one, and it is counted."""
    database.prepare(Part.LOG)
    settings = sql_settings(make_settings, database)
    async with running(settings) as store:
        first = await log_mail(store, settings, make_mail(MESSAGE))
        second = await log_mail(store, settings, replace(make_mail(MESSAGE), mail_id=first.mail_id))
        assert second.mail_id != first.mail_id
        assert store.counters.gen_mail_id_retries == 1
    ids = {text(row[0]) for row in database.rows("SELECT mail_id FROM msgs WHERE content = 'C'")}
    assert ids == {first.mail_id, second.mail_id}


async def test_ids_differ_by_case(database: Database, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """B2.14, features 11.21, 18.14."""
    database.prepare(Part.LOG)
    settings = sql_settings(make_settings, database)
    async with running(settings) as store:
        for mail_id in ("abcdefABCDEF", "ABCDEFabcdef"):
            mail = replace(make_mail(MESSAGE), mail_id=mail_id)
            place = store.begin(mail, settings)
            await place.settle(mail)
            await place.keep(lambda mail_id=mail_id: [mail_id.encode()])  # type: ignore[misc]
            place.finish(mail, settings, Findings(), outcome(mail))
        assert store.counters.gen_mail_id_retries == 0
        found: list[bytes] = []
        await store.quarantine_reader.copy("0", "abcdefABCDEF", found.append)
        assert found == [b"abcdefABCDEF"]
        assert await store.quarantine_reader.tags("abcdefabcdef") == []


@pytest.mark.parametrize("size", [0, 1, 16384, 16385, 2_000_000])
async def test_copy_in_chunks(size: int, database: Database, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """B2.09, B2.29, checklist 32: chunks of 16384 octets from number 1 in order, octet for octet."""
    database.prepare(Part.LOG)
    settings = sql_settings(make_settings, database, partition_tag=25)
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    async with running(settings) as store:
        mail = make_mail(MESSAGE)
        place = store.begin(mail, settings)
        mail = await place.settle(mail)
        # Features 12.08, B10.08.
        assert await place.keep(lambda: [content[:100], content[100:]]) == f"{mail.mail_id}[25]"
        # Durable by now: another connection sees all of it.
        rows = database.rows("SELECT chunk_ind, length(mail_text), partition_tag FROM quarantine ORDER BY chunk_ind")
        full, rest = divmod(size, 16384)
        expected = [16384] * full + ([rest] if rest or not full else [])
        assert rows == [(number, length, 25) for number, length in enumerate(expected, start=1)]
        found: list[bytes] = []
        assert await store.quarantine_reader.tags(mail.mail_id) == ["25"]
        assert await store.quarantine_reader.copy("25", mail.mail_id, found.append) == size
        assert b"".join(found) == content
        place.finish(mail, settings, Findings(), outcome(mail, quarantine=[QuarantineCopy(mail.mail_id, "Q")]))


async def test_reader_tells_of_a_message(database: Database, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """B2.22: what a release needs to know."""
    database.prepare(Part.LOG)
    settings = sql_settings(make_settings, database)
    async with running(settings) as store:
        mail = make_mail(MESSAGE, sender="", recipients=("b@example.test", "a@example.test"))
        await log_mail(store, settings, mail, outcome(mail, quarantine=[QuarantineCopy("v/x", "F")]))
        while (found := await store.quarantine_reader.message("0", mail.mail_id)) is None or not found.content:
            pass
        assert (found.quar_type, found.quar_loc, found.content, found.sender) == ("F", "v/x", "C", "")
        assert found.recipients == ("b@example.test", "a@example.test")
        assert len(found.secret_id) == 12
        assert await store.quarantine_reader.message("1", mail.mail_id) is None


async def test_only_quarantined_mail(database: Database, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """B2.27: `sql_store_info_for_all_msgs` off."""
    database.prepare(Part.LOG)
    settings = sql_settings(make_settings, database, sql_store_info_for_all_msgs=False)
    async with running(settings) as store:
        await log_mail(store, settings, make_mail(MESSAGE))
        in_file = make_mail(MESSAGE)
        await log_mail(store, settings, in_file, outcome(in_file, quarantine=[QuarantineCopy("v/x", "F")]))
        mail = make_mail(MESSAGE)
        place = store.begin(mail, settings)
        mail = await place.settle(mail)
        location = await place.keep(lambda: [b"copy"])
        place.finish(mail, settings, Findings(), outcome(mail, quarantine=[QuarantineCopy(location, "Q")]))
    rows = database.rows("SELECT mail_id, quar_type, content FROM msgs")
    assert {tuple(map(text, row)) for row in rows} == {(in_file.mail_id, "F", "C"), (mail.mail_id, "Q", "C")}


async def test_taken_id_in_quarantine(database: Database, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """Features 11.17: a copy is never added to another message; the client brings it again, under a new id."""
    database.prepare(Part.LOG)
    settings = sql_settings(make_settings, database, sql_store_info_for_all_msgs=False)
    async with running(settings) as store:
        first = make_mail(MESSAGE)
        await store.begin(first, settings).keep(lambda: [b"first"])
        other = replace(make_mail(MESSAGE), mail_id=first.mail_id)
        with pytest.raises(QuarantineError, match="another message"):
            await store.begin(other, settings).keep(lambda: [b"second"])
        found: list[bytes] = []
        await store.quarantine_reader.copy("0", first.mail_id, found.append)
        assert found == [b"first"]


async def test_database_without_tables(database: Database, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """The client hears what to do about it."""
    settings = sql_settings(make_settings, database)
    async with running(settings) as store:
        mail = make_mail(MESSAGE)
        place = store.begin(mail, settings)
        with pytest.raises(StoreError, match="mailcordon db upgrade"):
            await place.settle(mail)
