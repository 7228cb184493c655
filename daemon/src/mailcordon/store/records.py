"""What the log keeps of a message (contracts B2.06 to B2.10, B2.28): plain values, which can wait in a file."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from mailcordon.mail.verdict import Disposition

LENGTH = 255
"""Characters of most columns, octets of an address."""

_FATES = {
    Disposition.RELAYED: "P",
    Disposition.RELAYED_TAGGED: "P",
    Disposition.ACCEPTED: "P",
    Disposition.REJECTED: "R",
    Disposition.BOUNCED: "B",
    Disposition.NO_BOUNCE: "B",
    Disposition.DISCARDED: "D",
    Disposition.TEMP_FAILED: "T",
}


def fate_code(disposition: Disposition) -> str:
    """ds of B2.10."""
    return _FATES[disposition]


@dataclass(frozen=True, slots=True)
class Beginning:
    """Known when a message has come: enough for its row, so that nobody else takes its id (B2.19)."""

    partition_tag: str
    mail_id: str
    secret_id: str
    am_id: str
    time_num: int
    sender: str
    """As `address` makes it; surrogate escapes stand for octets that are no UTF-8."""
    policy: str
    client_addr: str
    size: int
    host: str

    def renamed(self, mail_id: str) -> "Beginning":
        """The same under another id."""
        return replace(self, mail_id=mail_id)


@dataclass(frozen=True, slots=True)
class RecipientRow:
    """What became of it for one recipient (B2.21)."""

    address: str
    is_local: bool
    content: str
    ds: str
    blacklisted: bool
    whitelisted: bool
    bspam_level: float | None
    smtp_resp: str


@dataclass(frozen=True, slots=True)
class Record:
    """Everything about a message that is done with (B2.20)."""

    beginning: Beginning
    content: str
    quar_type: str
    quar_loc: str
    dsn_sent: str
    spam_level: float | None
    message_id: str
    from_addr: str
    subject: str
    originating: bool
    recipients: tuple[RecipientRow, ...]

    def renamed(self, mail_id: str) -> "Record":
        """The same under another id."""
        return replace(self, beginning=self.beginning.renamed(mail_id))

    def in_ascii(self) -> "Record":
        """The same with `?` for what a column with another character set may refuse (features 11.24)."""
        return replace(
            self,
            message_id=_ascii(self.message_id),
            from_addr=_ascii(self.from_addr),
            subject=_ascii(self.subject),
            recipients=tuple(replace(row, smtp_resp=_ascii(row.smtp_resp)) for row in self.recipients),
        )

    def to_line(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def of_line(cls, line: str) -> "Record":
        """Raises ValueError for anything else than what `to_line` makes."""
        try:
            values: dict[str, Any] = json.loads(line)
            beginning = Beginning(**values.pop("beginning"))
            recipients = tuple(RecipientRow(**row) for row in values.pop("recipients"))
            return cls(beginning=beginning, recipients=recipients, **values)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not a record: {error}") from None


def _ascii(text: str) -> str:
    return "".join(character if " " <= character <= "~" else "?" for character in text)


def address(address: str, *, case_sensitive: bool) -> str:
    """An address as it is a key of `maddr`: in lower case, the local part only where it does not differ by case."""
    local, at, domain = address.rpartition("@")
    if not at:
        return address if case_sensitive else address.lower()
    return f"{local if case_sensitive else local.lower()}@{domain.lower()}"


def address_octets(address: str, *, allow_8bit: bool) -> bytes:
    """At most 255 octets of it; without `allow_8bit` with `?` for what is not printable ASCII (B2.28)."""
    octets = address.encode("utf-8", "surrogateescape")
    if not allow_8bit:
        octets = bytes(octet if 0x20 <= octet < 0x7F else 0x3F for octet in octets)
    return octets[:LENGTH]


def reversed_domain(address: str) -> str:
    """The labels of the domain, the last one first: `com.example.sub` (B2.06)."""
    domain = address.rpartition("@")[2] if "@" in address else ""
    if domain.startswith("["):
        return domain
    labels: Sequence[str] = domain.split(".")
    return ".".join(reversed(labels))
