"""`mailcordon quarantine show`."""

import asyncio
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import click

from mailcordon.act.stored_copy import StoredCopy, read_file, read_sql
from mailcordon.cli.options import EXIT_UNAVAILABLE, fail
from mailcordon.cli.policy_client import wanted
from mailcordon.cli.quarantine_output import as_dict, details
from mailcordon.cli.quarantine_source import Source, source_option
from mailcordon.config.partition_tag import shown_tag, with_tag
from mailcordon.config.settings import Settings
from mailcordon.errors import ProtocolError, ReleaseError, StoreError
from mailcordon.mail.header import HeaderSection
from mailcordon.mail.keeping import SQL_KIND
from mailcordon.mail.kept import KeptMail, WantedMails
from mailcordon.mail.release import CopyKind, ReleaseRequest, RequestKind
from mailcordon.run.log_facts import one_line

EXIT_NOT_FOUND = 1
_CHUNK = 256 * 1024
_READABLE_KINDS = {kind.value: kind for kind in (CopyKind.FILE, CopyKind.GZIP, CopyKind.MAILBOX)}


@click.command("show")
@click.argument("name", metavar="MAIL_ID")
@source_option
@click.option("--raw", is_flag=True, help="Print the whole copy, with CR LF at the end of its lines, and nothing else.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@click.pass_obj
def show_command(settings: Settings, /, name: str, source: str, *, raw: bool, as_json: bool) -> None:
    """Show one mail in quarantine: its envelope, what was found, its header section.

    `[TAG]` at the end of MAIL_ID is its partition tag. What the log shows as quarantine stands for it, too.
    """
    if raw and as_json:
        raise click.UsageError("--raw and --json exclude each other")
    try:
        asked = wanted([name])
    except ProtocolError as error:
        raise click.BadParameter(str(error), param_hint="MAIL_ID") from None
    found = Source(settings)
    mail = _the_mail(found, asked.mail_id, asked.partition_tag, source)
    try:
        copy = asyncio.run(_copy_of(found, mail))
    except (ReleaseError, OSError) as error:
        _not_found(str(error))
    except StoreError as error:
        fail(str(error), EXIT_UNAVAILABLE)
    if raw:
        _write(copy)
    elif as_json:
        fields = [{"name": field.name, "body": _text(field.body)} for field in copy.header.fields]
        click.echo(
            json.dumps({**as_dict(mail, found.secret_of(mail), here=found.is_here(mail)), "header": fields}, indent=2)
        )
    else:
        for line in (*details(mail, found.secret_of(mail)), "", *_header_lines(copy.header)):
            click.echo(line)


def _the_mail(found: Source, mail_id: str, tag: str | None, source: str) -> KeptMail:
    one = WantedMails(mail_id=mail_id, partition_tag=None if tag is None else shown_tag(tag), limit=2)
    mails = list(found.mails(one, source))
    if not mails and source == "auto" and found.settings.storage_sql_dsn:
        # Of the time before there was a data base, or longer kept than its rows.
        mails = list(found.mails(one, "files"))
    if not mails:
        _not_found(f"there is no mail {mail_id} in quarantine")
    # Several files with one id are copies of one mail.
    if len({mail.partition_tag for mail in mails}) > 1:
        names = ", ".join(with_tag(mail.mail_id, mail.partition_tag) for mail in mails)
        _not_found(f"several mails have this mail_id, say which one is meant: {names}")
    return mails[0]


async def _copy_of(found: Source, mail: KeptMail) -> StoredCopy:
    """Raises ReleaseError, StoreError and OSError."""
    settings, temporary = found.settings, Path(tempfile.gettempdir())
    if mail.quar_type == SQL_KIND:
        from mailcordon.store.quarantine_reader import QuarantineReader
        from mailcordon.store.statements import Statements

        reader = QuarantineReader(found.databases(), Statements(settings.sql_clause), timeout=settings.sql_timeout)
        try:
            return await read_sql(reader, mail.partition_tag or "0", mail.mail_id, temporary)
        finally:
            reader.close()
    kind = _READABLE_KINDS.get(mail.quar_type)
    if kind is None or "@" in mail.location:
        raise ReleaseError(f"the copy of {mail.mail_id} is not here: {mail.location}")
    request = ReleaseRequest(RequestKind.RELEASE, mail.mail_id, copy_kind=kind, mail_file=mail.location)
    return read_file(request, settings.QUARANTINEDIR, temporary, subdir_levels=settings.quarantine_subdir_levels)


def _write(copy: StoredCopy) -> None:
    """On a terminal nothing that the mail holds does anything to it."""
    with copy.content.view() as view:
        if sys.stdout.isatty():
            for line in bytes(view).decode("utf-8", "surrogateescape").splitlines():
                click.echo(_shown(line))
            return
        for start in range(0, len(view), _CHUNK):
            sys.stdout.buffer.write(view[start : start + _CHUNK])
        sys.stdout.buffer.flush()


def _header_lines(header: HeaderSection) -> Iterator[str]:
    for line in header.octets.decode("utf-8", "surrogateescape").replace("\r\n", "\n").split("\n"):
        if line:
            yield _shown(line)


def _shown(line: str) -> str:
    """Tabs are harmless."""
    return "\t".join(map(one_line, line.split("\t")))


def _text(octets: bytes) -> str:
    return octets.strip().decode("utf-8", "backslashreplace")


def _not_found(message: str) -> NoReturn:
    fail(message, EXIT_NOT_FOUND)
