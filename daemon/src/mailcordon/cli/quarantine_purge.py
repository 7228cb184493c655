"""`mailcordon quarantine purge`."""

import json
from dataclasses import asdict
from datetime import datetime

import click

from mailcordon.act.quarantine_purge import purge_files
from mailcordon.cli.options import EXIT_UNAVAILABLE, fail
from mailcordon.cli.quarantine_list import EXIT_INCOMPLETE
from mailcordon.config.settings import Settings


@click.command("purge")
@click.option("--dry-run", is_flag=True, help="Only tell how much there is to remove.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def purge_command(settings: Settings, /, *, dry_run: bool, as_json: bool) -> None:
    """Remove old files from quarantine.

    quarantine_retention_days and quarantine_retention_days_by_ccat say what is old. Mailboxes, and files that are no
    copies of the filter's, stay. Copies in the data base are removed by `mailcordon db purge`.
    """
    problems: list[str] = []
    try:
        purged = purge_files(settings, datetime.now().astimezone(), problem=problems.append, dry_run=dry_run)
    except OSError as error:
        fail(f"{settings.QUARANTINEDIR}: {error.strerror}", EXIT_UNAVAILABLE)
    for problem in problems:
        click.echo(problem, err=True)
    if as_json:
        facts = {"ok": not problems, "dry_run": dry_run, **asdict(purged), "problems": problems}
        click.echo(json.dumps(facts, indent=2))
    else:
        click.echo(f"{'would remove' if dry_run else 'removed'}: {purged.files} files, {purged.octets} octets")
    raise SystemExit(EXIT_INCOMPLETE if problems else 0)
