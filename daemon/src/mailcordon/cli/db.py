"""`mailcordon db`: the data bases of `storage_sql_dsn` and `lookup_sql_dsn`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mailcordon.cli.options import config_directories, fail, load_or_exit
from mailcordon.config.settings import Settings
from mailcordon.config.sql_source import SqlSource, sql_source
from mailcordon.errors import StartupError, StoreError
from mailcordon.run.startup import become

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mailcordon.store.migrate import Part

EXIT_BAD = 1
"""Something is not as it should be."""
EXIT_CONFIG = 78
"""EX_CONFIG of sysexits.h."""
EXIT_UNAVAILABLE = 69
"""EX_UNAVAILABLE of sysexits.h: the data base does not answer, or refuses."""


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
    def connected(self, sources: tuple[SqlSource, ...]) -> "Iterator[Connection]":
        """A connection whose statements may take as long as they need. Ends the command where there is none."""
        from sqlalchemy.exc import SQLAlchemyError

        from mailcordon.store.engine import Databases, reason

        try:
            with Databases(sources, timeout=0).connect() as connection:
                yield connection
        except (SQLAlchemyError, StoreError) as error:
            fail(reason(error), EXIT_UNAVAILABLE)


@click.group()
@config_directories
@click.option("--dsn", metavar="URL", help="Another data base, or the same one as an account with more rights.")
@click.option(
    "--user", metavar="NAME", default="mailcordon", show_default=True, help="Account to work as when started by root."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def db(context: click.Context, config_directories: tuple[Path, ...], dsn: str | None, user: str, as_json: bool) -> None:
    """Make, update, check and clean the tables of the SQL data bases.

    Exit status: 0 done, 1 something is not right, 2 wrong usage, 69 no answer of the data base, 78 bad configuration.
    """
    settings = load_or_exit(config_directories, EXIT_CONFIG).settings
    try:
        source = sql_source(dsn) if dsn else None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--dsn") from None
    if source is None and not (settings.storage_sql_dsn or settings.lookup_sql_dsn):
        fail("neither storage_sql_dsn nor lookup_sql_dsn names a data base", EXIT_CONFIG)
    try:
        become(user)
    except StartupError as error:
        fail(str(error), EXIT_UNAVAILABLE)
    context.obj = Work(settings, source, as_json)


@db.command()
@click.option("--partitioned", is_flag=True, help="New tables of PostgreSQL get a partition for each partition tag.")
@click.pass_obj
def upgrade(work: Work, partitioned: bool) -> None:
    """Make the tables, or give those of amavisd-new or of an older release their present form; nothing is lost.

    To be run again when it was broken off.
    """
    from mailcordon.store.migrate import upgrade as upgrade_part
    from mailcordon.store.migrate import version

    results = []
    for name, sources, parts in work.places():
        for part in parts:
            with work.connected(sources) as connection:
                with connection.begin():
                    done = upgrade_part(
                        connection,
                        part,
                        allow_8bit=work.settings.sql_allow_8bit_address,
                        partitioned=partitioned,
                        tell=work.tell,
                    )
                with connection.begin():
                    current, _ = version(connection, part)
            work.tell(f"{name}: {part.value}: {current}, {len(done) or 'no'} changes")
            results.append({"database": str(name), "part": part.value, "version": current, "changes": done})
    work.result(ok=True, databases=results)


db.add_command(upgrade, "init")
