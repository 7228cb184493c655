"""The `mailcordon` command."""

from collections.abc import Callable
from importlib import import_module

import click

from mailcordon import __version__
from mailcordon.mail.release import RequestKind

_COMMANDS = {
    "serve": "mailcordon.cli.serve:serve",
    "check-config": "mailcordon.cli.check_config:check_config",
    "scan": "mailcordon.cli.scan:scan",
    "password": "mailcordon.cli.password:password",
    "db": "mailcordon.cli.db:db",
    "quarantine": "mailcordon.cli.quarantine:quarantine",
    **{kind.value: "mailcordon.cli.release:command_for" for kind in RequestKind},
    "stats": "mailcordon.cli.stats:stats",
    "workers": "mailcordon.cli.workers:workers",
}
"""Where each command is, in the order of the help."""


class _LoadedWhenUsed(click.Group):
    """Imports only the command that is called: the daemon's memory and the start of short commands depend on it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, name = place.split(":")
        found: click.Command | Callable[[RequestKind], click.Command] = getattr(import_module(module), name)
        return found if isinstance(found, click.Command) else found(RequestKind(cmd_name))


@click.group(cls=_LoadedWhenUsed, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="mailcordon")
def main() -> None:
    """Mail filter between Postfix, ClamAV and SpamAssassin."""
