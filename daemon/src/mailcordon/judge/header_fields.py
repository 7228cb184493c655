"""Header fields of the delivered copy (contracts B9.01 to B9.04)."""

import re
from collections.abc import Callable, Iterator

from mailcordon.config.settings import Settings
from mailcordon.judge.ruling import Ruling
from mailcordon.mail.category import CLEAN_TAGGED, OVER_LIMITS, Category, Major
from mailcordon.mail.finding import Findings, SpamScore, names_of
from mailcordon.mail.header import HeaderEdits
from mailcordon.mail.message import Mail
from mailcordon.mail.score import points_text, stars

REMOVED = frozenset(
    {
        "x-amavis-hold",
        "x-spam-checker-version",
        "x-spam-flag",
        "x-spam-level",
        "x-spam-report",
        "x-spam-score",
        "x-spam-status",
        "x-spam-tests",
    }
)
"""Fields that only we may set, in lower case: a forged one would make readers believe that we checked the mail."""

_MACRO = re.compile(r"_([A-Z]+)_")


def header_edits(
    mail: Mail, findings: Findings, ruling: Ruling, settings: Settings, *, is_quarantined: bool
) -> HeaderEdits:
    """The edits for one recipient; equal for recipients with equal results, so that they share a transaction."""
    return HeaderEdits(
        prepend=tuple(_fields(mail, findings, ruling, settings, is_quarantined=is_quarantined)),
        remove=REMOVED,
        subject_prefix=_subject_prefix(mail, ruling, settings),
    )


def _fields(
    mail: Mail, findings: Findings, ruling: Ruling, settings: Settings, *, is_quarantined: bool
) -> Iterator[tuple[str, str]]:
    policy = ruling.policy
    if is_quarantined and policy.is_local:
        yield "X-Quarantine-ID", f"<{mail.mail_id}>"
    if findings.virus_checked and not policy.bypass_virus_checks:
        yield settings.X_HEADER_TAG, settings.X_HEADER_LINE
    holds = [finding for finding in ruling.found if finding.category == OVER_LIMITS]
    if holds:
        yield "X-Amavis-Hold", holds[0].name
    viruses = ", ".join(names_of(Major.VIRUS, ruling.found))
    if viruses:
        yield "X-Amavis-Alert", f"INFECTED, message contains virus: {viruses}"
    if policy.is_local and ruling.score is not None and findings.spam and _is_tagged(ruling):
        yield from _spam_fields(ruling, ruling.score, findings.spam)


def _is_tagged(ruling: Ruling) -> bool:
    """The levels need not be in order: what reaches tag2 is marked even where the tag level lies higher."""
    return Category(Major.CLEAN, CLEAN_TAGGED) in ruling.categories or _is_spammy(ruling)


def _is_spammy(ruling: Ruling) -> bool:
    return Category(Major.SPAMMY) in ruling.categories


def _spam_fields(ruling: Ruling, score: float, spam: SpamScore) -> Iterator[tuple[str, str]]:
    yield "X-Spam-Flag", "YES" if _is_spammy(ruling) else "NO"
    yield "X-Spam-Score", points_text(score)
    yield "X-Spam-Level", stars(score)
    policy = ruling.policy
    levels = [("tagged_above", policy.spam_tag_level), ("required", policy.spam_tag2_level)]
    tests = ", ".join(name if points is None else f"{name}={points_text(points)}" for name, points in spam.tests)
    words = [
        "Yes," if _is_spammy(ruling) else "No,",
        f"score={points_text(score)}",
        *(f"{name}={points_text(level)}" for name, level in levels if level is not None),
    ]
    status = " ".join(words)
    yield "X-Spam-Status", f"{status}\ntests=[{tests or 'none'}] autolearn={spam.autolearn or 'unavailable'}"


def _subject_prefix(mail: Mail, ruling: Ruling, settings: Settings) -> str | None:
    template = ruling.policy.spam_subject_tag2
    score = ruling.score
    if not template or score is None or not ruling.policy.is_local or not _is_spammy(ruling):
        return None
    macros: dict[str, Callable[[], str]] = {
        "SCORE": lambda: points_text(score),
        "REQD": lambda: points_text(ruling.policy.spam_tag2_level or 0),
        "YESNO": lambda: "Yes",
        "YESNOCAPS": lambda: "YES",
        "HOSTNAME": lambda: settings.myhostname,
        "DATE": lambda: mail.received_at.strftime("%a, %d %b %Y %H:%M:%S %z"),
        "LOGID": lambda: mail.log_id,
        "MAILID": lambda: mail.mail_id,
    }
    return _MACRO.sub(lambda match: macros.get(match.group(1), match.group)(), template)
