"""One's own statements for the mail log: their values, and in which order (contracts B2.18 to B2.21, B2.31)."""

from collections.abc import Callable
from pathlib import Path

from storing import MakeSettings, outcome, running, sql_settings

from databases import Database
from mailcordon.mail.finding import Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import Disposition, QuarantineCopy
from mailcordon.store.migrate import Part

MakeMail = Callable[..., Mail]
MESSAGE = b"From: alice@sender.example\r\nMessage-ID: <m1@sender.example>\r\nSubject: test\r\n\r\nbody\r\n"


def marks(number: int) -> str:
    """So many placeholders."""
    return ", ".join("?" * number)


def text(value: object) -> object:
    """Octets as text."""
    return value.decode() if isinstance(value, bytes) else value


async def test_values_in_order(tmp_path: Path, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """B2.18 to B2.21, B2.31, features 11.01: eleven, twelve and twelve values, the same tag in all of them."""
    database = Database("sqlite", f"sqlite:///{tmp_path}/mail.db").prepare(Part.LOG)
    widths = {"begun": 11, "done": 12, "told": 12, "known": 3}
    for table, width in widths.items():
        database.run(f"CREATE TABLE {table} ({', '.join(f'c{number}' for number in range(width))})")
    settings = sql_settings(
        make_settings,
        database,
        partition_tag="%V",
        sql_clause={
            "sel_adr": "SELECT rowid + 100 FROM known WHERE c0 = ? AND c1 = ?",
            "ins_adr": f"INSERT INTO known VALUES ({marks(3)})",
            "ins_msg": f"INSERT INTO begun VALUES ({marks(11)})",
            "upd_msg": f"INSERT INTO done VALUES ({marks(12)})",
            "ins_rcp": f"INSERT INTO told VALUES ({marks(12)})",
        },
    )
    mail = make_mail(MESSAGE, sender="alice@sender.example", recipients=("bob@example.test",))
    result = outcome(mail, Disposition.RELAYED, [QuarantineCopy("a/x", "F")])
    async with running(settings) as store:
        place = store.begin(mail, settings)
        mail = await place.settle(mail)
        place.finish(mail, settings, Findings(), result)
    rows = {
        table: [tuple(map(text, row)) for row in database.rows(f"SELECT * FROM {table} ORDER BY rowid")]
        for table in widths
    }
    tag = int(mail.received_at.strftime("%V"))
    key = (tag, mail.mail_id)
    ids = {address: 100 + number for number, (_, address, _) in enumerate(rows["known"], 1)}
    assert set(rows["known"]) == {
        (tag, "alice@sender.example", "example.sender"),
        (tag, "bob@example.test", "test.example"),
    }
    seconds = int(mail.received_at.timestamp())
    (begun,) = rows["begun"]
    assert begun[:2] == key
    assert begun[3:5] == ("04711-01", seconds)
    assert begun[6:] == (ids["alice@sender.example"], "", "", len(MESSAGE), "gate.example.test")
    (done,) = rows["done"]
    assert done[:4] == ("C", "F", "a/x", "N")
    assert done[5:] == ("<m1@sender.example>", "alice@sender.example", "test", "", "N", *key)
    (told,) = rows["told"]
    assert told[:8] == (*key, 1, ids["bob@example.test"], "Y", "C", "P", " ")
    assert told[8:10] == ("N", "N")
    assert told[11] == str(result.reply)
