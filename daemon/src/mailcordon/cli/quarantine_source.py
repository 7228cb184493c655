"""Where the commands find what is in quarantine: the data base where there is one, else the files."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mailcordon.act.quarantine_list import kept_below
from mailcordon.cli.options import EXIT_CONFIG, EXIT_UNAVAILABLE, fail
from mailcordon.config.secret_key import secret_ids_if_allowed
from mailcordon.config.settings import Settings
from mailcordon.confined_file import open_below
from mailcordon.errors import StoreError
from mailcordon.mail.keeping import SQL_KIND
from mailcordon.mail.kept import KeptMail, WantedMails
from mailcordon.mail.secret_id import SecretIds

if TYPE_CHECKING:
    from mailcordon.store.engine import Databases

F = TypeVar("F", bound=Callable[..., Any])

SOURCES = ("auto", "sql", "files")
_TIMEOUT = 120.0
"""Seconds for each answer of a data base."""


@dataclass
class Source:
    """Finds and tells."""

    settings: Settings
    unreadable: int = 0
    """How many files or directories could not be read."""

    def mails(self, wanted: WantedMails, source: str) -> Iterator[KeptMail]:
        """Those that are wanted. Ends the command when they cannot be read."""
        if source == "sql" and not self.settings.storage_sql_dsn:
            fail("storage_sql_dsn names no data base", EXIT_CONFIG)
        if source != "files" and self.settings.storage_sql_dsn:
            yield from self._in_sql(wanted)
        else:
            yield from self._in_files(wanted)

    def secret_of(self, mail: KeptMail) -> str | None:
        """What authorises the release of a mail, for those who may know it."""
        if mail.secret_id is not None:
            return mail.secret_id
        return self._secrets.of(mail.mail_id) if self._secrets else None

    def is_here(self, mail: KeptMail) -> bool:
        """Whether this host has the copy: data bases are shared, files are not."""
        if mail.quar_type == SQL_KIND:
            return True
        try:
            os.close(open_below(self.settings.QUARANTINEDIR, PurePosixPath(mail.location)))
        except (OSError, ValueError):
            return False
        return True

    def databases(self) -> "Databases":
        """Those of the mail log, for reading."""
        from mailcordon.store.engine import Databases

        return Databases(self.settings.storage_sql_dsn, timeout=_TIMEOUT, read_only=True)

    def _in_sql(self, wanted: WantedMails) -> Iterator[KeptMail]:
        from mailcordon.store.quarantine_list import kept_in

        try:
            yield from kept_in(self.databases(), wanted, case_sensitive=self.settings.localpart_is_case_sensitive)
        except StoreError as error:
            fail(f"{error}; copies in files are shown with --source files", EXIT_UNAVAILABLE)

    def _in_files(self, wanted: WantedMails) -> Iterator[KeptMail]:
        directory = self.settings.QUARANTINEDIR
        try:
            yield from kept_below(directory, wanted, self._problem)
        except OSError as error:
            fail(f"{directory}: {error.strerror}", EXIT_UNAVAILABLE)

    def _problem(self, text: str) -> None:
        self.unreadable += 1
        click.echo(f"mailcordon: {text}", err=True)

    @cached_property
    def _secrets(self) -> SecretIds | None:
        return secret_ids_if_allowed(self.settings)


def source_option(command: F) -> F:
    """`--source`."""
    return click.option(
        "--source",
        type=click.Choice(SOURCES),
        default=SOURCES[0],
        show_default=True,
        help="Ask the data base of storage_sql_dsn, or look at the files below QUARANTINEDIR; auto: the data base if "
        "there is one.",
    )(command)
