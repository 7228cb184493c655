"""Who has written to whom before: what is asked about it, what is answered, and what that is worth (B16.01, B16.02)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be known of every recipient alike: has he written before?"""

    correspondent: str
    """To that address; empty: it does not matter to whom."""
    message_ids: tuple[str, ...] = ()
    """With one of these Message-IDs, whoever got it; asked where nothing was sent to the address."""


@dataclass(frozen=True, slots=True)
class Letter:
    """The latest message that answers a question."""

    sent_at: int
    """Unix time of its reception here."""
    mail_id: str
    message_id: str = ""
    """The Message-ID that was asked for; empty if it was found by the address alone."""


@dataclass(frozen=True, slots=True)
class PenPal:
    """The sender of a message, as one whom a recipient has written to."""

    age: int
    """Seconds since then."""
    bonus: float
    """Points that the message is better for it."""
    mail_id: str
    """Of the earlier message."""

    @property
    def age_text(self) -> str:
        """Days, and hours, minutes and seconds as `3 4:05:06`."""
        minutes, seconds = divmod(self.age, 60)
        hours, minutes = divmod(minutes, 60)
        days, hours = divmod(hours, 24)
        return f"{days} {hours}:{minutes:02}:{seconds:02}"


class PenPals(Protocol):
    """Something that knows earlier messages. Never raises, never waits long: without it mail goes on."""

    async def letters(
        self, question: Question, recipients: Sequence[str], *, log_id: str
    ) -> Sequence[Letter | None] | None:
        """One for each recipient, None where there is none; None as a whole: nobody knows at the moment."""

    @property
    def counts(self) -> dict[str, int]:
        """What was asked and found so far, by the names of B16.03."""
