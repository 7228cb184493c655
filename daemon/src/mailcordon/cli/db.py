"""`mailcordon db`: the data bases of `storage_sql_dsn` and `lookup_sql_dsn`."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from mailcordon.cli.account import account, work_as
from mailcordon.cli.db_check import check, grants
from mailcordon.cli.db_purge import purge
from mailcordon.cli.db_work import EXIT_BAD, Work
from mailcordon.cli.options import EXIT_CONFIG, config_directories, fail, load_or_exit
from mailcordon.config.sql_source import sql_source

if TYPE_CHECKING:
    from sqlalchemy import Connection


@click.group()
@config_directories
@click.option("--dsn", metavar="URL", help="Another data base, or the same one as an account with more rights.")
@click.option(
    "--password-file",
    metavar="FILE",
    type=click.File(encoding="utf-8"),
    help="Holds the password for --dsn in its first line, - for standard input; everybody sees arguments.",
)
@account
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def db(
    context: click.Context,
    config_directories: tuple[Path, ...],
    dsn: str | None,
    password_file: IO[str] | None,
    user: str,
    as_json: bool,
) -> None:
    """Make, update, check and clean the tables of the SQL data bases.

    Exit status: 0 done, 1 something is not right, 2 wrong usage, 69 no answer of the data base, 78 bad configuration.
    """
    settings = load_or_exit(config_directories, EXIT_CONFIG).settings
    try:
        source = sql_source(dsn) if dsn else None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--dsn") from None
    if password_file is not None:
        if source is None:
            raise click.UsageError("--password-file goes with --dsn")
        source = replace(source, password=_password(password_file))
    if source is None and not (settings.storage_sql_dsn or settings.lookup_sql_dsn):
        fail("neither storage_sql_dsn nor lookup_sql_dsn names a data base", EXIT_CONFIG)
    work_as(user)
    context.obj = Work(settings, source, as_json)


def _password(file: IO[str]) -> str:
    """What stands in the first line. Read before root's rights are given up."""
    try:
        return file.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(str(error), param_hint="--password-file") from None


@db.command()
@click.option(
    "--partitioned", is_flag=True, help="New tables of PostgreSQL get a partition for each partition tag, made ahead."
)
@click.pass_obj
def upgrade(work: Work, partitioned: bool) -> None:
    """Make the tables, or give those of amavisd-new or of an older release their present form; nothing is lost.

    To be run again when it was broken off.
    """
    from mailcordon.store.migrate import Part, version
    from mailcordon.store.migrate import upgrade as upgrade_part

    results = []
    for name, sources, parts in work.places():
        if partitioned and Part.LOG in parts and not name.is_postgresql:
            fail(f"--partitioned: {name}: only tables of PostgreSQL have partitions by tag", EXIT_BAD)
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
                if partitioned and part is Part.LOG:
                    done += _partitions_ahead(work, connection)
                with connection.begin():
                    current, _ = version(connection, part)
            work.tell(f"{name}: {part.value}: {current}, {len(done) or 'no'} changes")
            results.append({"database": str(name), "part": part.value, "version": current, "changes": done})
    work.result(ok=True, databases=results)


def _partitions_ahead(work: Work, connection: "Connection") -> list[str]:
    """Those that mail needs from now on: a message that comes before its partition keeps it from being made."""
    from mailcordon.store.partitions import Partitions, tags_in_use
    from mailcordon.store.purge import Purge
    from mailcordon.store.retention import Retention

    with connection.begin():
        is_partitioned = Partitions.are_in(connection)
    if not is_partitioned:
        fail("--partitioned: the tables were there already, without partitions, and stay so", EXIT_BAD)
    now = datetime.now().astimezone()
    run = Purge(connection, connection, Retention.at(int(now.timestamp()), work.settings), tell=work.tell)
    run.make_partitions(Partitions(connection), tags_in_use(work.settings, now))
    for problem in run.purged.problems:
        click.echo(problem, err=True)
    return [f"create table {name}" for name in run.purged.new_partitions]


db.add_command(upgrade, "init")
db.add_command(purge)
db.add_command(check)
db.add_command(grants)
