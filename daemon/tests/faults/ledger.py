"""What became of every message: sent = delivered + quarantined + still with the sender."""

import gzip
import hashlib
import re
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from samples import eicar, gtube

_ID = re.compile(rb"Message-ID: <m(\d+)@sender\.example>", re.IGNORECASE)
PLAIN_RECIPIENT = "bob@example.test"
RATED_RECIPIENT = "rated@example.test"
"""The only one whose mail goes to spamd, which takes a hundred times as long as all the rest."""


class Kind(Enum):
    """What is sent, and what must become of it."""

    CLEAN = "clean"
    BIG = "big"
    """Clean, and too big for the memory."""
    INFECTED = "infected"
    SPAM = "spam"
    RATED = "rated"
    """Clean, and seen by spamd."""
    ABANDONED = "abandoned"
    """Infected or not: the client leaves before its end, so that it must not arrive anywhere."""

    @property
    def harmful(self) -> bool:
        """It belongs into the quarantine, never to the next hop."""
        return self in (Kind.INFECTED, Kind.SPAM)


@dataclass(slots=True, eq=False)
class Message:
    """One message of the campaign."""

    number: int
    kind: Kind
    digest: bytes = b""
    """Of its body."""
    acknowledged: bool = False
    delivered: int = 0
    quarantined: int = 0
    replies_lost: int = 0
    """How often a 2xx may have been lost: between the next hop and us, or between us and the client."""

    @property
    def recipient(self) -> str:
        """Who it is for."""
        return RATED_RECIPIENT if self.kind in (Kind.SPAM, Kind.RATED) else PLAIN_RECIPIENT

    def octets(self) -> bytes:
        """Header and body; made anew each time, as there are too many of them to keep."""
        line = b"Line %d of a message that is like no other.\r\n"
        lines = 4000 if self.kind is Kind.BIG else 80
        body = b"".join(line % (self.number * 10_000 + count) for count in range(lines))
        if self.kind is Kind.INFECTED:
            body = eicar() + b"\r\n" + body
        elif self.kind is Kind.SPAM:
            body = gtube() + b"\r\n" + body
        body += b"..a dot\r\n.\xff\r\n"
        self.digest = hashlib.sha1(body).digest()
        head = (
            f"From: alice@sender.example\r\nTo: {self.recipient}\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n"
            f"Message-ID: <m{self.number}@sender.example>\r\nSubject: message {self.number}\r\n\r\n"
        )
        return head.encode() + body


class Ledger:
    """All messages. Used by the thread of the field; the test reads it."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.acknowledged = 0
        self.deferrals: Counter[str] = Counter()
        """4xx replies by code and enhanced code."""
        self.problems: list[str] = []
        self._lock = threading.Lock()

    def new(self, kind: Kind) -> Message:
        """One more message."""
        with self._lock:
            message = Message(len(self.messages), kind)
            self.messages.append(message)
            return message

    def acknowledge(self, message: Message, reply: str) -> None:
        """The client was told 2xx: that is only right if the next hop has the message by now, or the quarantine."""
        message.acknowledged = True
        self.acknowledged += 1
        expected = "discarded, id=" if message.kind.harmful else "from MTA("
        if expected not in reply:
            self.problem(message, f"was acknowledged with {reply!r}")
        elif not message.kind.harmful and not message.delivered:
            self.problem(message, f"is not at the next hop, but was acknowledged with {reply!r}")

    def refuse(self, message: Message, reply: str) -> None:
        """The client was told 5xx: the sender would get the mail back for no reason."""
        self.problem(message, f"was refused for good: {reply!r}")
        message.acknowledged = True

    def deliver(self, octets: bytes) -> Message | None:
        """The next hop has taken a message; gives back which."""
        found = _ID.search(octets)
        if found is None:
            self.problems.append(f"the next hop got something unknown: {octets[:200]!r}")
            return None
        message = self.messages[int(found[1])]
        message.delivered += 1
        body = octets.partition(b"\r\n\r\n")[2]
        if message.kind.harmful or message.kind is Kind.ABANDONED:
            self.problem(message, "reached the next hop")
        elif hashlib.sha1(body).digest() != message.digest:
            self.problem(message, f"reached the next hop with another body of {len(body)} octets")
        return message

    def problem(self, message: Message, what: str) -> None:
        """Something that must not happen."""
        self.problems.append(f"{message.kind.value} message {message.number} {what}")

    def take_in(self, quarantine: Path) -> None:
        """Count what is in the quarantine, and empty it."""
        for path in [path for path in quarantine.rglob("*") if path.is_file()]:
            octets = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            path.unlink()
            found = _ID.search(octets)
            if found is None or path.name.endswith(".tmp"):
                # What a killed worker was writing; it was not acknowledged, or it would be missed.
                continue
            message = self.messages[int(found[1])]
            message.quarantined += 1
            if not message.kind.harmful:
                self.problem(message, f"was quarantined as {path.name}")

    def wrong(self) -> Iterator[str]:
        """Everything that does not add up, once no message is under way and the quarantine is taken in."""
        yield from self.problems
        for message in self.messages:
            if message.kind is Kind.ABANDONED:
                continue
            safe = message.quarantined if message.kind.harmful else message.delivered
            if not message.acknowledged:
                yield f"{message.kind.value} message {message.number} is still with its sender"
            elif not safe:
                yield f"{message.kind.value} message {message.number} is lost"
            elif safe > 1 + message.replies_lost:
                yield (
                    f"{message.kind.value} message {message.number} is there {safe} times, "
                    f"but only {message.replies_lost} replies were lost"
                )

    def summary(self) -> str:
        """One line about all of it."""
        delivered = sum(message.delivered > 0 for message in self.messages)
        quarantined = sum(message.quarantined > 0 for message in self.messages)
        duplicates = sum(max(0, message.delivered + message.quarantined - 1) for message in self.messages)
        lost = sum(message.replies_lost for message in self.messages)
        abandoned = sum(message.kind is Kind.ABANDONED for message in self.messages)
        deferred = ", ".join(f"{count} x {code}" for code, count in sorted(self.deferrals.items()))
        return (
            f"{len(self.messages) - abandoned} sent = {delivered} delivered + {quarantined} quarantined; "
            f"{duplicates} duplicates for {lost} lost replies; {abandoned} abandoned; deferred: {deferred or 'none'}"
        )
