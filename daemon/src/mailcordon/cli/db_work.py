"""What the commands about the data bases share."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from mailcordon.cli.options import EXIT_UNAVAILABLE, fail
from mailcordon.config.settings import Settings
from mailcordon.config.sql_source import SqlSource
from mailcordon.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mailcordon.store.migrate import Part

EXIT_BAD = 1
"""Something is not as it should be."""


@dataclass(frozen=True, slots=True)
class Work:
    """What all subcommands are given."""

    settings: Settings
    dsn: SqlSource | None
    as_json: bool

    def tell(self, text: str) -> None:
        """Progress, for people who wait."""
        if not self.as_json:
            click.echo(text)

    def result(self, **facts: Any) -> None:
        """For programs."""
        if self.as_json:
            click.echo(json.dumps(facts, indent=2, default=str))

    def places(self) -> Iterator[tuple[SqlSource, tuple[SqlSource, ...], "tuple[Part, ...]"]]:
        """Each data base once: its name, those that stand for it, and what it holds."""
        from mailcordon.store.migrate import Part

        log, lookup = self.settings.storage_sql_dsn, self.settings.lookup_sql_dsn
        if self.dsn is not None:
            same = (self.dsn,)
            yield (
                self.dsn,
                same,
                tuple(part for part, used in ((Part.LOG, log), (Part.LOOKUP, lookup)) if used)
                or (
                    Part.LOG,
                    Part.LOOKUP,
                ),
            )
        elif log and log == lookup:
            yield log[0], log, (Part.LOG, Part.LOOKUP)
        else:
            if log:
                yield log[0], log, (Part.LOG,)
            if lookup:
                yield lookup[0], lookup, (Part.LOOKUP,)

    @contextmanager
    def connected(self, sources: tuple[SqlSource, ...], *, read_only: bool = False) -> "Iterator[Connection]":
        """A connection whose statements may take as long as they need; one that is `read_only` keeps nobody waiting.
        Ends the command where there is none, or where the data base refuses something."""
        from sqlalchemy.exc import SQLAlchemyError

        from mailcordon.store.engine import Databases, reason

        try:
            with Databases(sources, timeout=0, read_only=read_only).connect() as connection:
                yield connection
        except (SQLAlchemyError, StoreError) as error:
            fail(reason(error), EXIT_UNAVAILABLE)
