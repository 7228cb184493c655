"""Which sender is told what became of his mail, and which deliberately not: the rules of B11.02 in order. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from mailcordon.mail.verdict import DsnSent

_XP = re.compile(r"Windows XP(?![^(]*\b2000 SP)")
"""A system of which p0f says that it may as well be a Windows 2000 with a service pack is none."""
_XP_LEVEL = 5.0
_WINDOWS_LEVEL = 8.0


class Result(Enum):
    """What became of the mail, as far as its sender is concerned."""

    DELIVERED = "delivered"
    DISCARDED = "discarded"
    FAILED = "failed"
    POSTPONED = "postponed"


@dataclass(frozen=True, slots=True)
class Case:
    """What is known about the mail of one recipient. The defaults are those of mail whose sender has to be told."""

    result: Result = Result.FAILED
    sender: str = "sender"
    told_by_client: bool = False
    """The client learns of the failure by our reply, and tells the sender."""
    notify: str | None = None
    """NOTIFY of the recipient, upper case (RFC 3461 4.1)."""
    passed_on: bool = False
    """The next hop was asked to tell the sender of its success."""
    warned: bool = False
    """The sender is told though the mail be delivered."""
    fakes_sender: bool = False
    """A virus that writes somebody else's address into the envelope, or a banned rule that says DISCARD."""
    score: float | None = None
    sender_cutoff: float | None = None
    recipient_cutoff: float | None = None
    blacklisted: bool = False
    whitelisted: bool = False
    is_bulk: bool = False
    is_clean: bool = False
    os_fingerprint: str = ""
    dkim_envsender_sig: bool = False

    def asks_for(self, word: str) -> bool:
        """Whether the sender said so, by NOTIFY."""
        return self.notify is not None and word in self.notify.split(",")

    def reaches(self, level: float | None) -> bool:
        """Whether the score does; an undefined level is never reached."""
        return level is not None and self.score is not None and self.score >= level


class Rule(NamedTuple):
    """A reason for which the sender is not told."""

    reason: str
    holds: Callable[[Case], bool]
    sent: DsnSent
    """What is recorded: that there was no need, or that the notification was suppressed."""


RULES = (
    Rule("the client tries again", lambda case: case.result is Result.POSTPONED, DsnSent.NONE),
    Rule("rejected, the client tells", lambda case: case.told_by_client, DsnSent.NONE),
    Rule(
        "NOTIFY without FAILURE",
        lambda case: case.result is Result.FAILED and case.notify is not None and not case.asks_for("FAILURE"),
        DsnSent.SUPPRESSED,
    ),
    Rule(
        "nobody asked for success",
        lambda case: case.result is not Result.FAILED and not case.asks_for("SUCCESS") and not case.warned,
        DsnSent.NONE,
    ),
    Rule(
        "the next hop tells of success",
        lambda case: case.result is Result.DELIVERED and case.passed_on and not case.warned,
        DsnSent.NONE,
    ),
    Rule("null sender or NOTIFY=NEVER", lambda case: not case.sender or case.asks_for("NEVER"), DsnSent.SUPPRESSED),
    Rule("discarded", lambda case: case.result is Result.DISCARDED, DsnSent.NONE),
    Rule("the sender may be faked", lambda case: case.fakes_sender, DsnSent.SUPPRESSED),
    Rule("score reaches the sender's cutoff level", lambda case: case.reaches(case.sender_cutoff), DsnSent.SUPPRESSED),
    Rule(
        "score reaches the recipient's cutoff level, or blacklisted sender",
        lambda case: case.reaches(case.recipient_cutoff) or (case.blacklisted and not case.whitelisted),
        DsnSent.SUPPRESSED,
    ),
    Rule("bulk mail", lambda case: case.is_bulk and not case.is_clean, DsnSent.SUPPRESSED),
    Rule("spam from Windows", lambda case: _is_from_windows(case), DsnSent.SUPPRESSED),
)


def why_not(case: Case) -> Rule | None:
    """The first rule that holds; None when the sender is to be told."""
    return next((rule for rule in RULES if rule.holds(case)), None)


def _is_from_windows(case: Case) -> bool:
    """Rarely a mail server: such mail mostly comes from a hijacked machine, unless a signature says otherwise."""
    if not case.os_fingerprint.startswith("Windows") or case.dkim_envsender_sig:
        return False
    return case.reaches(_XP_LEVEL if _XP.match(case.os_fingerprint) else _WINDOWS_LEVEL)
