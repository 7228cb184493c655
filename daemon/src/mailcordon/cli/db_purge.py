"""`mailcordon db purge`: old messages leave the mail log and the quarantine in SQL."""

import time
from dataclasses import asdict
from datetime import datetime

import click

from mailcordon.cli.db_work import EXIT_BAD, Work
from mailcordon.cli.options import EXIT_CONFIG, fail


@click.command()
@click.option("--dry-run", is_flag=True, help="Only tell how much there is to remove.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="Also all of this partition tag; may be repeated.")
@click.pass_obj
def purge(work: Work, dry_run: bool, tags: tuple[str, ...]) -> None:
    """Remove what is old from the mail log and the quarantine in SQL, and what belongs to no message.

    sql_log_retention_days, quarantine_retention_days and quarantine_retention_days_by_ccat say what is old. Partitions
    of PostgreSQL by tag are made ahead, and dropped as a whole when all in them is old. May be broken off at any time;
    the daemon goes on meanwhile. Files in quarantine are removed by `mailcordon quarantine purge`.
    """
    from mailcordon.store.partitions import Partitions, tags_in_use
    from mailcordon.store.purge import Purge
    from mailcordon.store.retention import Retention

    settings = work.settings
    sources = (work.dsn,) if work.dsn else settings.storage_sql_dsn
    if not sources:
        fail("storage_sql_dsn names no data base", EXIT_CONFIG)
    begun = time.monotonic()
    now = datetime.now().astimezone()
    retention = Retention.at(int(now.timestamp()), settings)
    with work.connected(sources, read_only=True) as reader, work.connected(sources) as writer:
        run = Purge(reader, writer, retention, dry_run=dry_run, tell=work.tell)
        with reader.begin():
            is_partitioned = Partitions.are_in(reader)
        partitions = Partitions(writer) if is_partitioned else None
        if partitions is not None:
            in_use = tags_in_use(settings, now)
            run.make_partitions(partitions, in_use)
            run.drop_partitions(partitions, in_use)
        for tag in tags:
            run.tag(tag, partitions)
        run.old_messages()
        run.old_copies()
        run.unfinished()
        run.orphans()
        run.addresses()
    done = run.purged
    for problem in done.problems:
        click.echo(problem, err=True)
    work.tell(
        f"{'would remove' if dry_run else 'removed'}: {done.messages} messages, {done.copies} copies in quarantine, "
        f"{done.unfinished} unfinished messages, {done.orphans} orphans, {done.addresses} addresses, "
        f"{len(done.dropped_tags)} partitions; {len(done.new_partitions)} tables made"
    )
    work.result(ok=not done.problems, dry_run=dry_run, seconds=round(time.monotonic() - begun, 3), **asdict(done))
    if done.problems:
        raise SystemExit(EXIT_BAD)
