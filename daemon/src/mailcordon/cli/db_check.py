"""`mailcordon db check` and `mailcordon db grants`: what is wrong, and who may do what."""

from dataclasses import asdict
from datetime import datetime

import click

from mailcordon.cli.db_work import EXIT_BAD, Work

_NO_ACCOUNT = "mailcordon"
"""Where the address of the data base names none."""


@click.command()
@click.pass_obj
def check(work: Work) -> None:
    """Compare tables, columns, codes, version and rights with what the daemon needs. Changes nothing.

    A line for each thing that is wrong, which says what to do.
    """
    from mailcordon.store.inspection import problems

    results = []
    for name, sources, parts in work.places():
        for part in parts:
            with work.connected(sources, read_only=True) as connection:
                found = list(problems(connection, part, work.settings, datetime.now().astimezone()))
            for problem in found:
                work.tell(f"FAIL  {name}: {part.value}: {problem}")
            if not found:
                work.tell(f"pass  {name}: {part.value}")
            results.append({"database": str(name), "part": part.value, "problems": found})
    directory = work.settings.sql_pending_directory
    waiting = len([*directory.glob("*.jsonl")])
    refused = len([*directory.glob("*.refused")])
    if waiting:
        work.tell(f"note  {waiting} files with records wait in {directory} until the daemon can write them")
    if refused:
        work.tell(f"FAIL  {refused} files with records that the data base has refused are in {directory}; see the log")
    good = not refused and not any(result["problems"] for result in results)
    work.result(ok=good, databases=results, waiting_files=waiting, refused_files=refused)
    if not good:
        raise SystemExit(EXIT_BAD)


@click.command()
@click.option("--account", metavar="NAME", help="Instead of the one that the configuration names.")
@click.option("--host", default="localhost", show_default=True, help="From where it connects (MariaDB).")
@click.option(
    "--duty",
    type=click.Choice(["filter", "interface", "policy"]),
    default="filter",
    show_default=True,
    help="The daemon, a web interface, or whoever keeps recipients and their policies.",
)
@click.option("--partitioned", is_flag=True, help="Also those that make and drop partitions by tag (PostgreSQL).")
@click.pass_obj
def grants(work: Work, account: str | None, host: str, duty: str, partitioned: bool) -> None:
    """Print the statements that give an account the rights that it needs, and no others.

    Nothing is carried out, and no data base is asked: the owner of the tables runs them.
    """
    from sqlalchemy import make_url

    from mailcordon.store.rights import Duty, statements
    from mailcordon.store.rights import grants as grants_of

    results = []
    for name, _, parts in work.places():
        url = make_url(name.url)
        if name.is_sqlite:
            work.tell(f"-- {name}: SQLite has no accounts, the mode of the file decides")
        dialect, database = url.get_backend_name(), url.database or ""
        user = account or url.username or _NO_ACCOUNT
        allowed = [one for part in parts for one in grants_of(dialect, part, Duty(duty), partitioned=partitioned)]
        lines = [*statements(dialect, database, allowed, user, host)]
        for line in lines:
            work.tell(line)
        results.append({"database": str(name), "statements": lines, "grants": [asdict(one) for one in allowed]})
    work.result(ok=True, databases=results)
