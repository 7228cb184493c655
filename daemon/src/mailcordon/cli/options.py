"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from mailcordon.config.load import ADMIN_DIRECTORY, Configuration, load
from mailcordon.errors import ConfigError

F = TypeVar("F", bound=Callable[..., Any])

EXIT_UNAVAILABLE = 69
"""EX_UNAVAILABLE of sysexits.h: something that the command needs does not answer, or cannot be read."""
EXIT_CONFIG = 78
"""EX_CONFIG of sysexits.h."""


def config_directories(command: F) -> F:
    """`--config-dir`, repeatable."""
    return click.option(
        "--config-dir",
        "config_directories",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        multiple=True,
        default=(),
        help=f"Read the administrator's fragments from here instead of {ADMIN_DIRECTORY}; may be repeated.",
    )(command)


def load_or_exit(directories: tuple[Path, ...], exit_code: int) -> Configuration:
    """The configuration, or every problem on standard error and the end of the command."""
    try:
        return load(directories or (ADMIN_DIRECTORY,))
    except ConfigError as error:
        refuse(error, exit_code)


def refuse(error: ConfigError, exit_code: int) -> NoReturn:
    """Every problem on standard error, one line each, and the end of the command."""
    for problem in error.problems:
        click.echo(problem, err=True)
    raise SystemExit(exit_code) from None


def fail(message: str, exit_code: int) -> NoReturn:
    """End the command with one line on standard error."""
    click.echo(f"mailcordon: {message}", err=True)
    raise SystemExit(exit_code)
