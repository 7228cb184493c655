"""Native partitions of PostgreSQL: made ahead, dropped as a whole (features 11.02 to 11.05, 11.07, 11.08)."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from purging import MakeMail, filled
from storing import MakeSettings

from commands import MakeCommand
from databases import Database, make_database
from mailcordon.config.partition_tag import partition_tag
from mailcordon.store.partitions import DAYS_AHEAD, tags_in_use

NUMBERS = count(1)
TABLES = ("maddr", "msgs", "msgrcpt", "quarantine")


@pytest.fixture
def partitioned(request: pytest.FixtureRequest) -> Database:
    """PostgreSQL with tables that have a partition for each tag."""
    return make_database("postgresql", request).prepare(partitioned=True)


def tags_of(database: Database) -> set[str]:
    """Those of which `msgs` has a partition, as PostgreSQL writes them."""
    rows = database.rows(
        "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relispartition AND relkind = 'r'"
        " AND relname LIKE 'msgs%%'"
    )
    return {str(row[0]).removeprefix("FOR VALUES IN (").rstrip(")") for row in rows}


@pytest.mark.parametrize(
    ("moment", "zone", "week"),
    [
        ("2024-12-29T23:30:00", "UTC", "52"),
        ("2024-12-29T23:30:00", "Europe/Vienna", "01"),
        ("2026-12-31T12:00:00", "UTC", "53"),
        ("2027-01-03T22:30:00", "Europe/Vienna", "53"),
        ("2027-01-03T23:30:00", "Europe/Vienna", "01"),
        ("2027-01-03T23:30:00", "UTC", "53"),
    ],
)
def test_week_in_local_time(make_settings: MakeSettings, moment: str, zone: str, week: str) -> None:
    """Features 11.04: around New Year the week may be another year's, and begins with the local midnight."""
    received = datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(zone))
    assert partition_tag(make_settings(partition_tag="%V"), received) == week


def test_source_of_the_tag(make_settings: MakeSettings) -> None:
    """Features 11.02, 11.03: unset it is 0, a number or a text stands as it is, and a bank may have its own."""
    now = datetime(2026, 11, 29, 12, tzinfo=ZoneInfo("Europe/Vienna"))
    assert partition_tag(make_settings(), now) == "0"
    assert partition_tag(make_settings(partition_tag=25), now) == "25"
    assert partition_tag(make_settings(partition_tag="in-%G%V"), now) == "in-202648"


def test_tags_in_use(make_settings: MakeSettings) -> None:
    """Features 11.07, 11.08: those of today and of the days to come, of every bank; only numbers have partitions."""
    now = datetime(2026, 12, 24, 12, tzinfo=ZoneInfo("Europe/Vienna"))
    settings = make_settings(
        partition_tag="%V", policy_bank={"ORIG": {"partition_tag": "9%V"}, "X": {"partition_tag": "x"}}
    )
    assert tags_in_use(settings, now) == ["52", "53", "1", "952", "953", "901"]


async def test_partitions_are_made_and_dropped(
    partitioned: Database, make_settings: MakeSettings, make_mail: MakeMail, command: MakeCommand
) -> None:
    """Features 11.05, 11.07: a partition goes in all tables when all in it is old, and rows of others do not suffer."""
    assert tags_of(partitioned) == {"DEFAULT"}
    run = command(partitioned, 'partition_tag = "%G%V"')
    first = run("db", "purge").json
    days = [datetime.now().astimezone() + timedelta(days=day) for day in range(DAYS_AHEAD + 1)]
    ahead = {f"{day:%G%V}" for day in days}
    assert tags_of(partitioned) == {"DEFAULT", *ahead}
    assert sorted(first["new_partitions"]) == sorted(f"{table}_p{tag}" for tag in ahead for table in TABLES)
    async with filled(partitioned, make_settings, make_mail) as log:
        now = min(ahead)
        # Made as a purge of that time has made them.
        for tag in ("202601", "202602"):
            partitioned.run(
                *(f"CREATE TABLE {table}_p{tag} PARTITION OF {table} FOR VALUES IN ({tag})" for table in TABLES)
            )
        for age, tag in ((30, "202601"), (22, "202601"), (30, "202602"), (20, "202602"), (0, now)):
            await log.add(age, kind="Q", tag=tag)
        await log.add(30, tag=now)
        await log.add(30, tag="77")
    dry = run("db", "purge", "--dry-run").json
    assert dry["dropped_tags"] == ["202601"]
    assert len(log.ids()) == 7
    done = run("db", "purge").json
    # The old ones of the other partitions go row by row, and the partition for all others stays.
    assert (done["dropped_tags"], done["messages"], done["new_partitions"]) == (["202601"], 3, [])
    assert tags_of(partitioned) == {"DEFAULT", *ahead, "202602"}
    assert log.counts() == {"maddr": 4, "msgs": 2, "msgrcpt": 2, "quarantine": 6}
    for table in TABLES:
        assert partitioned.rows(f"SELECT 1 FROM pg_class WHERE relname = '{table}_p202601'") == []
    assert run("db", "purge", "--tag", "202602").json["dropped_tags"] == ["202602"]
    assert len(log.ids()) == 1


async def test_copy_that_stays_keeps_its_partition(
    partitioned: Database, make_settings: MakeSettings, make_mail: MakeMail, command: MakeCommand
) -> None:
    """Features 11.07, 18.20: what a retention keeps is not dropped with the partition."""
    partitioned.run(*(f"CREATE TABLE {table}_p5 PARTITION OF {table} FOR VALUES IN (5)" for table in TABLES))
    async with filled(partitioned, make_settings, make_mail) as log:
        kept = await log.add(30, kind="Q", tag="5")
        await log.add(30, tag="5")
    done = command(partitioned, "quarantine_retention_days = 40")("db", "purge").json
    assert (done["dropped_tags"], done["messages"]) == ([], 1)
    assert log.ids() == {kept}


async def test_rows_in_the_way_of_a_partition(
    partitioned: Database, make_settings: MakeSettings, make_mail: MakeMail, command: MakeCommand
) -> None:
    """Features 11.07: mail that came before its partition is kept; that it has none is told, with an exit status."""
    async with filled(partitioned, make_settings, make_mail) as log:
        await log.add(0, tag="33")
    run = command(partitioned, "partition_tag = 33")
    done = run("db", "purge")
    assert done.status == 1
    assert "no partition for tag 33" in done.json["problems"][0]
    assert len(log.ids()) == 1


@dataclass(frozen=True)
class Accounts:
    """One data base as its owner and the daemon's account see it; neither is a superuser."""

    owner: Database
    daemon: Database

    @property
    def name(self) -> str:
        """The daemon's account."""
        return self.daemon.url.partition("//")[2].partition("@")[0]


@pytest.fixture
def accounts(request: pytest.FixtureRequest) -> Accounts:
    """No tables yet."""
    server = request.getfixturevalue("postgresql")
    number = next(NUMBERS)
    owner, daemon, name = (f"{word}_{number}" for word in ("owner", "daemon", "owned"))
    server.run_sql(f"CREATE ROLE {owner} LOGIN", f"CREATE ROLE {daemon} LOGIN", f"CREATE DATABASE {name} OWNER {owner}")
    urls = (re.sub("//[^@]+@", f"//{account}@", server.url(name)) for account in (owner, daemon))
    return Accounts(*(Database("postgresql", url, server) for url in urls))


def granted(accounts: Accounts, command: MakeCommand, *options: str) -> None:
    """Carry out what `db grants` prints for the daemon's account."""
    done = command(accounts.owner)("db", "grants", "--account", accounts.name, *options)
    accounts.owner.run(*done.json["databases"][0]["statements"])


async def test_account_without_tables_of_its_own(
    accounts: Accounts, make_settings: MakeSettings, make_mail: MakeMail, command: MakeCommand
) -> None:
    """Features 11.05, 11.07, B2.05: with its rights the daemon's account makes partitions ahead and drops old ones, of
    the mail log alone; without them it is told."""
    weekly = 'partition_tag = "%G%V"'
    made = command(accounts.owner, weekly)("db", "upgrade", "--partitioned")
    assert made.status == 0, made.errors
    ahead = tags_of(accounts.owner) - {"DEFAULT"}
    assert {f"create table msgs_p{tag}" for tag in ahead} < {*made.json["databases"][0]["changes"]}
    assert len(ahead) >= 3
    assert command(accounts.owner, weekly)("db", "upgrade", "--partitioned").json["databases"][0]["changes"] == []
    granted(accounts, command)
    later = 'partition_tag = "7%G%V"'
    refused = command(accounts.daemon, later)("db", "purge")
    assert refused.status == 1
    assert "permission denied for function mailcordon_make_partition" in refused.json["problems"][0]
    granted(accounts, command, "--partitioned")
    done = command(accounts.daemon, later)("db", "purge")
    assert (done.status, done.errors) == (0, "")
    # Nothing has come into those of the week before, so to say.
    assert tags_of(accounts.owner) == {"DEFAULT", *(f"7{tag}" for tag in ahead)}
    assert {*done.json["dropped_tags"]} == ahead
    # The tag of another time: everything in it is old.
    accounts.owner.run(*(f"SELECT mailcordon_make_partition('{table}', 5)" for table in TABLES))
    async with filled(accounts.daemon, make_settings, make_mail) as log:
        await log.add(30, kind="Q", tag="5")
    done = command(accounts.daemon, later)("db", "purge")
    assert (done.status, done.json["dropped_tags"], log.counts()["msgs"]) == (0, ["5"], 0)
    assert command(accounts.daemon, later)("db", "check").status == 0
    for statement in (
        "SELECT mailcordon_make_partition('pg_class', 1)",
        "SELECT mailcordon_drop_partition('mailcordon_log_version', 1)",
        "SELECT mailcordon_make_partition('msgs', -1)",
        "CREATE TABLE msgs_p9 PARTITION OF msgs FOR VALUES IN (9)",
        "DROP TABLE msgs_others",
    ):
        with pytest.raises(Exception, match=r"not a table of the mail log|permission denied|must be owner"):
            accounts.daemon.run(statement)
    stranger = f"stranger_{accounts.name}"
    assert accounts.owner.server is not None
    accounts.owner.server.run_sql(f"CREATE ROLE {stranger} LOGIN")
    with pytest.raises(Exception, match="permission denied for function"):
        Database("postgresql", re.sub("//[^@]+@", f"//{stranger}@", accounts.owner.url)).run(
            "SELECT mailcordon_drop_partition('msgs', 5)"
        )


def test_tables_of_an_older_release_get_the_functions(accounts: Accounts, command: MakeCommand) -> None:
    """B2.13: partitions that were made before there were functions."""
    run = command(accounts.owner)
    run("db", "upgrade", "--partitioned")
    accounts.owner.run(
        "DROP FUNCTION mailcordon_make_partition", "UPDATE mailcordon_log_version SET version_num = 'log_0002'"
    )
    changes = run("db", "upgrade").json["databases"][0]["changes"]
    assert changes == ["functions that make and drop partitions"]


@pytest.mark.parametrize("kind", ["sqlite", "mariadb"])
def test_no_partitions_elsewhere(kind: str, request: pytest.FixtureRequest, command: MakeCommand) -> None:
    """Features 11.07: one line, and no tables; the twin makes them."""
    database = make_database(kind, request)
    run = command(database)
    done = run("db", "upgrade", "--partitioned", as_text=True)
    assert done.status == 1
    assert done.errors == (
        f"mailcordon: --partitioned: {database.source}: only tables of PostgreSQL have partitions by tag\n"
    )
    assert run("db", "check").status == 1
    assert run("db", "upgrade").status == 0
    assert run("db", "check").status == 0


def test_tables_that_have_none_stay_so(request: pytest.FixtureRequest, command: MakeCommand) -> None:
    """Features 11.07: whoever asks for partitions later is told that there are none."""
    done = command(make_database("postgresql", request).prepare())("db", "upgrade", "--partitioned", as_text=True)
    assert done.status == 1
    assert done.errors == "mailcordon: --partitioned: the tables were there already, without partitions, and stay so\n"
