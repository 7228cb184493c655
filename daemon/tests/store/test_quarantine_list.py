"""The list of what is in quarantine, by the tables of the mail log (contracts B2.07, B2.08, B2.10)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from storing import log_mail, outcome, running, sql_settings, until

from databases import Database
from mailcordon.config.settings import Settings
from mailcordon.errors import StoreError
from mailcordon.mail.category import Category, Destiny, Major
from mailcordon.mail.envelope import Envelope, Recipient
from mailcordon.mail.kept import AddressPattern, KeptMail, WantedMails
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import Disposition, QuarantineCopy
from mailcordon.store.engine import Databases
from mailcordon.store.migrate import Part
from mailcordon.store.quarantine_list import kept_in

MakeSettings = Callable[..., Settings]
MakeMail = Callable[..., Mail]
VIRUS, SPAM = Category(Major.VIRUS), Category(Major.SPAM)


def listed(database: Database, wanted: WantedMails) -> list[KeptMail]:
    """What is found."""
    databases = Databases([database.source], timeout=30, read_only=True)
    return list(kept_in(databases, wanted, case_sensitive=False))


def letters(database: Database, **conditions: Any) -> str:
    """The first letters of the mail_ids, in the order of the list."""
    return "".join(mail.mail_id[0] for mail in listed(database, WantedMails(**conditions)))


async def fill(database: Database, make_settings: MakeSettings, make_mail: MakeMail) -> Mail:
    """Four mails, a the latest, and one that was not kept."""
    settings = sql_settings(make_settings, database, partition_tag="25")
    base = make_mail(b"Subject: 50% _off_\r\nFrom: Eve <eve@sender.example>\r\nMessage-ID: <1@x>\r\n\r\nbody\r\n")
    mails = [
        ("a", "eve@sender.example", ("Bob@example.test", "carol@example.test"), VIRUS),
        ("b", "", ("carol@example.test",), SPAM),
        ("c", "e_e@other.example", ("bob@other.test",), SPAM),
        ("d", "exe@other.example", ("bob@other.test",), SPAM),
        ("e", "eve@sender.example", ("bob@example.test",), VIRUS),
    ]
    async with running(settings) as store:
        for number, (letter, sender, recipients, category) in enumerate(mails):
            mail = replace(
                base,
                mail_id=letter + "0" * 11,
                received_at=base.received_at - timedelta(hours=number),
                envelope=Envelope(sender=sender, recipients=tuple(map(Recipient, recipients))),
            )
            copies = [QuarantineCopy(f"{letter}/spam-{mail.mail_id}.gz", "Z")] if letter != "e" else []
            await log_mail(store, settings, mail, _blocked(mail, copies, category))
        await until(
            lambda: database.rows("SELECT count(*) FROM msgs WHERE content IS NOT NULL") == [(5,)], "the records"
        )
    return base


def _blocked(mail: Mail, copies: list[QuarantineCopy], category: Category) -> Any:
    return outcome(mail, Disposition.DISCARDED, copies, category, destiny=Destiny.DISCARD)


async def test_list(database: Database, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """B2.07, B2.08, B2.10: what has a copy, with every recipient; each filter; no row in more memory than needed."""
    database.prepare(Part.LOG)
    base = await fill(database, make_settings, make_mail)
    first, *_ = listed(database, WantedMails())
    assert (first.mail_id, first.partition_tag, first.content, first.quar_type) == ("a" + "0" * 11, "25", "V", "Z")
    assert (first.sender, first.location) == ("eve@sender.example", f"a/spam-a{'0' * 11}.gz")
    assert [(one.address, one.blocked, one.content, one.fate, one.state) for one in first.recipients] == [
        ("bob@example.test", True, "V", "D", ""),
        ("carol@example.test", True, "V", "D", ""),
    ]
    assert (first.subject, first.author) == ("50% _off_", "Eve <eve@sender.example>")
    assert first.received_at == base.received_at.replace(microsecond=0)
    assert first.secret_id
    assert first.size == base.size
    assert letters(database) == "abcd"
    assert letters(database, limit=2) == "ab"
    assert letters(database, since=base.received_at - timedelta(minutes=90)) == "ab"
    assert letters(database, until=base.received_at - timedelta(minutes=90)) == "cd"
    assert letters(database, sender=AddressPattern("EVE@sender.example")) == "a"
    assert letters(database, sender=AddressPattern("")) == "b"
    assert letters(database, sender=AddressPattern("e_e@*")) == "c"
    assert letters(database, sender=AddressPattern("e?e@other.example")) == "cd"
    assert letters(database, recipient=AddressPattern("bob@example.test")) == "a"
    assert letters(database, recipient=AddressPattern("@example.test")) == "ab"
    assert letters(database, contents=frozenset("SB")) == "bcd"
    assert letters(database, subject="50% _OFF") == "abcd"
    assert letters(database, subject="5_%") == ""
    assert letters(database, mail_id="c" + "0" * 11) == "c"
    assert letters(database, partition_tag="25") == "abcd"
    assert letters(database, partition_tag="") == ""
    assert letters(database, subject="'; DROP TABLE msgs; --", sender=AddressPattern("%s' OR 1=1 --")) == ""
    database.run("UPDATE msgrcpt SET rs = 'R'")
    assert {one.state for mail in listed(database, WantedMails()) for one in mail.recipients} == {"R"}


async def test_more_than_one_portion(database: Database, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """Recipients of one portion are asked for while rows of the next are still to come."""
    database.prepare(Part.LOG)
    settings = sql_settings(make_settings, database)
    base = make_mail(b"Subject: x\r\n\r\nbody\r\n")
    async with running(settings) as store:
        for number in range(450):
            mail = replace(base, mail_id=f"m{number:011}")
            await log_mail(store, settings, mail, _blocked(mail, [QuarantineCopy(mail.mail_id, "Q")], VIRUS))
        await until(
            lambda: database.rows("SELECT count(*) FROM msgs WHERE content IS NOT NULL") == [(450,)], "the records"
        )
    mails = listed(database, WantedMails())
    assert len({mail.mail_id for mail in mails}) == 450
    assert {len(mail.recipients) for mail in mails} == {len(base.envelope.recipients)}


def test_no_tables(database: Database) -> None:
    """One line that says what to do."""
    with pytest.raises(StoreError, match=r"run: mailcordon db upgrade$"):
        listed(database, WantedMails())
