"""The account that commands work as."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from mailcordon.cli.options import EXIT_UNAVAILABLE, fail
from mailcordon.errors import StartupError
from mailcordon.run.startup import become

F = TypeVar("F", bound=Callable[..., Any])

DAEMON_ACCOUNT = "mailcordon"
"""That of the packaged unit."""


def account(command: F) -> F:
    """`--user`: for `work_as`."""
    return click.option(
        "--user",
        metavar="NAME",
        default=DAEMON_ACCOUNT,
        show_default=True,
        help="Account to work as when started by root.",
    )(command)


def work_as(user: str) -> None:
    """Give up root's rights. Ends the command when that is not possible."""
    try:
        become(user)
    except StartupError as error:
        fail(str(error), EXIT_UNAVAILABLE)
