"""A data base that dies, is silent or refuses: nothing is lost or there twice, and nobody restarts (contract B2.30)."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from storing import MakeSettings, log_mail, outcome, running, sql_settings, until

from databases import Database, DatabaseServer, make_database
from mailcordon.errors import QuarantineError, StoreError
from mailcordon.mail.envelope import Session
from mailcordon.mail.finding import Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import QuarantineCopy
from mailcordon.store.migrate import Part
from mailcordon.store.pending import REFUSED, Pending

MakeMail = Callable[..., Mail]
MESSAGE = b"From: a@b.example\r\nSubject: s\r\n\r\nbody\r\n"


def finished(database: Database) -> list[str]:
    """The ids of all messages that are done with, each as often as it is there."""
    rows = database.rows(
        "SELECT msgs.mail_id FROM msgs JOIN msgrcpt ON msgs.mail_id = msgrcpt.mail_id WHERE msgs.content = 'C'"
    )
    return sorted(value if isinstance(value, str) else bytes(value).decode() for (value,) in rows)  # type: ignore[call-overload]


def files(settings_home: Path) -> list[Path]:
    """Those in which records wait."""
    directory = settings_home / "db" / "pending"
    return sorted(directory.iterdir()) if directory.exists() else []


async def test_killed_in_the_middle(
    own_server: DatabaseServer, make_settings: MakeSettings, make_mail: MakeMail, tmp_path: Path
) -> None:
    """The server is killed while mail goes on: with `spool` all of it passes and is there once in the end."""
    database = Database("own", own_server.create(), own_server).prepare(Part.LOG)
    settings = sql_settings(make_settings, database, storage_sql_failure="spool", sql_timeout=5)
    passed = []
    async with running(settings) as store:

        async def pass_mail(number: int) -> None:
            for _ in range(number):
                passed.append((await log_mail(store, settings, make_mail(MESSAGE))).mail_id)
                await asyncio.sleep(0)

        async def kill_and_start() -> None:
            await until(lambda: store.counters.messages > 50, "mail goes on")
            await asyncio.to_thread(own_server.kill)
            await until(lambda: store.counters.spooled > 20, "records wait in files")
            await asyncio.to_thread(own_server.start)

        await asyncio.gather(kill_and_start(), *(pass_mail(60) for _ in range(8)))
        while store.counters.spooled < 21:
            await pass_mail(5)
        await until(lambda: not files(tmp_path), "all files are written to the data base")
        assert store.counters.replayed >= 20
        # As good as new.
        await pass_mail(1)
    assert finished(database) == sorted(passed)
    assert files(tmp_path) == []


async def test_mail_waits(
    own_server: DatabaseServer, make_settings: MakeSettings, make_mail: MakeMail, tmp_path: Path
) -> None:
    """With `tempfail` the client keeps the mail while the server is dead, and what was delivered already is logged."""
    database = Database("own", own_server.create(), own_server).prepare(Part.LOG)
    settings = sql_settings(make_settings, database, sql_timeout=5)
    async with running(settings) as store:
        delivered = make_mail(MESSAGE)
        place = store.begin(delivered, settings)
        await place.settle(delivered)
        await asyncio.to_thread(own_server.kill)
        place.finish(delivered, settings, Findings(), outcome(delivered))
        with pytest.raises(StoreError):
            await log_mail(store, settings, make_mail(MESSAGE))
        # Known to be dead by now: nobody waits, and nothing is kept that nobody has.
        started = time.monotonic()
        with pytest.raises(StoreError):
            await log_mail(store, settings, make_mail(MESSAGE))
        with pytest.raises(QuarantineError):
            await place.keep(lambda: [b"copy"])
        assert time.monotonic() - started < 4
        await asyncio.to_thread(own_server.start)

        async def passes() -> str:
            while True:
                try:
                    return (await log_mail(store, settings, make_mail(MESSAGE))).mail_id
                except StoreError:
                    await asyncio.sleep(0.1)

        async with asyncio.timeout(60):
            later = await passes()
        await until(lambda: not files(tmp_path), "the delivered mail is in the log")
    assert finished(database) == sorted([delivered.mail_id, later])


async def test_silent_server(own_server: DatabaseServer, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """A server that takes connections and does nothing: the loop never waits, the mail no longer than `sql_timeout`."""
    database = Database("own", own_server.create(), own_server).prepare(Part.LOG)
    settings = sql_settings(make_settings, database, storage_sql_failure="spool", sql_timeout=2)
    longest = 0.0

    async def watch_loop() -> None:
        nonlocal longest
        while True:
            started = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - started)

    async with running(settings) as store:
        first = await log_mail(store, settings, make_mail(MESSAGE))
        await until(lambda: store.counters.messages == 1, "the first one is written")
        watcher = asyncio.create_task(watch_loop())
        own_server.suspend()
        try:
            mails = [make_mail(MESSAGE) for _ in range(20)]
            async with asyncio.timeout(30):
                await asyncio.gather(*(log_mail(store, settings, mail) for mail in mails))
            keep = store.begin(make_mail(MESSAGE), settings).keep(lambda: [b"copy"])
            with pytest.raises(QuarantineError):
                await keep
        finally:
            own_server.resume()
            watcher.cancel()
        await until(lambda: store.counters.messages == 21, "all are written")
    assert finished(database) == sorted([first.mail_id, *(mail.mail_id for mail in mails)])
    assert longest < 1.5


async def test_what_may_have_been_committed(
    database: Database, make_settings: MakeSettings, make_mail: MakeMail
) -> None:
    """A record that is written again, as after a lost answer to a COMMIT, is there once."""
    database.prepare(Part.LOG)
    settings = sql_settings(make_settings, database)
    mail = make_mail(MESSAGE)
    async with running(settings) as store:
        place = store.begin(mail, settings)
        await place.settle(mail)
        for _ in range(3):
            place.finish(mail, settings, Findings(), outcome(mail))
        for _ in range(2):
            await place.keep(lambda: [b"a" * 20000])
    assert finished(database) == [mail.mail_id]
    assert database.rows("SELECT chunk_ind FROM quarantine ORDER BY chunk_ind") == [(1,), (2,)]


async def test_files_of_another_process(
    database: Database, make_settings: MakeSettings, make_mail: MakeMail, tmp_path: Path
) -> None:
    """What a worker has left is written by the next one, an unreadable line in it told of and left out."""
    settings = sql_settings(make_settings, database, storage_sql_failure="spool")
    async with running(settings) as store:
        mails = [await log_mail(store, settings, make_mail(MESSAGE)) for _ in range(3)]
    assert files(tmp_path)
    with files(tmp_path)[0].open("a") as file:
        file.write("{half a line")
    database.prepare(Part.LOG)
    async with running(settings):
        await until(lambda: not files(tmp_path), "the files are written to the data base")
    assert finished(database) == sorted(mail.mail_id for mail in mails)


async def test_values_that_no_column_takes(
    database: Database, make_settings: MakeSettings, make_mail: MakeMail, tmp_path: Path
) -> None:
    """Features 11.24: whatever a stranger wrote, the mail is logged and nothing is refused."""
    database.prepare(Part.LOG)
    settings = sql_settings(make_settings, database)
    octets = (
        b"From: \xff\xfe\x00\xc3 <a@b.example>\r\nMessage-ID: <\xf0\x9f\x98\x80\x00\xff@x>\r\n"
        b"Subject: =?utf-8?b?8J+YgAD/?= =?no-such?q?=80?= " + b"\xf0\x9f\x98\x80" * 300 + b"\r\n\r\nbody\r\n"
    )
    sender, recipient = "\udcff\udcfe\0'\\x@b.example", "x" * 300 + "@\udcc3.example"
    session = Session(policy_banks=("B" * 300,))
    async with running(settings) as store:
        mail = await log_mail(
            store, settings, make_mail(octets, sender=sender, recipients=[recipient], session=session)
        )
        await until(lambda: store.counters.messages == 1, "it is written")
        assert store.counters.refused == 0
    assert finished(database) == [mail.mail_id]
    (email,) = database.rows("SELECT email FROM maddr WHERE id = (SELECT sid FROM msgs)")[0]
    # Features 11.26, B2.14.
    assert bytes(email) == b"\xff\xfe\0'\\x@b.example"  # type: ignore[call-overload]


async def test_addresses_in_ascii(database: Database, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """Features 11.23, 11.25, B2.28: without `sql_allow_8bit_address` columns of text, and `?` for what is not ASCII."""
    database.prepare(Part.LOG, allow_8bit=False)
    settings = sql_settings(make_settings, database, sql_allow_8bit_address=False)
    async with running(settings) as store:
        await log_mail(store, settings, make_mail(MESSAGE, sender="b\udce4\x01r@b.example"))
    assert ("b??r@b.example",) in database.rows("SELECT email FROM maddr")


async def test_record_that_is_refused(
    make_settings: MakeSettings, make_mail: MakeMail, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """What the data base will never take is kept for people, and does not hold up what follows."""
    database = make_database("postgresql", request).prepare(Part.LOG)
    database.run("ALTER TABLE msgrcpt ADD CHECK (smtp_resp <> 'never')")
    settings = sql_settings(make_settings, database)
    async with running(settings) as store:
        mail = make_mail(MESSAGE)
        place = store.begin(mail, settings)
        await place.settle(mail)
        done = outcome(mail)
        never = done.recipients[0].reply._replace(text="never")
        place.finish(mail, settings, Findings(), replace(done, recipients=(done.recipients[0]._replace(reply=never),)))
        other = await log_mail(store, settings, make_mail(MESSAGE))
        await until(lambda: store.counters.messages == 1, "the other one is written")
    assert finished(database) in ([other.mail_id], sorted([other.mail_id, mail.mail_id]))


async def test_interrupted_when_it_is_done(
    database: Database, make_settings: MakeSettings, make_mail: MakeMail
) -> None:
    """Patience ends just when the data base has answered: it is not taken for dead for ever."""
    database.prepare(Part.LOG)
    settings = sql_settings(make_settings, database)
    async with running(settings) as store:
        first = await log_mail(store, settings, make_mail(MESSAGE))
        await until(lambda: store.counters.messages == 1, "the first one is written")
        store._writer.interrupt("no answer within 1 s")
        await until(lambda: not store._writer.problem, "the data base is looked at again")
        second = await log_mail(store, settings, make_mail(MESSAGE))
    assert finished(database) == sorted([first.mail_id, second.mail_id])


async def test_locked_by_somebody_else(
    make_settings: MakeSettings, make_mail: MakeMail, request: pytest.FixtureRequest
) -> None:
    """SQLite: a writer that takes too long makes mail wait, and the store goes on afterwards."""
    database = make_database("sqlite", request).prepare(Part.LOG)
    settings = sql_settings(make_settings, database, sql_timeout=1)
    async with running(settings) as store:
        with closing(sqlite3.connect(database.url.removeprefix("sqlite:///"), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError):
                await log_mail(store, settings, make_mail(MESSAGE))
            other.execute("ROLLBACK")

        async with asyncio.timeout(60):
            while True:
                try:
                    mail = await log_mail(store, settings, make_mail(MESSAGE))
                    break
                except StoreError:
                    await asyncio.sleep(0.1)
    assert finished(database) == [mail.mail_id]


async def test_full_disk(
    make_settings: MakeSettings, make_mail: MakeMail, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """No room in the data base: copies are refused with 4xx, records wait in files and are written when there is."""
    database = make_database("sqlite", request).prepare(Part.LOG)
    settings = sql_settings(make_settings, database, storage_sql_failure="spool")
    async with running(settings) as store:
        await log_mail(store, settings, make_mail(MESSAGE))
        await until(lambda: store.counters.messages == 1, "the first one is written")
        connection = store._writer._connection
        assert connection is not None
        mail = make_mail(MESSAGE)
        place = store.begin(mail, settings)
        mail = await place.settle(mail)
        # SQLite's own limit stands for the disk's: the error is the same, "database or disk is full".
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
        connection.rollback()
        with pytest.raises(QuarantineError, match="full"):
            await place.keep(lambda: [b"x" * 1_000_000])
        place.finish(mail, settings, Findings(), outcome(mail, quarantine=[QuarantineCopy("f", "F")]))
        # The next connection knows no such limit.
        await until(lambda: store.counters.messages == 2, "the record is written")
    assert len(finished(database)) == 2


def test_pending_files(tmp_path: Path) -> None:
    """Only complete files count, and one that another process reads is left alone."""
    pending = Pending(tmp_path / "db" / "pending")
    assert pending.oldest() is None
    pending.add([])
    (pending.directory / ".half.tmp").touch()
    (pending.directory / f"x{REFUSED}").touch()
    file = pending.oldest()
    assert file is not None
    assert pending.oldest() is None
    file.remove()
    file.close()
    assert pending.oldest() is None
