"""`mailcordon serve`."""

import logging
import os
from functools import partial
from pathlib import Path

import click

from mailcordon.cli.options import config_directories, fail, load_or_exit
from mailcordon.config.load import ADMIN_DIRECTORY, Configuration, load
from mailcordon.errors import StartupError
from mailcordon.run import startup
from mailcordon.run.log import logging_to, make_handler, threshold
from mailcordon.run.supervisor import Supervisor

EXIT_CONFIG = 78
"""EX_CONFIG of sysexits.h."""
EXIT_UNAVAILABLE = 69
"""EX_UNAVAILABLE of sysexits.h."""


@click.command()
@config_directories
@click.option("--user", metavar="NAME", help="Account to run as when started by root.")
@click.option("--debug", is_flag=True, help="Log everything to the terminal.")
def serve(config_directories: tuple[Path, ...], user: str | None, debug: bool) -> None:
    """Filter mail in the foreground until SIGTERM; SIGHUP reloads the configuration.

    Takes its listening sockets from systemd, or binds them itself.
    Exit status: 0 stopped, 69 cannot start, 78 bad configuration.
    """
    configuration = load_or_exit(config_directories, EXIT_CONFIG)
    settings = configuration.settings
    try:
        startup.become(user)
        startup.check_files(configuration.files)
        startup.check_directories(settings)
        handler = make_handler(settings, to_terminal=debug)
    except StartupError as error:
        fail(str(error), EXIT_UNAVAILABLE)
    # The start directory may vanish or be unreadable for the service account (features 6.08).
    os.chdir(settings.MYHOME)
    level = logging.DEBUG if debug else threshold(settings.log_level)
    with logging_to(handler, level, queued=False):
        startup.log_inventory(configuration)
        supervisor = Supervisor(partial(_reload, config_directories, to_terminal=debug), to_terminal=debug)
        try:
            supervisor.run(configuration)
        except StartupError as error:
            logging.getLogger(__name__).critical("%s", error)
            fail(str(error), EXIT_UNAVAILABLE)


def _reload(directories: tuple[Path, ...], *, to_terminal: bool) -> Configuration:
    configuration = load(directories or (ADMIN_DIRECTORY,))
    startup.check_files(configuration.files)
    startup.check_directories(configuration.settings)
    # The new workers open the log themselves; where they could not, nobody would hear why.
    make_handler(configuration.settings, to_terminal=to_terminal).close()
    return configuration
