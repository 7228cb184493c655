"""What tests of purges share: a mail log with messages of any age."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from storing import MakeSettings, outcome, running, sql_settings

from databases import Database
from mailcordon.config.settings import Settings
from mailcordon.mail.category import CLEAN, Category
from mailcordon.mail.finding import Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import QuarantineCopy
from mailcordon.store.engine import Databases
from mailcordon.store.migrate import Part
from mailcordon.store.purge import Purge, Purged
from mailcordon.store.retention import DAY, Retention
from mailcordon.store.store import Store

MakeMail = Callable[..., Mail]
MESSAGE = b"From: a@b.example\r\nSubject: s\r\n\r\nbody\r\n"
TABLES = ("maddr", "msgs", "msgrcpt", "quarantine")


@dataclass
class Log:
    """A data base of the mail log, and what fills and purges it."""

    database: Database
    settings: Settings
    store: Store
    make_mail: MakeMail

    async def add(
        self,
        days: float,
        *,
        sender: str = "alice@sender.example",
        category: Category = CLEAN,
        kind: str = "",
        is_finished: bool = True,
        tag: str = "0",
    ) -> str:
        """A message that was received so many days ago; `kind`: of its copy in quarantine. Gives its id."""
        mail = self.make_mail(MESSAGE, sender=sender)
        mail = replace(mail, received_at=datetime.fromtimestamp(time.time() - days * DAY).astimezone())
        place = self.store.begin(mail, self.settings.model_copy(update={"partition_tag": tag}))
        mail = await place.settle(mail)
        if kind == "Q":
            await place.keep(lambda: [b"x" * 40_000])
        copies = [QuarantineCopy(mail.mail_id, kind)] if kind else []
        if is_finished:
            place.finish(mail, self.settings, Findings(), outcome(mail, quarantine=copies, category=category))
        return mail.mail_id

    def purge(self, *, dry_run: bool = False) -> Purged:
        """All steps."""
        source = [self.database.source]
        retention = Retention.at(int(time.time()), self.settings)
        with (
            Databases(source, timeout=30, read_only=True).connect() as reader,
            Databases(source, timeout=30).connect() as writer,
        ):
            purge = Purge(reader, writer, retention, dry_run=dry_run)
            for step in (purge.old_messages, purge.old_copies, purge.unfinished, purge.orphans, purge.addresses):
                step()
        return purge.purged

    def ids(self) -> set[str]:
        """Those of the messages that are there."""
        return {text(row[0]) for row in self.database.rows("SELECT mail_id FROM msgs")}

    def counts(self) -> dict[str, int]:
        """Rows by table."""
        return {table: len(self.database.rows(f"SELECT partition_tag FROM {table}")) for table in TABLES}


def text(value: object) -> str:
    """Which columns have octets differs by data base."""
    return bytes(value).decode() if isinstance(value, (bytes, memoryview)) else str(value)


@asynccontextmanager
async def filled(
    database: Database, make_settings: MakeSettings, make_mail: MakeMail, **overrides: object
) -> AsyncIterator[Log]:
    """A data base of the mail log that is written to; nothing is under way any more when its rows are looked at."""
    database.prepare(Part.LOG)
    settings = sql_settings(make_settings, database, **overrides)
    async with running(settings) as store:
        yield Log(database, settings, store, make_mail)
