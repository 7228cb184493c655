"""What a list of the quarantine says of each mail, and which mails are wanted in it."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from mailcordon.mail.content_code import OTHER


@dataclass(frozen=True, slots=True)
class KeptRecipient:
    """One recipient of the envelope. What only a data base knows is empty or None where the copy is all there is."""

    address: str
    blocked: bool
    """Whether the mail was kept from this one."""
    content: str = ""
    """Contents category, code of B2.10."""
    fate: str = ""
    """What became of the mail: `ds` of B2.10."""
    state: str = ""
    """What a web interface has noted: `rs` of B2.08."""
    score: float | None = None
    reply: str = ""
    """The SMTP reply."""


@dataclass(frozen=True, slots=True)
class KeptMail:
    """One mail in quarantine. Texts are as they came, control characters included; surrogate escapes stand for octets
    that are no UTF-8."""

    mail_id: str
    partition_tag: str
    """Empty where there is none."""
    received_at: datetime
    sender: str
    recipients: tuple[KeptRecipient, ...]
    content: str
    """Highest contents category, code of B2.10."""
    quar_type: str
    """How the copy is kept, code of B2.10."""
    location: str
    """Path below QUARANTINEDIR, address, or name in the data base, as the log shows it (B10.08)."""
    subject: str = ""
    author: str = ""
    """The field From."""
    message_id: str = ""
    score: float | None = None
    size: int | None = None
    """Octets of the mail, None where that cannot be told without reading all of it."""
    secret_id: str | None = None
    """Authorises a release; None where it is not known."""
    log_id: str = ""
    client_addr: str = ""
    host: str = ""
    """Who kept it."""


class AddressPattern:
    """Addresses that are wanted: one; with `*` (any text) and `?` (any character) in it all that look so; `@domain`
    stands for `*@domain`. Case makes no difference."""

    def __init__(self, text: str) -> None:
        text = text.strip().removeprefix("<").removesuffix(">")
        self.text = f"*{text}" if text.startswith("@") else text

    @property
    def is_exact(self) -> bool:
        """Whether it stands for one address."""
        return not re.search(r"[*?]", self.text)

    def matches(self, address: str) -> bool:
        """Whether it stands for this one. Takes time in proportion to pattern times address."""
        return self._expression.fullmatch(address.lower()) is not None

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        text = re.sub(r"\*+", "*", self.text.lower())
        # Each piece is taken where it is first found: no other place of it could help those that follow.
        first, *pieces = [re.escape(piece).replace(r"\?", ".") for piece in text.split("*")]
        if not pieces:
            return re.compile(first, re.DOTALL)
        *middle, last = pieces
        between = "".join(f"(?>.*?{piece})" for piece in middle)
        return re.compile(f"{first}{between}.*{last}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class WantedMails:
    """Mails that are wanted: those of which all is true that is not None."""

    since: datetime | None = None
    until: datetime | None = None
    """Received before that."""
    sender: AddressPattern | None = None
    recipient: AddressPattern | None = None
    contents: frozenset[str] = frozenset()
    """Codes of contents categories; empty for any."""
    subject: str | None = None
    """A part of it; case makes no difference."""
    mail_id: str | None = None
    partition_tag: str | None = None
    limit: int = 0
    """At most so many, the latest; 0 for all."""

    def takes(self, mail: KeptMail) -> bool:
        """Whether this one is wanted; the limit is left to others."""
        return (
            (self.since is None or mail.received_at >= self.since)
            and (self.until is None or mail.received_at < self.until)
            and (self.sender is None or self.sender.matches(mail.sender))
            and (
                self.recipient is None
                or any(self.recipient.matches(recipient.address) for recipient in mail.recipients)
            )
            and (not self.contents or (mail.content or OTHER) in self.contents)
            and (self.subject is None or self.subject.casefold() in mail.subject.casefold())
            and (self.mail_id is None or mail.mail_id == self.mail_id)
            and (self.partition_tag is None or mail.partition_tag == self.partition_tag)
        )


def moment(seconds: float) -> datetime:
    """A time in UTC of seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)
