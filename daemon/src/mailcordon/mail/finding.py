"""What the checks found in one message."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mailcordon.mail.category import Category, Major
from mailcordon.mail.part import Part
from mailcordon.mail.signature import Signature


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact that puts the message into a contents category."""

    category: Category
    name: str
    """What was found: signature name, rule name, or the kind of limit."""
    source: str
    """Which check and scanner found it, e.g. `clamd`."""
    part: Part | None = None
    """The part it was found in; None for the message as a whole."""
    result: str = ""
    """What a rule for banned contents says beyond that it matched; `DISCARD`: the sender must not be told (B11.02)."""


@dataclass(frozen=True, slots=True)
class SpamScore:
    """Result of the spam scanners, before any per-recipient points."""

    score: float
    tests: tuple[tuple[str, float | None], ...] = ()
    """Name and points of each test that hit; points None where the engine does not tell them."""
    autolearn: str | None = None
    source: str = ""
    checker: str = ""
    """The engine with its version and host, for X-Spam-Checker-Version; empty where it does not tell them."""
    timing: str = ""
    """Where the engine's own time went, for the log; empty where it does not tell."""
    descriptions: tuple[tuple[str, str], ...] = ()
    """What tests are about, by name; one line each."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything the checks have to say about one message."""

    found: tuple[Finding, ...] = ()
    spam: SpamScore | None = None
    """None when no spam check was made (log: `Hits: -`); the highest one where recipients have scores of their own."""
    spam_by_user: Mapping[str, SpamScore | None] | None = None
    """By `sa_username`, where recipients of the message have different ones; None: `spam` is everybody's (B14.06)."""
    points: tuple[tuple[str, float], ...] = ()
    """What else counts towards the score, shown like tests of the spam scanner; also where that did not run (B9.09)."""
    virus_checked: bool = False
    """A virus scanner gave a verdict; earns the `X-Virus-Scanned` field."""
    sender_credible: str = ""
    """Why the sender is believed to be who he says; empty when he is not (features 14.03: only the log shows the text).
    """
    signatures: tuple[Signature, ...] = ()
    """The DKIM signatures that were verified."""
    os_fingerprint: str | None = None
    """What p0f takes the client's operating system for."""
    modified: str = ""
    """How the body was changed, e.g. `defanged` or `using altermime`; empty: it is as it came (B9.04)."""

    def spam_for(self, user: str) -> SpamScore | None:
        """The score for recipients whose `sa_username` is `user`."""
        return self.spam if self.spam_by_user is None else self.spam_by_user.get(user)

    @property
    def virus_names(self) -> tuple[str, ...]:
        """Names of all viruses found, in order, without repeats."""
        return names_of(Major.VIRUS, self.found)


def names_of(major: Major, found: Iterable[Finding]) -> tuple[str, ...]:
    """Names of what was found in that category, in order, without repeats."""
    return tuple(dict.fromkeys(finding.name for finding in found if finding.category.major is major))
