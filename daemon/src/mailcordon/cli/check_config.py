"""`mailcordon check-config`."""

import json
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from mailcordon.cli.options import config_directories
from mailcordon.config.load import ADMIN_DIRECTORY, Configuration, load
from mailcordon.errors import ConfigError

EXIT_BAD = 1


@click.command("check-config")
@config_directories
@click.option("--show", is_flag=True, help="Print the effective configuration and where each value comes from.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def check_config(config_directories: tuple[Path, ...], show: bool, as_json: bool) -> None:
    """Check the configuration and report everything that is wrong with it at once.

    Exit status: 0 good, 1 bad configuration, 2 wrong usage.
    """
    try:
        configuration = load(config_directories or (ADMIN_DIRECTORY,))
    except ConfigError as error:
        if as_json:
            click.echo(json.dumps({"ok": False, "errors": list(error.problems)}, indent=2))
        else:
            for problem in error.problems:
                click.echo(problem, err=True)
        raise SystemExit(EXIT_BAD) from None
    if as_json:
        click.echo(json.dumps(_as_json(configuration, show=show), indent=2, default=str))
    elif show:
        _print_table(configuration)
    else:
        click.echo(f"configuration is good: {len(configuration.files)} fragments")


def _as_json(configuration: Configuration, *, show: bool) -> dict[str, object]:
    result: dict[str, object] = {"ok": True, "errors": [], "files": [str(path) for path in configuration.files]}
    if show:
        result["settings"] = dict(configuration.effective())
    return result


def _print_table(configuration: Configuration) -> None:
    table = Table("setting", "value", "from", box=None)
    for name, value in configuration.effective():
        origin = configuration.origins.get(name)
        table.add_row(name, json.dumps(value, default=str), origin.name if origin else "derived")
    Console().print(table)
