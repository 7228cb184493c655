"""Old messages, and rows that belong to none, leave every kind of data base (contracts B2.11, B2.32; features 11.05,
11.07, 18.20)."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

import pytest
from purging import MakeMail, filled, text
from storing import MakeSettings, until

from commands import MakeCommand
from databases import Database
from mailcordon.mail.category import Category, Major
from mailcordon.store.engine import Databases
from mailcordon.store.purge import AT_A_TIME, Purge, Purged
from mailcordon.store.retention import Retention

VIRUS, SPAM = Category(Major.VIRUS), Category(Major.SPAM)


async def test_old_messages_go_with_all_that_is_theirs(
    database: Database, make_settings: MakeSettings, make_mail: MakeMail
) -> None:
    """B2.32, features 18.20: by the retention of the log, or of the copy where that is longer."""
    retention = {"sql_log_retention_days": 10, "quarantine_retention_days": 20}
    retention["quarantine_retention_days_by_ccat"] = {"VIRUS": 30, "CLEAN": 0, "SPAM": 5}  # type: ignore[assignment]
    async with filled(database, make_settings, make_mail, **retention) as log:
        for sender in ("once@sender.example", "twice@sender.example"):
            await log.add(11, sender=sender)
        stay = {
            await log.add(9, sender="twice@sender.example"),
            await log.add(29, category=VIRUS, kind="F"),
            await log.add(29, category=VIRUS, kind="Q"),
            await log.add(400, kind="Q"),
        }
        await log.add(31, category=VIRUS, kind="Z")
        await log.add(31, category=VIRUS, kind="Q")
        await log.add(11, category=SPAM, kind="Q")
        # What was sent away as mail is no matter of ours.
        await log.add(11, category=VIRUS, kind="M")
        spam = await log.add(6, category=SPAM, kind="Q")
        file = await log.add(6, category=SPAM, kind="F")
    before = log.counts()
    expected = Purged(messages=6, copies=1, addresses=0)
    assert replace(log.purge(dry_run=True), addresses=0) == expected
    assert log.counts() == before
    assert log.purge() == replace(expected, addresses=1)
    assert log.ids() == stay | {spam, file}
    kinds = {
        text(row[0]): (text(row[1]).strip(), text(row[2]))
        for row in database.rows("SELECT mail_id, quar_type, quar_loc FROM msgs")
    }
    assert kinds[spam] == ("", "")
    assert kinds[file] == ("F", file)
    assert log.counts() == {"maddr": 3, "msgs": 6, "msgrcpt": 6, "quarantine": 6}
    assert log.purge() == Purged()


async def test_nothing_goes_without_a_retention(
    database: Database, make_settings: MakeSettings, make_mail: MakeMail
) -> None:
    """Features 18.20: 0 means for ever."""
    for_ever = {"sql_log_retention_days": 0, "quarantine_retention_days": 0}
    async with filled(database, make_settings, make_mail, **for_ever) as log:
        await log.add(10_000)
        await log.add(10_000, category=VIRUS, kind="Q")
    assert log.purge() == Purged()
    assert len(log.ids()) == 2


async def test_unfinished_messages_and_orphans(
    database: Database, make_settings: MakeSettings, make_mail: MakeMail
) -> None:
    """B2.11: a message without an end goes soon, but not its copy, which may be the only one there is."""
    async with filled(database, make_settings, make_mail) as log:
        await log.add(0.1, is_finished=False)
        kept = await log.add(0.1, is_finished=False, kind="Q")
        new = await log.add(0, is_finished=False)
        lone = [await log.add(0, kind="Q") for _ in range(3)]
    marks = ", ".join(f"'{mail_id}'" for mail_id in lone)
    database.run(f"DELETE FROM msgs WHERE mail_id IN ({marks})")
    assert log.purge(dry_run=True) == Purged(unfinished=1, orphans=6)
    assert log.purge() == Purged(unfinished=1, orphans=6, addresses=1)
    assert log.ids() == {kept, new}
    assert log.counts() == {"maddr": 1, "msgs": 2, "msgrcpt": 0, "quarantine": 3}


async def test_more_than_one_transaction(database: Database, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """All go, however many were received at the same time, and whatever stays among them."""
    retention = {"sql_log_retention_days": 20, "quarantine_retention_days": 40}
    async with filled(database, make_settings, make_mail, **retention) as log:
        await log.add(30, kind="F")
        await log.add(30)
    columns = "am_id, time_num, time_iso, sid, size, host, content, quar_type"
    number = AT_A_TIME + 10
    database.run(
        *(
            f"INSERT INTO msgs (partition_tag, mail_id, {columns})"
            f" SELECT partition_tag, '{kind}{place:09d}', {columns} FROM msgs WHERE quar_type = '{value}' LIMIT 1"
            for place in range(number)
            for kind, value in (("old", " "), ("kept", "F"))
        )
    )
    assert len(log.ids()) == 2 * (number + 1)
    assert log.purge() == Purged(messages=number + 1)
    assert sum(mail_id.startswith("old") for mail_id in log.ids()) == 0
    assert len(log.ids()) == number + 1


async def test_address_that_is_used_again(database: Database, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """B2.32, features 11.05: while addresses are purged none is removed that a message refers to."""
    async with filled(database, make_settings, make_mail) as log:
        for number in range(300):
            await log.add(30, sender=f"s{number}@sender.example")
        await until(lambda: log.store.counters.messages == 300, "all are written")
        purged = await _beside(log.purge, [log.add(0, sender=f"s{number}@sender.example") for number in range(300)])
    assert purged.messages == 300
    dangling = database.rows(
        "SELECT sid FROM msgs WHERE NOT EXISTS (SELECT 1 FROM maddr WHERE maddr.id = msgs.sid)"
        " UNION SELECT rid FROM msgrcpt WHERE NOT EXISTS (SELECT 1 FROM maddr WHERE maddr.id = msgrcpt.rid)"
    )
    assert dangling == []
    assert len(log.ids()) == 300


async def _beside(work: Callable[[], Purged], others: Iterable[Awaitable[str]]) -> Purged:
    """Carry it out in a thread while the others are awaited."""
    purging = asyncio.create_task(asyncio.to_thread(work))
    await asyncio.gather(*others)
    return await purging


@pytest.mark.parametrize("dry_run", [True, False])
async def test_one_tag(database: Database, make_settings: MakeSettings, make_mail: MakeMail, *, dry_run: bool) -> None:
    """Features 11.05, 11.07: all of one tag goes, new as it is, and nothing dangles; other tags stay."""
    async with filled(database, make_settings, make_mail) as log:
        await log.add(1, kind="Q", tag="7")
        other = await log.add(1, kind="Q", tag="8")
    source = [database.source]
    with (
        Databases(source, timeout=30, read_only=True).connect() as reader,
        Databases(source, timeout=30).connect() as writer,
    ):
        purge = Purge(reader, writer, Retention.at(int(time.time()), log.settings), dry_run=dry_run)
        purge.tag("7")
        purge.addresses()
    assert purge.purged == Purged(messages=1, addresses=0 if dry_run else 2)
    if not dry_run:
        assert log.ids() == {other}
        assert log.counts() == {"maddr": 2, "msgs": 1, "msgrcpt": 1, "quarantine": 3}


async def test_command(
    database: Database, make_settings: MakeSettings, make_mail: MakeMail, command: MakeCommand
) -> None:
    """B2.32, features 18.20: everything comes from the configuration; a dry run removes nothing."""
    run = command(database, "sql_log_retention_days = 5")
    async with filled(database, make_settings, make_mail) as log:
        await log.add(6)
        stays = await log.add(4)
    dry = run("db", "purge", "--dry-run").json
    assert (dry["ok"], dry["dry_run"], dry["messages"]) == (True, True, 1)
    assert len(log.ids()) == 2
    done = run("db", "purge", as_text=True)
    assert (done.status, done.errors) == (0, "")
    assert "removed: 1 messages, 0 copies in quarantine" in done.output
    assert log.ids() == {stays}


def test_command_without_tables(database: Database, command: MakeCommand) -> None:
    """It says what to do, and with its exit status that nothing was done."""
    done = command(database, "")("db", "purge")
    assert done.status == 69
    assert "run: mailcordon db upgrade" in done.errors
