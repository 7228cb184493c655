"""What the checks found in one message."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from mailcordon.mail.category import Category, Major
from mailcordon.mail.part import Part
from mailcordon.mail.penpal import PenPal
from mailcordon.mail.signature import Signature

DISCARD = "DISCARD"
"""What the result of a rule for banned contents begins with when the sender must not be told (B11.02, B12.04)."""
_SHOWN_PARTS = 2


@dataclass(frozen=True, slots=True)
class Ban:
    """The rule that bans a part, and the part with all that it is inside of (B12.04)."""

    parts: str
    """Types and names from the message down to the part, as `multipart/mixed | application/zip,.zip,a.zip | .exe`."""
    attributes: str
    """The same with the letters of B12.03: `L=1,M=multipart/mixed | L=1/2,M=application/zip,T=zip,N=a.zip | ...`."""
    key: str
    """The expression."""
    comment: str
    """What the expression says in a comment for people; the expression where it has none."""


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
    """What a rule for banned contents says; `1` if no more than that it matched."""
    ban: Ban | None = None
    """More about contents that a rule bans."""
    recipients: frozenset[str] | None = None
    """Addresses of the recipients whom it concerns, where rules differ; None: all of them."""

    @property
    def is_discarded(self) -> bool:
        """Whether a rule for banned contents wants the sender not to be told (B11.02)."""
        return self.category.major is Major.BANNED and self.result.startswith(DISCARD)

    def concerns(self, address: str) -> bool:
        """Whether it concerns that recipient."""
        return self.recipients is None or address in self.recipients


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
    pen_pals: Mapping[str, PenPal] | None = None
    """By address of the recipient, for those whom it helps that they have written to the sender (B16.02)."""

    def spam_for(self, user: str) -> SpamScore | None:
        """The score for recipients whose `sa_username` is `user`."""
        return self.spam if self.spam_by_user is None else self.spam_by_user.get(user)

    def pen_pal_of(self, address: str) -> PenPal | None:
        """The sender as the pen pal of that recipient."""
        return self.pen_pals.get(address) if self.pen_pals else None

    @property
    def virus_names(self) -> tuple[str, ...]:
        """Names of all viruses found, in order, without repeats."""
        return names_of(Major.VIRUS, self.found)

    def for_recipients(self, addresses: Iterable[str]) -> "Findings":
        """Those that concern any of the recipients."""
        if all(finding.recipients is None for finding in self.found):
            return self
        wanted = set(addresses)
        return replace(
            self,
            found=tuple(
                finding
                for finding in self.found
                if finding.recipients is None or not wanted.isdisjoint(finding.recipients)
            ),
        )


def names_of(major: Major, found: Iterable[Finding]) -> tuple[str, ...]:
    """Names of what was found in that category, in order, without repeats."""
    return tuple(dict.fromkeys(finding.name for finding in found if finding.category.major is major))


def banning_reason(found: Iterable[Finding]) -> str:
    """In short what is banned: the first of it, which stands for all (B12.04); empty if nothing is."""
    return next((finding.name for finding in found if finding.category.major is Major.BANNED), "")


def banned_parts(found: Iterable[Finding]) -> tuple[str, ...]:
    """What is banned, with all that it is inside of; of many only some, and `...` for the others (B12.04)."""
    banned = (finding for finding in found if finding.category.major is Major.BANNED)
    parts = tuple(dict.fromkeys(finding.ban.parts if finding.ban else finding.name for finding in banned))
    return parts if len(parts) <= _SHOWN_PARTS else (*parts[:_SHOWN_PARTS], "...")
