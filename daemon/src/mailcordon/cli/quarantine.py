"""`mailcordon quarantine`: what is in quarantine."""

from pathlib import Path

import click

from mailcordon.cli.account import account, work_as
from mailcordon.cli.options import EXIT_CONFIG, config_directories, load_or_exit
from mailcordon.cli.quarantine_list import list_command
from mailcordon.cli.quarantine_purge import purge_command
from mailcordon.cli.quarantine_show import show_command


@click.group()
@config_directories
@account
@click.pass_context
def quarantine(context: click.Context, config_directories: tuple[Path, ...], user: str) -> None:
    """Look at the mail in quarantine, and remove what is old.

    Exit status: 0 done, 1 there is no such mail or some of it cannot be read or removed, 2 wrong usage, 69 data base or
    directory cannot be read, 78 bad configuration.
    """
    context.obj = load_or_exit(config_directories, EXIT_CONFIG).settings
    work_as(user)


quarantine.add_command(list_command)
quarantine.add_command(show_command)
quarantine.add_command(purge_command)
