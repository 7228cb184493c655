"""Options that say which mails in quarantine are wanted."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click

from mailcordon.config.partition_tag import shown_tag
from mailcordon.mail.content_code import CONTENT_WORDS
from mailcordon.mail.kept import AddressPattern, WantedMails

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_LIMIT = 100
_AGE = re.compile(r"(\d{1,9})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_CODES = {word: code for code, word in CONTENT_WORDS.items()} | {code: code for code in CONTENT_WORDS}


class Moment(click.ParamType[datetime]):
    """A time, or how long ago it was."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """See above."""
        match = _AGE.fullmatch(str(value))
        try:
            if match is not None:
                return datetime.now(UTC) - timedelta(**{_UNITS[match[2]]: int(match[1])})
            # Without a zone it is the local one.
            return datetime.fromisoformat(str(value)).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is neither a time such as 2026-11-29T08:00 nor an age such as 12h or 7d", param, ctx)


def filters(command: F) -> F:
    """All of them; the command takes them as arguments of `wanted`."""
    options = [
        click.option("--since", type=Moment(), metavar="TIME|AGE", help="Received then or later, as 2026-11-29 or 7d."),
        click.option("--until", type=Moment(), metavar="TIME|AGE", help="Received before that."),
        click.option("--sender", metavar="PATTERN", help="Envelope sender: an address, @domain, or with * and ?."),
        click.option("--recipient", metavar="PATTERN", help="One of the envelope's recipients, likewise."),
        click.option(
            "--content",
            "contents",
            type=click.Choice(sorted(_CODES)),
            multiple=True,
            metavar="CATEGORY",
            help=f"Contents category: {', '.join(CONTENT_WORDS.values())}, or its letter. May be repeated.",
        ),
        click.option("--subject", metavar="TEXT", help="Part of the subject."),
        click.option("--mail-id", metavar="MAIL_ID", help="Of this mail only."),
        click.option("--tag", "partition_tag", metavar="TAG", help="Partition tag; data base only."),
        click.option(
            "--limit",
            type=click.IntRange(min=0),
            default=DEFAULT_LIMIT,
            show_default=True,
            help="At most so many, the latest; 0 for all.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def wanted(
    *,
    since: datetime | None,
    until: datetime | None,
    sender: str | None,
    recipient: str | None,
    contents: tuple[str, ...],
    subject: str | None,
    mail_id: str | None,
    partition_tag: str | None,
    limit: int,
) -> WantedMails:
    """What the options ask for."""
    return WantedMails(
        since=since,
        until=until,
        sender=None if sender is None else AddressPattern(sender),
        recipient=None if recipient is None else AddressPattern(recipient),
        contents=frozenset(_CODES[content] for content in contents),
        subject=subject,
        mail_id=mail_id,
        partition_tag=None if partition_tag is None else shown_tag(partition_tag),
        limit=limit,
    )
