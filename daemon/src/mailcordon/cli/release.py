"""`mailcordon release`, `requeue` and `report`; also as `amavisd-release`, `amavisd-requeue`, `amavisd-report`."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from mailcordon.cli.options import EXIT_UNAVAILABLE, config_directories, fail
from mailcordon.cli.policy_client import ENVIRONMENT, PolicyClient, replies_in, socket_name, succeeded, wanted, who_may
from mailcordon.errors import ProtocolError
from mailcordon.mail.release import RequestKind

EXIT_REFUSED = 1

_DOES = {
    RequestKind.RELEASE: "Send mail from quarantine to its recipients, or to others.",
    RequestKind.REQUEUE: "Send mail from quarantine to the MTA, to be checked once more.",
    RequestKind.REPORT: "Send a report about mail in quarantine, to an abuse desk for example.",
}
_SECRETS_ARE_NO_OPTIONS = {"help_option_names": ["--help"], "ignore_unknown_options": True}
"""Secrets that amavisd-new made may begin with `-`, and web interfaces pass them as they are."""
_HELP = """

MAIL_FILE is what the log shows as quarantine: a path below QUARANTINEDIR, or the mail_id. `[TAG]` at its end is its
partition_tag. An empty SECRET_ID stands for none; it may be left out. A single `-` reads such lines from standard
input.

Exit status: 0 done for every recipient, 1 refused for one of them, 2 wrong usage, 69 the daemon cannot be asked.
"""


def command_for(kind: RequestKind) -> click.Command:
    """The command that makes such requests."""

    @click.command(
        name=kind.value, help=_DOES[kind] + _HELP, short_help=_DOES[kind], context_settings=_SECRETS_ARE_NO_OPTIONS
    )
    @click.argument("words", metavar="MAIL_FILE|- [SECRET_ID] [RECIPIENT]...", nargs=-1, required=True)
    @click.option(
        "--socket",
        "name",
        metavar="PATH|HOST:PORT",
        help=f"Where the daemon listens; else the environment's {ENVIRONMENT}, else as configured.",
    )
    @click.option(
        "--mailbox",
        metavar="FILE",
        help="MAIL_FILE is a mail_id; the copy is in this mailbox file.",
    )
    @click.option("--requested-by", metavar="ADDRESS", help="Who asks for it; the recipient sees it.")
    @click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
    @config_directories
    def command(
        words: tuple[str, ...],
        name: str | None,
        mailbox: str | None,
        requested_by: str | None,
        as_json: bool,
        config_directories: tuple[Path, ...],
    ) -> None:
        further = [("requested_by", requested_by)] if requested_by else []
        _run(kind, words, socket_name(name, config_directories), mailbox, further, as_json=as_json)

    return command


def _run(
    kind: RequestKind,
    words: Sequence[str],
    name: str,
    mailbox: str | None,
    further: Sequence[tuple[str, str]],
    *,
    as_json: bool,
) -> None:
    results: list[dict[str, Any]] = []
    try:
        client = PolicyClient(name)
        try:
            results.extend(_ask(client, kind, call, mailbox, further) for call in _calls(words))
        finally:
            client.close()
    except ProtocolError as error:
        fail(str(error), EXIT_UNAVAILABLE)
    except PermissionError as error:
        fail(f"cannot ask the daemon at {name}: {error.strerror}{who_may(name)}", EXIT_UNAVAILABLE)
    except OSError as error:
        fail(f"cannot ask the daemon at {name}: {error.strerror or error}", EXIT_UNAVAILABLE)
    if as_json:
        click.echo(json.dumps(results, indent=2))
    raise SystemExit(0 if all(result["ok"] for result in results) else EXIT_REFUSED)


def _ask(
    client: PolicyClient,
    kind: RequestKind,
    call: Sequence[str],
    mailbox: str | None,
    further: Sequence[tuple[str, str]],
) -> dict[str, Any]:
    try:
        asked = wanted(call)
    except ProtocolError as error:
        click.echo(str(error), err=True)
        return {"mail_file": call[0], "replies": [], "ok": False}
    if mailbox is not None:
        asked = replace(asked, quar_type="M", mail_file=mailbox)
    replies = replies_in(client.ask([*asked.attributes(kind.value), *further]))
    for reply in replies or ["no reply"]:
        click.echo(reply, err=True)
    return {"mail_file": asked.mail_file, "mail_id": asked.mail_id, "replies": replies, "ok": succeeded(replies)}


def _calls(words: Sequence[str]) -> Iterator[Sequence[str]]:
    if [*words] != ["-"]:
        yield words
        return
    for line in sys.stdin:
        call = [word if word not in ("''", '""') else "" for word in line.split()]
        if call and not line.lstrip().startswith("#"):
            yield call


def main() -> None:
    """The kind follows from the end of the program's name, as it does for amavisd-release."""
    name = Path(sys.argv[0]).name.removesuffix(".py")
    kind = next((kind for kind in RequestKind if name.endswith(kind.value)), RequestKind.RELEASE)
    command_for(kind).main(prog_name=name)
