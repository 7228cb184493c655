"""`mailcordon db check` and `db grants` (contracts B2.01, B2.02, B2.05, B2.10, B2.14, B2.15; features 11.29)."""

import re

import pytest
from purging import MESSAGE, MakeMail, text
from storing import MakeSettings, log_mail, outcome, running, sql_settings

from commands import MakeCommand
from databases import Database, make_database
from mailcordon.mail.finding import Findings
from mailcordon.mail.verdict import QuarantineCopy


@pytest.fixture(params=["postgresql", "mariadb"])
def served(request: pytest.FixtureRequest) -> Database:
    """A data base of a server, which has accounts."""
    return make_database(request.param, request).prepare()


def both_parts(database: Database) -> str:
    """The same data base for recipients and policies."""
    return f'lookup_sql_dsn = "{database.url}"'


def test_new_tables_are_as_they_should_be(database: Database, command: MakeCommand) -> None:
    """B2.01, B2.02, B2.14: nothing is found where there is nothing."""
    done = command(database.prepare(), both_parts(database))("db", "check", as_text=True)
    assert (done.status, done.errors) == (0, "")
    assert re.findall(r"^(\w+) .*: (log|lookup)$", done.output, re.MULTILINE) == [("pass", "log"), ("pass", "lookup")]


def test_tables_that_are_not_there(database: Database, command: MakeCommand) -> None:
    """It says so, once for each, and what to run."""
    done = command(database, both_parts(database))("db", "check")
    assert done.status == 1
    log, lookup = (entry["problems"] for entry in done.json["databases"])
    assert "there is no table msgs; run: mailcordon db upgrade" in log
    assert "there is no table wblist; run: mailcordon db upgrade" in lookup


def test_each_fault_is_told(database: Database, command: MakeCommand) -> None:
    """B2.01, B2.02, B2.10: columns, indexes, codes, version; one line each."""
    database.prepare()
    drop_index = "DROP INDEX msgrcpt_idx_rid" + (" ON msgrcpt" if database.kind == "mariadb" else "")
    row = "0, 'abcdefghijkl', 'x', 1, {iso}, 1, 1, 'h', '{code}'"
    iso = "'2026-01-01 00:00:00+00'" if database.kind == "postgresql" else "'20260101T000000Z'"
    database.run(
        "ALTER TABLE users DROP COLUMN priority",
        "ALTER TABLE mailaddr DROP COLUMN priority",
        "ALTER TABLE policy DROP COLUMN spam_kill_level",
        drop_index,
        "INSERT INTO msgs (partition_tag, mail_id, am_id, time_num, time_iso, sid, size, host, content)"
        f" VALUES ({row.format(iso=iso, code='s')})",
        "DELETE FROM mailcordon_log_version",
    )
    log, lookup = (
        entry["problems"] for entry in command(database, both_parts(database))("db", "check").json["databases"]
    )
    assert log.pop(0).startswith("the tables were not made or taken over by us, not at log_")
    assert [problem.split(";")[0] for problem in log] == [
        "there is no index msgrcpt_idx_rid of msgrcpt, so that questions are slow",
        "msgs.content is 's' in 1 rows, which means nothing",
    ]
    # A policy may lack columns (B2.04).
    assert [problem.split(";")[0] for problem in lookup] == [
        "there is no column users.priority",
        "there is no column mailaddr.priority",
    ]
    done = command(database)("db", "upgrade")
    assert done.status == 0
    assert command(database)("db", "check").status == 0


def test_types_that_do_not_fit(served: Database, command: MakeCommand) -> None:
    """B2.14, features 11.29: the type of addresses and the switch."""
    done = command(served, "sql_allow_8bit_address = false")("db", "check")
    assert done.json["databases"][0]["problems"] == [
        "maddr.email is a binary column while sql_allow_8bit_address is false: addresses lose octets without need; set "
        "it to true"
    ]
    if served.kind == "postgresql":
        served.run(
            "ALTER TABLE maddr ALTER email TYPE varchar(255) USING encode(email, 'escape')",
            "ALTER TABLE msgrcpt ALTER rid TYPE smallint",
            "ALTER TABLE quarantine ALTER mail_text TYPE text USING ''",
        )
    else:
        served.run(
            "ALTER TABLE maddr MODIFY email varchar(255) NOT NULL",
            "ALTER TABLE msgrcpt MODIFY rid int NOT NULL",
            "ALTER TABLE quarantine MODIFY mail_text text NOT NULL",
        )
    problems = command(served)("db", "check").json["databases"][0]["problems"]
    assert len(problems) == 3
    assert problems[0].startswith("maddr.email is a column of text while sql_allow_8bit_address is true")
    assert "must have one type" in problems[1]
    assert problems[2].startswith("quarantine.mail_text is no binary column")


def account_of(served: Database, name: str) -> str:
    """A new account without any right; gives the URL of the data base for it."""
    create = f"CREATE ROLE {name} LOGIN" if served.kind == "postgresql" else f"CREATE USER '{name}'@'127.0.0.1'"
    assert served.server is not None
    served.server.run_sql(create)
    return re.sub("//[^@]+@", f"//{name}@", served.url)


def name_of(served: Database, duty: str) -> str:
    """An account's, of which each data base of a server has its own."""
    return f"{duty}_{served.url.rpartition('_')[2]}"


def grant(served: Database, command: MakeCommand, account: str, duty: str) -> None:
    """Carry out what the command prints."""
    done = command(served, both_parts(served))(
        "db", "grants", "--account", account, "--duty", duty, "--host", "127.0.0.1", as_text=True
    )
    assert done.status == 0
    served.run(*done.output.splitlines())


async def test_rights_are_enough_for_the_filter(
    served: Database, command: MakeCommand, make_settings: MakeSettings, make_mail: MakeMail
) -> None:
    """B2.05, B2.15: an account that has these rights writes, reads and purges the log, and only reads policies."""
    account = name_of(served, "filter")
    own = Database(served.kind, account_of(served, account), served.server)
    assert command(own)("db", "check").status != 0
    grant(served, command, account, "filter")
    done = command(own, both_parts(own))("db", "check")
    assert (done.status, done.errors) == (0, "")
    settings = sql_settings(make_settings, own)
    async with running(settings) as store:
        await log_mail(store, settings, make_mail(MESSAGE))
        mail = make_mail(MESSAGE)
        place = store.begin(mail, settings)
        mail = await place.settle(mail)
        await place.keep(lambda: [b"copy"])
        result = outcome(mail, quarantine=[QuarantineCopy(mail.mail_id, "Q")])
        place.finish(mail, settings, Findings(), result)
    assert text(own.rows("SELECT mail_id FROM quarantine")[0][0]) == mail.mail_id
    assert own.rows("SELECT count(*) FROM users") == [(0,)]
    own.run("UPDATE msgs SET time_num = 1")
    done = command(own)("db", "purge")
    assert (done.status, done.json["messages"], done.json["addresses"]) == (0, 2, 2)
    with pytest.raises(Exception, match=r"(?i)denied"):
        own.run("INSERT INTO users (email) VALUES ('x')")
    with pytest.raises(Exception, match=r"(?i)denied|owner"):
        own.run("DROP TABLE msgs")


def test_rights_of_others(served: Database, command: MakeCommand) -> None:
    """B2.05: an interface notes what it did, and whoever keeps policies does not see the log."""
    for duty, allowed, forbidden in (
        (
            "interface",
            ("SELECT * FROM msgs", "UPDATE msgrcpt SET rs = 'V'"),
            ("DELETE FROM msgs", "SELECT * FROM users"),
        ),
        ("policy", ("INSERT INTO policy (policy_name) VALUES ('p')", "DELETE FROM policy"), ("SELECT * FROM msgs",)),
    ):
        account = name_of(served, duty)
        own = Database(served.kind, account_of(served, account), served.server)
        grant(served, command, account, duty)
        own.run(*allowed)
        for statement in forbidden:
            with pytest.raises(Exception, match=r"(?i)denied"):
                own.run(statement)


def test_sqlite_has_no_accounts(command: MakeCommand, tmp_path_factory: pytest.TempPathFactory) -> None:
    """B2.05: there the mode of the file decides, and the command says so."""
    database = Database("sqlite", f"sqlite:///{tmp_path_factory.mktemp('db')}/mail.db")
    done = command(database)("db", "grants", as_text=True)
    assert (done.status, done.output.count("\n"), "no accounts" in done.output) == (0, 1, True)
