"""The mail log and the quarantine in SQL, in the running daemon (contracts B2, B10.08; features 12.08, 16.08)."""

import smtplib
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager

from samples import eicar, eicar_twin

from .daemon import COMMAND, Daemon, NextHop, text_mail, wait_until


@contextmanager
def tables(daemon: Daemon) -> Iterator[sqlite3.Connection]:
    """The data base as another program sees it."""
    with closing(sqlite3.connect(f"file:{daemon.home}/db/mail.db?mode=ro", uri=True)) as connection:
        yield connection


def with_sqlite(daemon: Daemon, further: str = "") -> None:
    """Give the daemon a data base, made by the command."""
    (daemon.home / "db").mkdir()
    daemon.configure(
        "50-sql",
        f"""
        storage_sql_dsn = "sqlite:///{daemon.home}/db/mail.db"
        virus_quarantine_method = "sql:"
        {further}
        """,
    )
    command = [str(COMMAND), "db", "--config-dir", str(daemon.config_directory), "--user", "root", "upgrade"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "create table msgs" in done.stdout


def test_messages_are_in_the_log(daemon: Daemon, next_hop: NextHop) -> None:
    """Checklist 32: what a web interface asks for; features 12.08, 16.08: the log names a copy with its tag."""
    with_sqlite(daemon, "partition_tag = 25")
    daemon.start()
    assert daemon.send(text_mail(eicar(), "virus")).startswith("250 2.7.0 Ok, discarded")
    with tables(daemon) as connection:
        # Durable before the reply.
        ((mail_id, tag, number),) = connection.execute("SELECT mail_id, partition_tag, chunk_ind FROM quarantine")
        assert (tag, number) == (25, 1)
        ((text,),) = connection.execute("SELECT mail_text FROM quarantine WHERE chunk_ind = 1")
    assert eicar() in text
    assert f"X-Quarantine-ID: <{mail_id}>".encode() in text
    assert daemon.send(text_mail(eicar_twin(), "clean")).startswith("250 2.6.0 Ok")

    def rows() -> list[tuple[object, ...]]:
        with tables(daemon) as connection:
            return connection.execute(
                "SELECT msgs.content, msgs.quar_type, msgs.quar_loc, msgrcpt.ds, sender.email, recip.email"
                " FROM msgs JOIN msgrcpt USING (partition_tag, mail_id)"
                " JOIN maddr AS sender ON msgs.sid = sender.id JOIN maddr AS recip ON msgrcpt.rid = recip.id"
                " WHERE msgrcpt.rs IN (' ', 'V', 'R', 'p', 'S', 'H') ORDER BY msgs.content DESC"
            ).fetchall()

    wait_until(lambda: len(rows()) == 2, "both messages are in the log")
    assert rows() == [
        ("V", "Q", f"{mail_id}[25]", "D", "alice@sender.example", "bob@example.test"),
        ("C", " ", "", "P", "alice@sender.example", "bob@example.test"),
    ]
    assert f", quarantine: {mail_id}[25], " in daemon.log()
    assert next_hop.has("clean@")


def test_size_limit_of_a_recipient(daemon: Daemon, next_hop: NextHop) -> None:
    """B6.06, B3.02: a larger limit in the data base holds, though the static one would refuse at RCPT."""
    with_sqlite(daemon, f'lookup_sql_dsn = "sqlite:///{daemon.home}/db/mail.db"\nmessage_size_limit = 100_000')
    with closing(sqlite3.connect(f"{daemon.home}/db/mail.db")) as connection:
        connection.executescript(
            "INSERT INTO policy (id, message_size_limit) VALUES (1, 1000000);"
            "INSERT INTO users (policy_id, email) VALUES (1, 'large@example.test')"
        )
    daemon.start()
    replies = {}
    for name in ("large", "other"):
        message = text_mail(b"y" * 200_000, name)
        with smtplib.SMTP("127.0.0.1", daemon.port, timeout=60) as client:
            client.ehlo("client.example")
            client.mail("alice@sender.example", [f"SIZE={len(message)}"])
            assert client.rcpt(f"{name}@example.test")[0] == 250
            replies[name] = client.data(message)
    assert replies["large"][1].startswith(b"2.6.0 Ok")
    assert next_hop.has("large@")
    # The judge knows that he has no row, and keeps to the static limit.
    assert replies["other"][1].endswith(b"but 1 BOUNCE")


def test_stop_writes_what_is_left(daemon: Daemon) -> None:
    """A message that was answered is in the log when the daemon is gone."""
    with_sqlite(daemon)
    daemon.start()
    for number in range(20):
        daemon.send(text_mail(b"text", f"m{number}"))
    daemon.stop()
    with tables(daemon) as connection:
        assert connection.execute("SELECT count(*) FROM msgs WHERE content = 'C'").fetchall() == [(20,)]
        assert connection.execute("SELECT count(*) FROM msgrcpt").fetchall() == [(20,)]


def test_mail_waits_without_the_tables(daemon: Daemon, next_hop: NextHop) -> None:
    """Design rule 1: a data base that does not work makes mail wait, and both log and reply say why."""
    (daemon.home / "db").mkdir()
    daemon.configure("50-sql", f'storage_sql_dsn = "sqlite:///{daemon.home}/db/mail.db"')
    daemon.start()
    reply = daemon.send(text_mail(b"text", "early"))
    assert reply.startswith("451 4.5.0 ")
    assert "sql FAILED: there is no table maddr" in reply
    wait_until(lambda: "run: mailcordon db upgrade" in daemon.log(), "the log says what to do")
    assert not next_hop.has("early@")
