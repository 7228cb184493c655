"""What is counted about each message, under the names that monitoring tools of amavisd-new know (B17.01 to B17.05)."""

import logging
from collections.abc import Iterable, Sequence

from mailcordon.mail.bounce import BounceOutcome
from mailcordon.mail.category import Category, Major
from mailcordon.mail.message import Mail
from mailcordon.mail.os_fingerprint import system_name
from mailcordon.mail.timing import Timing
from mailcordon.mail.verdict import Disposition, Outcome, RecipientOutcome, highest_category
from mailcordon.pipeline import Inspection
from mailcordon.run.by_system import kind_by_system
from mailcordon.run.counter_bases import INBOUND, INTERNAL, OPEN_RELAY, ORIGINATING, OUTBOUND
from mailcordon.run.counter_file import CAPACITY, CounterFile

log = logging.getLogger(__name__)

CATEGORIES = {
    Major.CLEAN: "Clean",
    Major.MTA: "MtaFailed",
    Major.OVERSIZED: "Oversized",
    Major.BAD_HEADER: "BadHdr",
    Major.SPAMMY: "Spammy",
    Major.SPAM: "Spam",
    Major.UNCHECKED: "Unchecked",
    Major.BANNED: "Banned",
    Major.VIRUS: "Virus",
}
"""Names in Content...Msgs and Quar...Msgs."""
OTHER = "Other"
"""Takes the place of a category that has no name here."""

_WORDS = {
    Disposition.RELAYED: ("Relayed", "RelayedUntagged"),
    Disposition.RELAYED_TAGGED: ("Relayed", "RelayedTagged"),
}
_SECTIONS = {
    "receive": "TimeElapsedReceiving",
    "unpack": "TimeElapsedDecoding",
    "parts_decode": "TimeElapsedDecoding",
    "virus": "TimeElapsedVirusCheck",
    "spam": "TimeElapsedSpamCheck",
    "quarantine": "TimeElapsedQuarantineAndNotify",
    "notify": "TimeElapsedQuarantineAndNotify",
    "penpals": "TimeElapsedPenPals",
    "forward": "TimeElapsedSending",
}
"""What the sections of Timing count as."""
_NOT_COUNTED = frozenset({BounceOutcome.NONE, BounceOutcome.UNKNOWN})
_KEPT_NAMES = 1024
_ROOM_FOR_NAMES = CAPACITY - 256
_LONGEST_NAME = 60

Kind = tuple[bool, frozenset[tuple[Disposition, bool]], Category, bool, BounceOutcome | None, bool, bool]
"""What the names of counters depend on: originating, dispositions with whether they are of local recipients, category,
null sender, what became of a bounce, virus check, spam check."""


class Tally:
    """Counts; one instance a worker. Never raises: by now the mail may be somewhere else already."""

    def __init__(self, counters: CounterFile) -> None:
        self._counts = counters.counts
        self._names: dict[Kind, tuple[tuple[str, ...], tuple[str, ...]]] = {}

    def message(self, inspection: Inspection, outcome: Outcome) -> None:
        """A message that is done with."""
        try:
            self._message(inspection, outcome)
        except Exception:
            log.exception("(%s) cannot count the message", inspection.mail.log_id)

    def _message(self, inspection: Inspection, outcome: Outcome) -> None:
        mail, findings, counts = inspection.mail, inspection.findings, self._counts
        recipients = outcome.recipients
        category = highest_category(recipients)
        kind = (
            mail.session.originating,
            frozenset([(item.disposition, item.verdict.is_local) for item in recipients]),
            category,
            not mail.envelope.sender,
            inspection.bounce,
            findings.virus_checked,
            findings.spam is not None,
        )
        known = self._names.get(kind)
        if known is None:
            if len(self._names) >= _KEPT_NAMES:
                self._names.clear()
            known = self._names[kind] = _names(kind)
        names, directions = known
        for name in names:
            counts[name] += 1
        self._amounts(mail, directions)
        local = sum([item.verdict.is_local for item in recipients])
        if local:
            counts["InMsgsRecipsLocal"] += local
        if outcome.quarantine:
            self._quarantined(category, outcome, mail.size)
        if findings.found or findings.os_fingerprint:
            self._found(inspection, recipients)
        if findings.pen_pals:
            self._saved(recipients)
        self._decoded(inspection)
        if mail.timing is not None:
            self._time(mail.timing)

    def failure(self, mail: Mail) -> None:
        """A message that the client keeps, as something did not work."""
        directions = ("", ORIGINATING) if mail.session.originating else ("",)
        for direction in directions:
            self._counts[f"InMsgs{direction}"] += 1
            self._counts[f"InMsgsStatusTempFailed{direction}"] += 1
        self._amounts(mail, directions)
        if mail.timing is not None:
            self._time(mail.timing)

    def _amounts(self, mail: Mail, directions: Iterable[str]) -> None:
        counts, size, recipients = self._counts, mail.size, len(mail.envelope.recipients)
        for direction in directions:
            counts["InMsgsSize" + direction] += size
            counts["InMsgsRecips" + direction] += recipients

    def _quarantined(self, category: Category, outcome: Outcome, size: int) -> None:
        for copy in outcome.quarantine:
            name = "Arch" if copy.is_archive else CATEGORIES.get(category.major, OTHER)
            self._counts["QuarMsgs"] += 1
            self._counts["QuarMsgsSize"] += size
            self._counts[f"Quar{name}Msgs"] += 1
            self._counts[f"Quar{name}Size"] += size

    def _found(self, inspection: Inspection, recipients: Sequence[RecipientOutcome]) -> None:
        findings = inspection.findings
        for name in findings.virus_names:
            self._counts[self._named("virus.byname.", name)] += 1
        if findings.os_fingerprint and not inspection.mail.session.originating:
            kind = kind_by_system(recipients)
            if kind:
                self._counts[self._named(f"{kind}.byOS.", system_name(findings.os_fingerprint))] += 1

    def _saved(self, recipients: Iterable[RecipientOutcome]) -> None:
        """Recipients whose mail would have reached a level if they had not written to the sender (B16.03)."""
        for verdict in (item.verdict for item in recipients):
            if verdict.pen_pal is None or verdict.score is None:
                continue
            without = verdict.score + verdict.pen_pal.bonus
            levels = {"Tag2": verdict.tag2_level, "Tag3": verdict.tag3_level, "Kill": verdict.kill_level}
            for name, level in levels.items():
                if level is not None and verdict.score < level <= without:
                    self._counts[f"PenPalsSavedFrom{name}"] += 1

    def _named(self, prefix: str, name: str) -> str:
        """The counter of a virus or system; other programs name them, and there may be any number of names."""
        counter = prefix + name[:_LONGEST_NAME]
        return counter if counter in self._counts or len(self._counts) < _ROOM_FOR_NAMES else f"{prefix}others"

    def _decoded(self, inspection: Inspection) -> None:
        counts, root = self._counts, inspection.root
        if inspection.decoders:
            counts["OpsDec"] += 1
            for decoder in inspection.decoders:
                counts[f"OpsDecBy{decoder}"] += 1
        for part in root.walk() if root.children else (root,):
            if part.short_types:
                counts["OpsDecType-" + part.short_types[0]] += 1

    def _time(self, timing: Timing) -> None:
        """In milliseconds."""
        counts = self._counts
        for section, seconds, _ in timing.sections:
            if section in _SECTIONS:
                counts[_SECTIONS[section]] += 1000 * seconds
        counts["TimeElapsedTotal"] += 1000 * timing.total


def _names(kind: Kind) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The counters of such a message, and its directions, the empty one included."""
    originating, results, category, has_null_sender, bounce, virus_checked, spam_checked = kind
    directions = ("", *_directions(originating, {local for _, local in results}))
    statuses = {
        word + direction
        for disposition, local in results
        for word in _WORDS.get(disposition, (disposition.value,))
        for direction in ("", *_directions(originating, {local}))
    }
    content = f"Content{CATEGORIES.get(category.major, OTHER)}Msgs"
    names = [f"InMsgs{direction}" for direction in directions]
    names += [f"InMsgsStatus{status}" for status in sorted(statuses)]
    names += [content + direction for direction in directions]
    names += _names_of_bounce(bounce, has_null_sender=has_null_sender)
    names += ["OpsVirusCheck"] * virus_checked + ["OpsSpamCheck"] * spam_checked
    return tuple(names), directions


def _names_of_bounce(bounce: BounceOutcome | None, *, has_null_sender: bool) -> list[str]:
    """Where nobody looked for bounces, the null sender makes one. Else each has its outcome, so that these add up to
    all (features 11.39)."""
    names = ["InMsgsBounceNullRPath"] * has_null_sender
    if bounce is None:
        names += ["InMsgsBounce"] * has_null_sender
    elif bounce not in _NOT_COUNTED:
        names += ["InMsgsBounce", f"InMsgsBounce{bounce.value}"]
    return names


def _directions(originating: bool, local: Iterable[bool]) -> tuple[str, ...]:
    """The directions of a message to recipients of which some are local, some not, or both."""
    if originating:
        return (ORIGINATING, *(INTERNAL if kind else OUTBOUND for kind in sorted(local)))
    return tuple(INBOUND if kind else OPEN_RELAY for kind in sorted(local))
