"""`mailcordon check-config`."""

import asyncio
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import click

from mailcordon.check.base import ScannerState
from mailcordon.check.registry import Checks
from mailcordon.cli.account import DAEMON_ACCOUNT
from mailcordon.cli.options import config_directories, refuse
from mailcordon.config.load import ADMIN_DIRECTORY, Configuration, load
from mailcordon.config.regimes import constant
from mailcordon.config.schema import json_schema
from mailcordon.config.settings import Settings
from mailcordon.errors import ConfigError
from mailcordon.run.account import Account
from mailcordon.run.prerequisites import Prerequisite
from mailcordon.run.prerequisites import check as check_prerequisites
from mailcordon.run.settings_checks import checks_for

EXIT_BAD = 1


@click.command("check-config")
@config_directories
@click.option("--show", is_flag=True, help="Print the effective configuration and where each value comes from.")
@click.option(
    "--bank", "banks", metavar="NAME[,NAME]", default="", help="With --show: under these policy banks, in this order."
)
@click.option(
    "--prerequisites", is_flag=True, help="Report whether account, directories, modules and configuration fit."
)
@click.option("--scanners", is_flag=True, help="Ask every scanner whether it answers.")
@click.option("--user", metavar="NAME", default=DAEMON_ACCOUNT, show_default=True, help="Account for --prerequisites.")
@click.option("--own-config", is_flag=True, help="Take plugins that others than root could change: for trials only.")
@click.option("--schema", is_flag=True, help="Print the JSON schema of a fragment, for editors.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def check_config(
    config_directories: tuple[Path, ...],
    show: bool,
    banks: str,
    prerequisites: bool,
    scanners: bool,
    user: str,
    own_config: bool,
    schema: bool,
    as_json: bool,
) -> None:
    """Check the configuration and report everything that is wrong with it at once, and what may be risky.

    Exit status: 0 good, 1 bad configuration, or with --scanners no primary virus scanner that answers while mail is
    checked for viruses, 2 wrong usage.
    """
    if schema:
        click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
        return
    directories = config_directories or (ADMIN_DIRECTORY,)
    if prerequisites:
        _report(check_prerequisites(directories, user), as_json=as_json)
        return
    try:
        configuration = load(directories, checks_for(Account.own(), own_files=own_config))
    except ConfigError as error:
        if as_json:
            click.echo(json.dumps({"ok": False, "errors": error.problems}, indent=2))
            raise SystemExit(EXIT_BAD) from None
        refuse(error, EXIT_BAD)
    if scanners:
        _report_scanners(configuration.settings, as_json=as_json)
        return
    loaded = _known_banks(configuration, banks)
    if as_json:
        click.echo(json.dumps(_as_json(configuration, loaded, show=show), indent=2, default=str))
    elif show or loaded:
        _print_settings(configuration, loaded)
    else:
        for warning in configuration.warnings:
            click.echo(f"warning: {warning}", err=True)
        click.echo(f"configuration is good: {len(configuration.files)} fragments")


def _report(results: Sequence[Prerequisite], *, as_json: bool) -> None:
    if as_json:
        state = {result.name: {"ok": result.passed, "errors": list(result.problems)} for result in results}
        click.echo(json.dumps({"ok": all(result.passed for result in results), "prerequisites": state}, indent=2))
    else:
        for result in results:
            for text in result.problems or (result.facts,):
                click.echo(f"{'pass' if result.passed else 'FAIL'}  {result.name:<13}  {text}")
    if not all(result.passed for result in results):
        raise SystemExit(EXIT_BAD)


def _report_scanners(settings: Settings, *, as_json: bool) -> None:
    """Features 7.02: a host where only backup scanners are left is not good."""
    # What would go to the log is printed.
    logging.getLogger("mailcordon").addHandler(logging.NullHandler())
    states = asyncio.run(_scanner_states(settings))
    answering = [state for state in states if not state.is_absent and state.failure is None]
    wanted = constant(settings.bypass_virus_checks) is not True
    passed = not wanted or any(state.tier == "primary" for state in answering)
    if as_json:
        rows = [
            {"name": state.name, "tier": state.tier, "address": state.address, "ok": state in answering}
            for state in states
        ]
        click.echo(json.dumps({"ok": passed, "scanners": rows}, indent=2))
    else:
        for state in states:
            click.echo(str(state))
        if not passed:
            click.echo("mailcordon: no primary virus scanner answers", err=True)
    if not passed:
        raise SystemExit(EXIT_BAD)


async def _scanner_states(settings: Settings) -> Sequence[ScannerState]:
    checks = Checks(settings)
    try:
        return await checks.ready()
    finally:
        await checks.close()


def _known_banks(configuration: Configuration, names: str) -> list[str]:
    wanted = [name for name in names.split(",") if name]
    defined = sorted(configuration.settings.policy_bank)
    unknown = [name for name in wanted if name not in defined]
    if unknown:
        raise click.BadParameter(f"there is no policy bank {', '.join(unknown)}; defined are {', '.join(defined)}")
    return wanted


def _as_json(configuration: Configuration, banks: list[str], *, show: bool) -> dict[str, object]:
    result: dict[str, object] = {
        "ok": True,
        "errors": [],
        "warnings": list(configuration.warnings),
        "files": [str(path) for path in configuration.files],
    }
    if show or banks:
        settings = dict(configuration.effective(banks))
        result["settings"] = settings
        origins = {name: configuration.origin(name, banks) for name in settings}
        result["origins"] = {name: str(origin) for name, origin in origins.items() if origin}
    return result


def _print_settings(configuration: Configuration, banks: list[str]) -> None:
    """A line for each setting, with its place before its value: values may be long."""
    rows = []
    for name, value in configuration.effective(banks):
        origin = configuration.origin(name, banks)
        rows.append(
            (name, f"{origin.path.name}:{origin.line}" if origin else "derived", json.dumps(value, default=str))
        )
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, place, value in rows:
        click.echo(f"{name:<{widths[0]}}  {place:<{widths[1]}}  {value}")
