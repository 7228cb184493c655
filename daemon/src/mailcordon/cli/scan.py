"""`mailcordon scan`."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mailcordon.cli.options import config_directories, fail, load_or_exit
from mailcordon.config.policy_banks import PolicyBanks
from mailcordon.config.settings import Settings
from mailcordon.errors import MailcordonError, UnreadableMessageError
from mailcordon.mail.content import Content
from mailcordon.mail.envelope import Envelope, Recipient, Session
from mailcordon.mail.finding import banning_reason
from mailcordon.mail.header import HeaderSection
from mailcordon.mail.ids import LogIds, new_mail_id
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import Verdict
from mailcordon.pipeline import Inspection, Pipeline
from mailcordon.receive.spool import Spool
from mailcordon.run import startup
from mailcordon.run.databases import WorkerDatabases

EXIT_BLOCKED = 1
EXIT_FAILED = 2
READ_SIZE = 256 * 1024


@click.command()
@click.argument("file", metavar="FILE|-")
@config_directories
@click.option(
    "--sender", metavar="ADDRESS", help="Envelope sender; the Return-Path field or the null sender if absent."
)
@click.option("--recipient", "recipients", metavar="ADDRESS", multiple=True, help="Envelope recipient; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def scan(
    file: str, config_directories: tuple[Path, ...], sender: str | None, recipients: tuple[str, ...], as_json: bool
) -> None:
    """Run one message through the pipeline offline and tell what would become of it.

    Nothing is delivered, quarantined or logged.
    Exit status: 0 would be delivered, 1 blocked for at least one recipient, 2 cannot be read or checked.
    """
    settings = _with_own_directory(load_or_exit(config_directories, EXIT_FAILED).settings)
    try:
        # Without root's rights nobody but the user can be harmed by a plugin that somebody has changed.
        startup.check_plugins(settings, own_files=os.geteuid() != 0)
        content = _read(file, settings)
        try:
            mail = _mail(content, settings, sender, recipients)
            inspection = asyncio.run(_inspect(mail, settings))
        finally:
            content.close()
    except MailcordonError as error:
        fail(str(error), EXIT_FAILED)
    if as_json:
        click.echo(json.dumps(as_dict(mail, inspection), indent=2))
    else:
        _print(mail, inspection)
    raise SystemExit(EXIT_BLOCKED if _is_blocked(inspection) else 0)


def _with_own_directory(settings: Settings) -> Settings:
    """An offline scan may run as any user: what does not stay in memory goes where that user may write."""
    if os.access(settings.TEMPBASE, os.W_OK):
        return settings
    return settings.model_copy(update={"TEMPBASE": Path(os.environ.get("TMPDIR", "/tmp"))})  # noqa: S108


def _read(file: str, settings: Settings) -> Content:
    with Spool(settings.TEMPBASE, settings.spool_memory_limit) as spool:
        try:
            with sys.stdin.buffer if file == "-" else Path(file).open("rb") as stream:
                while chunk := stream.read(READ_SIZE):
                    spool.add(chunk)
                    if spool.wants_flush:
                        spool.flush()
        except OSError as error:
            raise UnreadableMessageError(f"{file}: cannot be read: {error.strerror}") from None
        return spool.seal()


def _mail(content: Content, settings: Settings, sender: str | None, recipients: Sequence[str]) -> Mail:
    header = HeaderSection.of(content.view())
    return_path = header.text("Return-Path") or ""
    return Mail(
        log_id=LogIds(os.getpid()).new(),
        mail_id=new_mail_id(settings.mail_id_size_bits),
        received_at=datetime.now().astimezone(),
        session=Session(originating=settings.originating),
        envelope=Envelope(
            sender=return_path.strip("<>") if sender is None else sender,
            recipients=tuple(Recipient(address) for address in recipients or (f"postmaster@{settings.mydomain}",)),
        ),
        header=header,
        content=content,
    )


async def _inspect(mail: Mail, settings: Settings) -> Inspection:
    databases = WorkerDatabases(settings, with_store=False)
    pipeline = Pipeline(PolicyBanks(settings), databases.fields, pen_pals=databases.pen_pals)
    try:
        return await pipeline.inspect(mail)
    finally:
        await pipeline.close()
        await databases.close()


def _is_blocked(inspection: Inspection) -> bool:
    return any(verdict.blocking for verdict in inspection.verdicts)


def as_dict(mail: Mail, inspection: Inspection) -> dict[str, Any]:
    """What `--json` prints."""
    findings = inspection.findings
    spam = findings.spam
    return {
        "category": max(verdict.main for verdict in inspection.verdicts).display_name.lower(),
        "blocked": _is_blocked(inspection),
        "size": mail.size,
        "sender": mail.envelope.sender,
        "virus_names": list(findings.virus_names),
        "findings": [
            {
                "category": found.category.display_name.lower(),
                "name": found.name,
                "source": found.source,
                "part": found.part.location if found.part else None,
                "path": found.ban.parts if found.ban else None,
                "recipients": sorted(found.recipients) if found.recipients is not None else None,
            }
            for found in findings.found
        ],
        "spam": spam and {"score": spam.score, "tests": dict(spam.tests)},
        "recipients": [_recipient_as_dict(verdict) for verdict in inspection.verdicts],
        "parts": [
            {
                "location": part.location,
                "type": part.content_type,
                "encoding": part.encoding,
                "names": list(part.names),
                "size": part.end - part.body_start if part.size is None else part.size,
                "member": part.is_member,
                "short_types": list(part.short_types),
                "full_type": part.full_type,
                "attributes": part.attributes,
            }
            for part in inspection.root.walk()
        ],
    }


def _recipient_as_dict(verdict: Verdict) -> dict[str, Any]:
    return {
        "address": verdict.recipient.address,
        "local": verdict.is_local,
        "category": verdict.main.display_name.lower(),
        "blocked": verdict.blocking is not None,
        "destiny": verdict.destiny.name.lower(),
        "reason": verdict.reason,
        "quarantine_to": verdict.quarantine_to,
        "score": verdict.score,
        "header_fields": [list(field) for field in verdict.edits.prepend],
    }


def _print(mail: Mail, inspection: Inspection) -> None:
    result = as_dict(mail, inspection)
    console = Console(highlight=False)
    names = ", ".join(result["virus_names"]) or banning_reason(inspection.findings.found)
    console.print(f"category: [bold]{escape(result['category'])}[/bold]" + (f" ({escape(names)})" if names else ""))
    if result["spam"]:
        console.print(f"spam score: {result['spam']['score']:g}")
    recipients = Table("recipient", "what becomes of it", "reason", box=None)
    for item in result["recipients"]:
        decision = item["destiny"] if item["blocked"] else "deliver"
        recipients.add_row(escape(item["address"]), decision, escape(item["reason"]))
    console.print(recipients)
    parts = Table("part", "type", "is", "names", "octets", box=None)
    for part in result["parts"]:
        found = " ".join([f".{short}" for short in part["short_types"]] + list(part["attributes"]))
        names = escape(", ".join(part["names"]))
        parts.add_row(part["location"], escape(part["type"]), found, names, str(part["size"]))
    console.print(parts)
