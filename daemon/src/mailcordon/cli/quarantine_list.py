"""`mailcordon quarantine list`."""

import json
from typing import Any

import click

from mailcordon.cli.quarantine_filters import filters, wanted
from mailcordon.cli.quarantine_output import as_dict, list_line
from mailcordon.cli.quarantine_source import Source, source_option
from mailcordon.config.settings import Settings

EXIT_INCOMPLETE = 1
"""Something could not be read."""


@click.command("list")
@filters
@source_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array, an object for each mail.")
@click.pass_obj
def list_command(settings: Settings, /, source: str, *, as_json: bool, **options: Any) -> None:
    """List mail in quarantine, the latest first; with `--limit 0` files come in no order.

    One line for each: time of reception, mail_id, contents category, sender and recipients of the envelope, subject.
    """
    found = Source(settings)
    separator = "[\n"
    for mail in found.mails(wanted(**options), source):
        if as_json:
            click.echo(separator + json.dumps(as_dict(mail, found.secret_of(mail), here=found.is_here(mail))), nl=False)
            separator = ",\n"
        else:
            click.echo(list_line(mail))
    if as_json:
        click.echo("[]" if separator == "[\n" else "\n]")
    raise SystemExit(EXIT_INCOMPLETE if found.unreadable else 0)
