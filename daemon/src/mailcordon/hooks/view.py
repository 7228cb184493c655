"""A message as plugins see it."""

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from mailcordon.config.policy import Policy
from mailcordon.errors import HookError
from mailcordon.hooks.evidence import AbuseContact, Evidence
from mailcordon.hooks.wishes import AddFinding, AddScore, LoadBanks, SendReport, SetCredible, Wishes
from mailcordon.mail.category import Category, Major
from mailcordon.mail.envelope import Client, Envelope
from mailcordon.mail.feedback import FeedbackType
from mailcordon.mail.finding import Finding, Findings
from mailcordon.mail.header import HeaderField
from mailcordon.mail.message import Mail
from mailcordon.mail.signature import Signature
from mailcordon.mail.verdict import RecipientOutcome, Verdict

_TEST = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,63}")
_NAME_LIMIT = 200
_CATEGORIES = {
    "VIRUS": Major.VIRUS,
    "BANNED": Major.BANNED,
    "UNCHECKED": Major.UNCHECKED,
    "BADH": Major.BAD_HEADER,
}
"""What a plugin may find; the spam categories follow from the score."""
_BEFORE_JUDGING = ("message_received", "before_checks", "after_checks")
_BEFORE_SENDING = (*_BEFORE_JUDGING, "before_send")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a message at one point of its way."""

    point: str
    mail: Mail
    findings: Findings
    policies: tuple[Policy, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    outcomes: tuple[RecipientOutcome, ...] = ()


class Message:
    """One message at one point of its way, and all that a plugin may ask for.

    What it asks for takes effect when its function is over. Every method that asks for something raises HookError when
    that is not possible.
    """

    def __init__(
        self, known: Known, wishes: Wishes, *, banks: Collection[str], plugin: str, notes: dict[str, Any]
    ) -> None:
        self._known = known
        self._wishes = wishes
        self._banks = banks
        self._plugin = plugin
        self._loaded: tuple[str, ...] = ()
        self._credible = known.findings.sender_credible
        self.notes = notes
        """The plugin's own notes about this message: what it puts in is there at the later points."""

    # Where it comes from, where it goes

    @property
    def log_id(self) -> str:
        """The id of its log lines."""
        return self._known.mail.log_id

    @property
    def mail_id(self) -> str:
        """Its long-term unique id."""
        return self._known.mail.mail_id

    @property
    def received_at(self) -> datetime:
        """When it came, with zone."""
        return self._known.mail.received_at

    @property
    def size(self) -> int:
        """Octets."""
        return self._known.mail.size

    @property
    def envelope(self) -> Envelope:
        """Sender and recipients, with the parameters of MAIL and RCPT."""
        return self._known.mail.envelope

    @property
    def client(self) -> Client:
        """The client of the first MTA, as XFORWARD tells."""
        return self._known.mail.session.client

    @property
    def originating(self) -> bool:
        """Whether it comes from our own side."""
        return self._known.mail.session.originating

    @property
    def policy_banks(self) -> tuple[str, ...]:
        """The policy banks that are loaded, in order."""
        return (*self._known.mail.session.policy_banks, *self._loaded)

    # Header section

    def get_header_field(self, name: str, n: int = 1, *, from_top: bool = False) -> HeaderField | None:
        """The n-th field of that name, None if there is none. Counts from the bottom, as signatures do: what stands
        below was there first (features 6.09)."""
        if n < 1:
            raise HookError(f"{n}: the first field of a name has the number 1")
        fields = self._known.mail.header.all(name)
        if n > len(fields):
            return None
        return fields[n - 1] if from_top else fields[-n]

    def get_header_field_body(self, name: str, n: int = 1, *, from_top: bool = False) -> str | None:
        """The body of that field as text, unfolded."""
        field = self.get_header_field(name, n, from_top=from_top)
        return field.text if field else None

    # What was found

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything that was found so far, by checks and plugins."""
        return self._known.findings.found

    @property
    def virus_names(self) -> tuple[str, ...]:
        """Names of the viruses among the findings."""
        return self._known.findings.virus_names

    @property
    def spam_score(self) -> float | None:
        """The score so far, without what a recipient's own lists add; None when nobody gave any points."""
        findings = self._known.findings
        if findings.spam is None and not findings.points:
            return None
        score = findings.spam.score if findings.spam else 0.0
        return round(score + sum(points for _, points in findings.points), 3)

    @property
    def spam_tests(self) -> Mapping[str, float | None]:
        """Points by test, of SpamAssassin and others; None where they are not known."""
        findings = self._known.findings
        return dict((*(findings.spam.tests if findings.spam else ()), *findings.points))

    @property
    def signatures(self) -> tuple[Signature, ...]:
        """The DKIM signatures that were verified."""
        return self._known.findings.signatures

    @property
    def os_fingerprint(self) -> str | None:
        """What p0f takes the client for."""
        return self._known.findings.os_fingerprint

    # What was decided

    @property
    def policies(self) -> tuple[Policy, ...]:
        """The policy of each recipient, in the order of the envelope; empty before the checks."""
        return self._known.policies

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdict for each recipient; empty before the judgement."""
        return self._known.verdicts

    @property
    def outcomes(self) -> tuple[RecipientOutcome, ...]:
        """What became of it for each recipient; empty before `after_send`."""
        return self._known.outcomes

    # What a plugin may ask for

    @property
    def sender_credible(self) -> str:
        """Why the sender is believed to be who he says; empty when he is not. A notification of non-delivery reaches a
        credible sender at scores at which another gets none."""
        return self._credible

    @sender_credible.setter
    def sender_credible(self, reason: object) -> None:
        self._only_at(_BEFORE_SENDING, "sender_credible")
        self._credible = str(reason) if reason else ""
        self._wishes.add(SetCredible(self._credible))

    def load_policy_banks(self, *names: str) -> None:
        """Load policy banks on top of those that hold already, in this order."""
        self._only_at(_BEFORE_JUDGING, "load_policy_banks")
        for name in names:
            if name not in self._banks:
                near = get_close_matches(str(name), self._banks, n=1)
                raise HookError(f"there is no policy bank {name!r}" + (f"; did you mean {near[0]}?" if near else ""))
        self._wishes.add(LoadBanks(names))
        self._loaded += names

    def add_finding(self, category: str, name: str) -> None:
        """Add a finding of category VIRUS, BANNED, UNCHECKED or BADH. None that a check made can be taken away."""
        self._only_at(_BEFORE_JUDGING, "add_finding")
        major = _CATEGORIES.get(category)
        if major is None:
            raise HookError(f"{category!r} is not one of {', '.join(_CATEGORIES)}")
        if not isinstance(name, str) or not name.strip():
            raise HookError("a finding needs a name")
        self._wishes.add(AddFinding(Finding(Category(major), name[:_NAME_LIMIT], f"plugin {self._plugin}")))

    def add_score(self, test: str, points: float) -> None:
        """Add points to the spam score, or with negative ones take some away, under the name of a test of one's own."""
        self._only_at(_BEFORE_JUDGING, "add_score")
        if not isinstance(test, str) or not _TEST.fullmatch(test):
            raise HookError(f"{test!r} is not a name of a test: letters, digits, _ and .")
        if not isinstance(points, int | float) or not math.isfinite(points):
            raise HookError(f"{points!r} is not a number of points")
        self._wishes.add(AddScore(test, float(points)))

    def send_report(
        self,
        contact: AbuseContact,
        feedback_type: FeedbackType | str,
        *,
        evidence: Evidence,
        text: str = "",
    ) -> None:
        """Report this message to `contact`, once the mail is done (RFC 5965). `text` is for people.

        It is not sent, and the log says why, unless `evidence` proves that the mail comes from a network or domain of
        that party, and the party was not reported to lately (features 6.11). An unknown word for the type means other.
        """
        if not isinstance(contact, AbuseContact):
            raise HookError(f"{contact!r} is not an AbuseContact")
        if not isinstance(evidence, Evidence):
            raise HookError(f"{evidence!r} is no evidence: OwnReceived() or SignedField(...) is")
        self._wishes.add(SendReport(contact, FeedbackType(feedback_type), evidence, str(text)))

    def _only_at(self, points: tuple[str, ...], what: str) -> None:
        if self._known.point not in points:
            raise HookError(f"{what} comes too late at {self._known.point}")
