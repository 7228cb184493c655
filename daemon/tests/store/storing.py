"""What the tests of the store share: a store on a data base, messages, and what becomes of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from databases import Database
from mailcordon.config.settings import Settings
from mailcordon.mail.category import CLEAN, Category, Destiny
from mailcordon.mail.envelope import Recipient
from mailcordon.mail.finding import Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.reply import Reply
from mailcordon.mail.verdict import Disposition, Outcome, QuarantineCopy, RecipientOutcome, Verdict
from mailcordon.store.store import Store

MakeSettings = Callable[..., Settings]
OK = Reply(250, "2.0.0", "Ok, id=04711-01, from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 4BdkW2")


def sql_settings(make_settings: MakeSettings, database: Database, **overrides: Any) -> Settings:
    """Settings with the data base for the mail log."""
    return make_settings(storage_sql_dsn=[database.url], **overrides)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Store]:
    """A store, closed in the end."""
    store = Store(settings)
    store.start()
    try:
        yield store
    finally:
        await store.close()


def verdict(address: str, category: Category = CLEAN, destiny: Destiny = Destiny.PASS, **changes: Any) -> Verdict:
    """One recipient's."""
    return Verdict(
        recipient=Recipient(address),
        is_local=True,
        categories=frozenset({category}),
        main=category,
        blocking=None if destiny is Destiny.PASS else category,
        destiny=destiny,
        reason="",
        **changes,
    )


def outcome(
    mail: Mail,
    disposition: Disposition = Disposition.RELAYED,
    quarantine: Iterable[QuarantineCopy] = (),
    category: Category = CLEAN,
    **changes: Any,
) -> Outcome:
    """The same for all recipients."""
    recipients = tuple(
        RecipientOutcome(verdict(recipient.address, category, **changes), disposition, OK)
        for recipient in mail.envelope.recipients
    )
    return Outcome(recipients, OK, tuple(quarantine))


async def log_mail(store: Store, settings: Settings, mail: Mail, result: Outcome | None = None) -> Mail:
    """Take a message through the store as the pipeline does."""
    place = store.begin(mail, settings)
    mail = await place.settle(mail)
    place.finish(mail, settings, Findings(), result or outcome(mail))
    return mail


async def until(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Wait for something that the writer does."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - it happens in another thread or process
            await asyncio.sleep(0.02)
    assert condition(), what
