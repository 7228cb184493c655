"""Release of mail that is kept in a data base (contracts B1.26, B1.28; features 12.09-12.12, 11.19)."""

import re
import sqlite3

from samples import eicar

from .daemon import Daemon, NextHop, text_mail, wait_until
from .releasing import ask, control_socket, our_tool, peers_tool
from .test_mail_log import with_sqlite


def rows(daemon: Daemon, statement: str) -> list[tuple[object, ...]]:
    """What the data base holds."""
    with sqlite3.connect(daemon.home / "db/mail.db") as connection:
        return list(connection.execute(statement))


def kept(daemon: Daemon, token: str, number: int = 1) -> str:
    """Send a virus; the name of its copy in the log."""
    daemon.send(text_mail(eicar() + b"\r\nFrom me\r\n", token))

    def found() -> list[str]:
        return re.findall(r"quarantine: (\S+),", daemon.log())

    wait_until(lambda: len(found()) == number, "the log entry")
    return found()[-1]


def test_release_from_sql(daemon: Daemon, next_hop: NextHop) -> None:
    """B1.28, features 11.19, 12.09-12.11: found by mail_id or tag; refused where unclear or the secret wrong."""
    with_sqlite(daemon, 'spam_quarantine_method = "sql:"\npartition_tag = 25')
    daemon.start()
    name = kept(daemon, "first")
    assert re.fullmatch(r"[A-Za-z0-9_-]{12}\[25\]", name)
    mail_id = name.partition("[")[0]
    done = peers_tool(daemon, name)
    assert done.stderr.startswith("250 2.6.0 Ok"), done.stderr
    (octets,) = next_hop.messages()
    assert eicar() + b"\nFrom me\n" in octets
    assert our_tool(daemon, f"{mail_id}[26]").stderr == (
        f"450 4.5.0 ERROR: there is no copy of {mail_id}[26] in the data base\n"
    )
    wait_until(lambda: bool(rows(daemon, "SELECT * FROM msgs WHERE content IS NOT NULL")), "the record")
    ((secret,),) = rows(daemon, "SELECT secret_id FROM msgs")
    text = secret.decode() if isinstance(secret, bytes) else str(secret)
    assert our_tool(daemon, mail_id, text, "eve@example.test").returncode == 0
    wrong = our_tool(daemon, mail_id, text[::-1])
    assert (wrong.returncode, wrong.stderr) == (1, "450 4.5.0 ERROR: Secret_id does not match the mail_id\n")
    with sqlite3.connect(daemon.home / "db/mail.db") as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(msgs)") if row[1] != "partition_tag"]
        names = ", ".join(columns)
        connection.execute(f"INSERT INTO msgs (partition_tag, {names}) SELECT 26, {names} FROM msgs")
    answer = ask(control_socket(daemon), f"request=release\nmail_id={mail_id}\n\n".encode())
    told = "ERROR: Multiple (2) records with same mail_id exist, specify a partition_tag in the AM.PDP request"
    assert answer == f"setreply=450 4.5.0 {told.replace(' ', '%20')}\r\n\r\n"
    assert len(next_hop.messages()) == 2
    assert our_tool(daemon, name).returncode == 0
    # Without any row of its own in msgs the copy is still there.
    with sqlite3.connect(daemon.home / "db/mail.db") as connection:
        connection.execute("DELETE FROM msgs")
        connection.execute("UPDATE quarantine SET partition_tag = 0")
    assert our_tool(daemon, mail_id).returncode == 0
    assert our_tool(daemon, "nosuchidhere").returncode == 1
