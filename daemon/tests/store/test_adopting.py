"""Tables of amavisd-new are taken over without loss (contract B2.13; features 11.10 to 11.12, 11.18 to 11.28).

The tables of 2.5.4 are rebuilt here by what is known of them; those of 2.13 are taken from Debian's package where it
is installed.
"""

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from storing import MakeSettings, log_mail, running, sql_settings

from databases import Database, make_database
from mailcordon.mail.message import Mail
from mailcordon.store.migrate import Part, upgrade

MakeMail = Callable[..., Mail]
MESSAGE = b"From: a@b.example\r\nSubject: s\r\n\r\nbody\r\n"
PACKAGE = Path(__file__).parents[3] / ".cache/amavisd-new-docs"
_SPECIFIC = {
    "postgresql": {
        "serial": "serial PRIMARY KEY",
        "small_id": "integer",
        "stamp": "timestamp WITH TIME ZONE",
        "text": "text",
        "end": "",
    },
    "mariadb": {
        "serial": "int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY",
        "small_id": "int unsigned",
        "stamp": "char(16)",
        "text": "text",
        "end": " ENGINE=InnoDB CHARACTER SET latin1",
    },
}


def old_tables(kind: str) -> list[str]:
    """Of 2.5.4: no tag, text for octets, ids without case, mail_id alone as the key, recipients without numbers."""
    words = _SPECIFIC[kind]
    statements = [
        "CREATE TABLE users (id {serial}, priority integer NOT NULL DEFAULT 7, policy_id integer NOT NULL DEFAULT 1,"
        " email varchar(255) NOT NULL UNIQUE, fullname varchar(255), local char(1)){end}",
        "CREATE TABLE mailaddr (id {serial}, priority integer NOT NULL DEFAULT 7,"
        " email varchar(255) NOT NULL UNIQUE){end}",
        "CREATE TABLE policy (id {serial}, policy_name varchar(32), spam_lover char(1), spam_modifies_subj char(1),"
        " spam_kill_level float){end}",
        "CREATE TABLE wblist (rid {small_id} NOT NULL, sid {small_id} NOT NULL, wb varchar(10) NOT NULL,"
        " PRIMARY KEY (rid, sid)){end}",
        "CREATE TABLE maddr (id {serial}, email varchar(255) NOT NULL, domain varchar(255) NOT NULL,"
        " CONSTRAINT maddr_email_key UNIQUE (email)){end}",
        "CREATE TABLE msgs (mail_id varchar(12) NOT NULL PRIMARY KEY, secret_id varchar(12) DEFAULT '',"
        " am_id varchar(20) NOT NULL, time_num integer NOT NULL, time_iso {stamp} NOT NULL, sid {small_id} NOT NULL,"
        " policy varchar(255) DEFAULT '', client_addr varchar(255) DEFAULT '', size integer NOT NULL,"
        " content char(1), quar_type char(1), quar_loc varchar(255) DEFAULT '', dsn_sent char(1), spam_level float,"
        " message_id varchar(255) DEFAULT '', from_addr varchar(255) DEFAULT '', subject varchar(255) DEFAULT '',"
        " host varchar(255) NOT NULL, site_note varchar(20) DEFAULT 'mine'){end}",
        "CREATE INDEX msgs_idx_sid ON msgs (sid)",
        "CREATE TABLE msgrcpt (mail_id varchar(12) NOT NULL, rid {small_id} NOT NULL, ds char(1) NOT NULL,"
        " rs char(1) NOT NULL, bl char(1) DEFAULT ' ', wl char(1) DEFAULT ' ', bspam_level float,"
        " smtp_resp varchar(255) DEFAULT ''){end}",
        "CREATE TABLE quarantine (mail_id varchar(12) NOT NULL, chunk_ind integer NOT NULL, mail_text {text} NOT NULL,"
        " PRIMARY KEY (mail_id, chunk_ind)){end}",
        "INSERT INTO users (id, policy_id, email, local) VALUES (3, 1, 'bob@example.test', 'Y')",
        "INSERT INTO mailaddr (id, email) VALUES (4, '@b.example')",
        "INSERT INTO policy (id, policy_name, spam_kill_level) VALUES (1, 'one', 3.5)",
        "INSERT INTO wblist VALUES (3, 4, 'W')",
        r"INSERT INTO maddr (id, email, domain) VALUES (1, 'back\slash@b.example', 'example.b'),"
        " (2, 'bob@example.test', 'test.example')",
        "INSERT INTO msgs (mail_id, secret_id, am_id, time_num, time_iso, sid, size, content, host) VALUES"
        " ('aX3C4f6btXgX', 'SeCrEtSeCrEt', '1-1', 1200000000, '20080110T212000Z', 1, 100, 's', 'h')",
        "INSERT INTO msgrcpt (mail_id, rid, ds, rs) VALUES ('aX3C4f6btXgX', 2, 'P', ' '),"
        " ('aX3C4f6btXgX', 2, 'D', 'V'), ('aX3C4f6btXgX', 1, 'P', ' ')",
        "INSERT INTO quarantine VALUES ('aX3C4f6btXgX', 1, 'one'), ('aX3C4f6btXgX', 2, 'two')",
    ]
    if kind == "postgresql":
        statements.append("SELECT setval('maddr_id_seq', 2)")
    if kind == "mariadb":
        statements = [statement.replace("back\\slash", "back\\\\slash") for statement in statements]
    return [statement.format(**words) for statement in statements]


def octets(value: object) -> bytes:
    """Whatever the column is."""
    return value.encode() if isinstance(value, str) else bytes(value)  # type: ignore[call-overload]


@pytest.fixture(params=["postgresql", "mariadb"])
def old(request: pytest.FixtureRequest) -> Database:
    """A data base of amavisd-new 2.5.4 with one message in quarantine."""
    database = make_database(request.param, request)
    for statement in old_tables(request.param):
        database.run(statement)
    return database


async def test_tables_of_2_5_4(old: Database, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """B2.13, features 11.10 to 11.12, 11.20, 11.21, 11.27, 11.28: nothing is lost, and all is as in new tables."""
    changes: list[str] = []
    with old.connect() as connection:
        for part in Part:
            changes += upgrade(connection, part, allow_8bit=True)
    assert "add msgs.partition_tag" in changes
    assert "maddr: one row for each tag and address" in changes
    with old.connect() as connection:
        assert [change for part in Part for change in upgrade(connection, part, allow_8bit=True)] == []
    ((secret, content, note, tag, originating),) = old.rows(
        "SELECT secret_id, content, site_note, partition_tag, originating FROM msgs"
    )
    assert (octets(secret), content, note, tag, str(originating).strip()) == (b"SeCrEtSeCrEt", "Y", "mine", 0, "")
    assert [octets(row[0]) for row in old.rows("SELECT email FROM maddr ORDER BY id")] == [
        b"back\\slash@b.example",
        b"bob@example.test",
    ]
    assert old.rows("SELECT rseqnum FROM msgrcpt ORDER BY rseqnum") == [(1,), (2,), (3,)]
    assert [octets(row[0]) for row in old.rows("SELECT mail_text FROM quarantine ORDER BY chunk_ind")] == [
        b"one",
        b"two",
    ]
    assert old.rows("SELECT spam_kill_level, spam_tag3_level FROM policy") == [(3.5, None)]
    settings = sql_settings(make_settings, old, partition_tag=7)
    async with running(settings) as store:
        # Of a new message with an address that is there under tag 0, and one with the old id and another tag.
        await log_mail(store, settings, make_mail(MESSAGE, sender="bob@example.test"))
        found: list[bytes] = []
        assert await store.quarantine_reader.copy("0", "aX3C4f6btXgX", found.append) == 6
        message = await store.quarantine_reader.message("0", "aX3C4f6btXgX")
        assert message is not None
        assert message.secret_id == "SeCrEtSeCrEt"
        assert message.recipients == ("bob@example.test", "bob@example.test", "back\\slash@b.example")
    assert old.rows("SELECT count(*) FROM maddr") == [(3,)]
    # Features 11.20.
    types = old.rows(
        "SELECT DISTINCT lower(data_type) FROM information_schema.columns WHERE (table_name, column_name) IN"
        f" (('maddr', 'id'), ('msgs', 'sid'), ('msgrcpt', 'rid')) AND table_schema = {_schema(old)}"
    )
    assert len(types) == 1


def _schema(database: Database) -> str:
    return "'public'" if database.kind == "postgresql" else "database()"


async def test_text_of_addresses_stays(old: Database, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """Features 11.23: with the switch off the columns stay what they are, and the daemon works with them."""
    with old.connect() as connection:
        for part in Part:
            upgrade(connection, part, allow_8bit=False)
    settings = sql_settings(make_settings, old, sql_allow_8bit_address=False)
    async with running(settings) as store:
        await log_mail(store, settings, make_mail(MESSAGE, sender="b\udce4r@b.example"))
    assert ("b?r@b.example",) in old.rows("SELECT email FROM maddr")
    assert old.rows("SELECT count(*) FROM maddr") == [(3,)]


def documented(name: str) -> list[str]:
    """The statements of a page of Debian's amavisd-new."""
    path = next(iter(PACKAGE.glob(f"{name}*")), None)
    if path is None:
        pytest.fail("amavisd-new's description of the tables is missing: run `.ci/setup servers`")
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    return re.findall(r"^(CREATE (?:TABLE|INDEX|UNIQUE INDEX)[^;]*);", re.sub(r"--[^\n]*", "", text), re.MULTILINE)


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
async def test_tables_of_the_package(
    kind: str, request: pytest.FixtureRequest, make_settings: MakeSettings, make_mail: MakeMail
) -> None:
    """Features 11.18, 11.22: those that Debian's amavisd-new documents are used as they are."""
    statements = documented({"postgresql": "README.sql-pg", "mariadb": "README.sql-mysql"}[kind])
    assert len(statements) >= 8
    database = make_database(kind, request)
    # Indexes stand there again as instructions for older tables: the first of each name counts.
    named: dict[str, str] = {}
    for statement in statements:
        named.setdefault(statement.split("(")[0].split(" ON ")[0].strip(), statement)
    named.pop("CREATE UNIQUE INDEX msgrcpt_idx_primary", None)
    for statement in named.values():
        database.run(statement.replace("%", "%%"))
    settings = sql_settings(make_settings, database)
    with database.connect() as connection:
        changes = [change for part in Part for change in upgrade(connection, part, allow_8bit=True)]
    assert not [change for change in changes if change.startswith(("create table", "add msg"))]
    async with running(settings) as store:
        mail = await log_mail(store, settings, make_mail(MESSAGE))
    assert [octets(row[0]).decode() for row in database.rows("SELECT mail_id FROM msgs")] == [mail.mail_id]
