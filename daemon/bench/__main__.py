"""`python -m bench`: the command."""

import os
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console

from bench import report, splitter, store
from bench.campaign import CONCURRENCIES, Campaign, Plan, Row
from bench.filters import FILTERS, WORKS
from bench.messages import KINDS
from bench.processes import BenchError


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--seconds", default=5.0, help="Aim for one run.")
@click.option("--runs", default=3, help="Runs of each measurement; the median counts.")
@click.option("--work", "works", multiple=True, type=click.Choice(WORKS), default=WORKS, help="What the filters do.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), default=KINDS, help="Kinds of mail.")
@click.option("--concurrency", "concurrencies", multiple=True, type=int, default=CONCURRENCIES, help="Connections.")
@click.option("--filter", "filters", multiple=True, type=click.Choice(tuple(FILTERS)), default=tuple(FILTERS))
@click.option("--limits/--no-limits", default=True, help="Measure clamd, spamd and the next hop alone as well.")
@click.option("--loop/--no-loop", default=True, help="Measure the whole way through Postfix as well.")
@click.option("--tls/--no-tls", default=True, help="Measure mailcordon with clients that use STARTTLS as well.")
@click.option(
    "--recipients/--no-recipients", default=True, help="Measure messages to 200 recipients with 3 policies as well."
)
@click.option("--scaling/--no-scaling", default=True, help="Measure mailcordon with one worker as well.")
@click.option("--logged/--no-logged", default=True, help="Measure mailcordon with its mail log in SQLite as well.")
@click.option("--splitter/--no-splitter", "mime", default=True, help="Measure the MIME splitter alone as well.")
@click.option("--store/--no-store", "mail_log", default=True, help="Measure a mail log of a million messages as well.")
@click.option("--patient/--any-machine", default=True, help="Wait for an idle machine, and repeat disturbed runs.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write all figures there.")
def main(json_file: Path | None, *, mime: bool, mail_log: bool, **plan: object) -> None:
    """Measures mailcordon and amavisd-new on the same mails with the same scanners, and the limits of both.

    Needs root and an idle machine; takes about an hour with all rows. Exit status 2 when it cannot measure.
    """
    console = Console(width=170 if not sys.stdout.isatty() else None)
    progress = Console(stderr=True)
    if os.geteuid() != 0:
        raise click.ClickException("needs root: Postfix and amavisd-new change their accounts")
    rows: list[Row] = []

    def tell(text: str) -> None:
        progress.print(text, highlight=False)

    splitter_rows = splitter.measure() if mime else []
    store_rows: list[store.StoreRow] = []
    with tempfile.TemporaryDirectory(prefix="mailcordon-bench.") as directory:
        Path(directory).chmod(0o755)
        campaign = Campaign(Plan(**plan), Path(directory), tell)  # type: ignore[arg-type]
        try:
            rows.extend(campaign.rows())
            store_rows = store.measure(tell) if mail_log else []
        except (BenchError, OSError) as error:
            progress.print(f"bench: {error}", style="red", highlight=False)
            sys.exit(2)
        finally:
            if rows:
                report.show(console, rows)
                splitter.show(console, splitter_rows)
                store.show(console, store_rows)
                if json_file:
                    json_file.write_text(report.as_json(rows, splitter_rows, store_rows) + "\n")


if __name__ == "__main__":
    main()
