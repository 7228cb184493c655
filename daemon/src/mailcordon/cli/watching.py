"""What commands that look at the running daemon have in common: where it is, and how often they look."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from mailcordon.cli.options import EXIT_CONFIG, fail, load_or_exit
from mailcordon.run.counter_directory import NAME, DaemonView, read_daemon

EXIT_NOT_RUNNING = 69
"""EX_UNAVAILABLE of sysexits.h."""
DIRECTORY_VARIABLE = "AMAVISD_DB_HOME"
"""Names the directory with the counters, for tools of amavisd-new (B17.09)."""

F = TypeVar("F", bound=Callable[..., Any])


def repeated(interval: float) -> Callable[[F], F]:
    """`-w` and `-c`, with `interval` seconds between two looks unless the user says otherwise."""

    def decorate(command: F) -> F:
        wait = click.option(
            "-w",
            "seconds",
            type=click.FloatRange(min=0.1),
            default=interval,
            show_default=True,
            metavar="SECONDS",
            help="Between two displays.",
        )
        count = click.option(
            "-c", "count", type=click.IntRange(min=1), metavar="COUNT", help="Displays; without it, until Ctrl-C."
        )
        return wait(count(command))

    return decorate


def directory_of(config_directories: tuple[Path, ...]) -> Path:
    """The directory with the counters, by environment or configuration."""
    named = os.environ.get(DIRECTORY_VARIABLE)
    if named:
        return Path(named)
    return load_or_exit(config_directories, EXIT_CONFIG).settings.MYHOME / NAME


def watch(directory: Path, show: Callable[[DaemonView | None], str], *, seconds: float, count: int | None) -> None:
    """Show what the daemon does, again and again. Each look is a fresh one: the daemon may stop and come back.

    With a single look, a daemon that does not run is a failure.
    """
    number = 0
    while True:
        try:
            view = read_daemon(directory)
        except OSError as error:
            fail(f"{directory}: {error.strerror}", EXIT_NOT_RUNNING)
        if view is None and count == 1:
            fail(f"no daemon is running, by what is in {directory}", EXIT_NOT_RUNNING)
        click.echo(show(view))
        number += 1
        if count is not None and number >= count:
            return
        time.sleep(seconds)
