"""What plugins ask for. They only ask: the event loop does it, once the call is over."""

import threading
from dataclasses import dataclass

from mailcordon.errors import HookError
from mailcordon.hooks.evidence import AbuseContact, Evidence
from mailcordon.mail.feedback import FeedbackType
from mailcordon.mail.finding import Finding


@dataclass(frozen=True, slots=True)
class LoadBanks:
    """More policy banks for the message."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AddFinding:
    """One more finding."""

    finding: Finding


@dataclass(frozen=True, slots=True)
class AddScore:
    """Points for the spam score."""

    test: str
    points: float


@dataclass(frozen=True, slots=True)
class SetCredible:
    """Whether the sender is credible, and why; an empty reason says that he is not."""

    reason: str


@dataclass(frozen=True, slots=True)
class SendReport:
    """A report about the message, if its evidence holds."""

    contact: AbuseContact
    feedback_type: FeedbackType
    evidence: Evidence
    text: str


Wish = LoadBanks | AddFinding | AddScore | SetCredible | SendReport


class Wishes:
    """The wishes of one call, in order. A call that was given up because it hung can add nothing any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wishes: list[Wish] = []
        self._is_sealed = False

    def add(self, wish: Wish) -> None:
        """Ask for something. Raises HookError when the call is over."""
        with self._lock:
            if self._is_sealed:
                raise HookError("too late: the call of this hook is over")
            self._wishes.append(wish)

    def seal(self) -> tuple[Wish, ...]:
        """All wishes; there will be no more."""
        with self._lock:
            self._is_sealed = True
            return tuple(self._wishes)
