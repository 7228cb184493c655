"""`mailcordon serve`."""

import logging
import os
from functools import partial
from pathlib import Path

import click

from mailcordon.cli.options import EXIT_CONFIG, EXIT_UNAVAILABLE, config_directories, fail, load_or_exit, refuse
from mailcordon.config.load import ADMIN_DIRECTORY, Configuration, load
from mailcordon.errors import ConfigError, StartupError
from mailcordon.run import startup
from mailcordon.run.account import Account
from mailcordon.run.json_log import check_json_log
from mailcordon.run.log import make_handler, threshold
from mailcordon.run.log_queue import logging_to
from mailcordon.run.settings_checks import check_settings
from mailcordon.run.supervisor import Supervisor


@click.command()
@config_directories
@click.option("--user", metavar="NAME", help="Account to run as when started by root.")
@click.option("--debug", is_flag=True, help="Log everything to the terminal.")
@click.option(
    "--own-config", is_flag=True, help="Take fragments and plugins that the account could change: for trials only."
)
def serve(config_directories: tuple[Path, ...], user: str | None, debug: bool, own_config: bool) -> None:
    """Filter mail in the foreground until SIGTERM; SIGHUP reloads the configuration.

    Takes its listening sockets from systemd, or binds them itself.
    Exit status: 0 stopped, 69 cannot start, 78 bad configuration.
    """
    configuration = load_or_exit(config_directories, EXIT_CONFIG)
    settings = configuration.settings
    try:
        startup.become(user)
        startup.check_installation()
        if not own_config:
            startup.check_files(configuration.files)
        startup.check_directories(settings)
        check_settings(configuration, Account.own(), own_files=own_config)
        handler = make_handler(settings, to_terminal=debug)
        check_json_log(settings, to_terminal=debug)
    except ConfigError as error:
        refuse(error, EXIT_CONFIG)
    except StartupError as error:
        fail(str(error), EXIT_UNAVAILABLE)
    # The start directory may vanish or be unreadable for the service account (features 6.08).
    os.chdir(settings.MYHOME)
    level = threshold(settings.log_level, to_terminal=debug)
    with logging_to(handler, level, queued=False):
        startup.log_inventory(configuration, destination=handler)
        load_again = partial(_reload, config_directories, to_terminal=debug, own_config=own_config)
        supervisor = Supervisor(load_again, to_terminal=debug)
        try:
            supervisor.run(configuration)
        except StartupError as error:
            logging.getLogger(__name__).critical("%s", error)
            fail(str(error), EXIT_UNAVAILABLE)


def _reload(directories: tuple[Path, ...], *, to_terminal: bool, own_config: bool) -> Configuration:
    configuration = load(directories or (ADMIN_DIRECTORY,))
    if not own_config:
        startup.check_files(configuration.files)
    startup.check_directories(configuration.settings)
    check_settings(configuration, Account.own(), own_files=own_config)
    # The new workers open the log themselves; where they could not, nobody would hear why.
    make_handler(configuration.settings, to_terminal=to_terminal).close()
    check_json_log(configuration.settings, to_terminal=to_terminal)
    return configuration
