"""The data bases of a worker. What they need is loaded here and only where there are any: it takes time and memory."""

import asyncio
import importlib
from contextlib import suppress
from typing import TYPE_CHECKING

from mailcordon.config.regimes import regimes
from mailcordon.config.settings import Settings

if TYPE_CHECKING:
    from mailcordon.store.lookups import SqlFields
    from mailcordon.store.penpals import SqlPenPals
    from mailcordon.store.store import Store


class WorkerDatabases:
    """All of them, as far as there are any."""

    def __init__(self, settings: Settings, *, with_store: bool = True) -> None:
        """`with_store`: what happens is to be written down."""
        self.fields = _fields_of(settings)
        """Knows settings of recipients."""
        self.store = _store_of(settings) if with_store else None
        """Keeps the mail log."""
        self.pen_pals = _pen_pals_of(settings)
        """Knows who has written to whom; None if nobody wants to know."""

    def start(self) -> None:
        """Begin to write."""
        if self.store:
            self.store.start()

    async def close(self) -> None:
        """Write what is left, and end the connections."""
        if self.store:
            await self.store.close()
        if self.pen_pals:
            await self.pen_pals.close()
        if self.fields:
            await asyncio.to_thread(self.fields.close)


def load_libraries(settings: Settings) -> None:
    """Load what `WorkerDatabases` and their drivers need before workers are forked, which then share its memory."""
    sources = (*settings.storage_sql_dsn, *settings.lookup_sql_dsn)
    if not sources:
        return
    if settings.storage_sql_dsn:
        importlib.import_module("mailcordon.store.store")
        importlib.import_module("mailcordon.store.penpals")
    if settings.lookup_sql_dsn:
        importlib.import_module("mailcordon.store.lookups")
    from mailcordon.store.engine import load_driver

    for source in sources:
        # Without its driver a data base cannot be reached, and the workers say so.
        with suppress(ImportError):
            load_driver(source)


def _fields_of(settings: Settings) -> "SqlFields | None":
    if not settings.lookup_sql_dsn:
        return None
    from mailcordon.store.lookups import SqlFields

    return SqlFields(settings)


def _store_of(settings: Settings) -> "Store | None":
    if not settings.storage_sql_dsn:
        return None
    from mailcordon.store.store import Store

    return Store(settings)


def _pen_pals_of(settings: Settings) -> "SqlPenPals | None":
    wanted = (effective.penpals_bonus_score or effective.bounce_killer_score for _, effective in regimes(settings))
    if not settings.storage_sql_dsn or not any(wanted):
        return None
    from mailcordon.store.penpals import SqlPenPals

    return SqlPenPals(settings)
