"""Header fields of the delivered copy (contracts B9.01 to B9.04)."""

from collections.abc import Iterator

from mailcordon.config.message_settings import MessageSettings
from mailcordon.config.settings import Settings
from mailcordon.judge.ruling import Ruling
from mailcordon.judge.spam_report import spam_report
from mailcordon.judge.subject_tag import subject_tag
from mailcordon.mail.category import OVER_LIMITS, Category, Major
from mailcordon.mail.envelope import Client
from mailcordon.mail.finding import Findings, banning_reason, names_of
from mailcordon.mail.header import HeaderEdits
from mailcordon.mail.message import Mail
from mailcordon.mail.score import points_text, stars

REMOVED_ALWAYS = frozenset({"x-amavis-hold"})
REMOVED_SPAM_FIELDS = frozenset(
    {
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
_SPAMMY = Category(Major.SPAMMY)
_CLEAN = Category(Major.CLEAN)


def header_edits(
    mail: Mail, findings: Findings, ruling: Ruling, settings: Settings, *, is_quarantined: bool
) -> HeaderEdits:
    """The edits for the recipients of one policy; recipients with equal ones share a transaction."""
    forbidden = settings.once(_forbidden)
    return HeaderEdits(
        prepend=tuple(
            field
            for field in _fields(mail, findings, ruling, settings, is_quarantined=is_quarantined)
            if field[0].lower() not in forbidden
        ),
        remove=_removed(ruling, settings),
        subject_prefix=subject_tag(mail, ruling, settings),
        authserv_id=settings.myauthservid,
        cut_long_lines=settings.allow_fixing_improper_header and settings.allow_fixing_long_header_lines,
        drop_blank_lines=settings.allow_fixing_improper_header and settings.allow_fixing_improper_header_folding,
    )


def _forbidden(settings: MessageSettings) -> frozenset[str]:
    return frozenset(name.lower() for name, allowed in settings.allowed_added_header_fields.items() if not allowed)


def _removed(ruling: Ruling, settings: Settings) -> frozenset[str]:
    removed = REMOVED_ALWAYS
    if ruling.policy.remove_existing_spam_headers:
        removed |= REMOVED_SPAM_FIELDS
    if ruling.policy.remove_existing_x_scanned_headers:
        removed |= {"x-virus-scanned", settings.X_HEADER_TAG.lower()}
    return removed


def _fields(
    mail: Mail, findings: Findings, ruling: Ruling, settings: Settings, *, is_quarantined: bool
) -> Iterator[tuple[str, str]]:
    policy = ruling.policy
    if is_quarantined and policy.is_local:
        yield "X-Quarantine-ID", f"<{mail.mail_id}>"
    if findings.virus_checked and not policy.bypass_virus_checks:
        yield settings.X_HEADER_TAG, settings.X_HEADER_LINE
    if ruling.found:
        yield from _alerts(ruling)
    if findings.modified:
        yield "X-Amavis-Modified", f"Mail body modified ({findings.modified}) - {settings.myhostname}"
    if ruling.pen_pal and policy.is_local:
        yield "X-Amavis-PenPals", f"age {ruling.pen_pal.age_text}"
    if findings.os_fingerprint and policy.is_local:
        yield "X-Amavis-OS-Fingerprint", f"{findings.os_fingerprint}, {_client(mail.session.client)}"
    yield "X-Amavis-Category", ruling.main.display_name
    if policy.is_local and _is_tagged(ruling):
        yield from _spam_fields(ruling, findings, settings)


def _alerts(ruling: Ruling) -> Iterator[tuple[str, str]]:
    """What was found, one field a kind, also for recipients elsewhere (B9.04)."""
    hold = next((finding.name for finding in ruling.found if finding.category == OVER_LIMITS), None)
    if hold is not None:
        yield "X-Amavis-Hold", hold
    viruses = names_of(Major.VIRUS, ruling.found)
    if viruses:
        yield "X-Amavis-Alert", f"INFECTED, message contains virus: {', '.join(viruses)}"
    banned = banning_reason(ruling.found)
    if banned:
        yield "X-Amavis-Alert", f"BANNED, message contains {banned}"
    problems = names_of(Major.BAD_HEADER, ruling.found)
    if problems:
        yield "X-Amavis-Alert", f"BAD HEADER SECTION, {problems[0]}"


def _client(client: Client) -> str:
    return f"[{client.addr or '?'}]" + (f":{client.port}" if client.port else "")


def _is_tagged(ruling: Ruling) -> bool:
    """The levels need not be in order: what reaches tag2 is marked even where the tag level lies higher."""
    if ruling.shown_score is None:
        return False
    return any(
        category.major in (Major.SPAMMY, Major.SPAM) or _is_above_tag(category) for category in ruling.categories
    )


def _is_above_tag(category: Category) -> bool:
    return category.major is Major.CLEAN and category != _CLEAN


def _spam_fields(ruling: Ruling, findings: Findings, settings: Settings) -> Iterator[tuple[str, str]]:
    shown = ruling.shown_score or 0.0
    is_spammy = _SPAMMY in ruling.categories
    yield "X-Spam-Flag", "YES" if is_spammy else "NO"
    yield "X-Spam-Score", points_text(shown)
    if settings.sa_spam_level_char:
        yield "X-Spam-Level", stars(shown, settings.sa_spam_level_char)
    yield "X-Spam-Status", _status(ruling, findings, shown, is_spammy=is_spammy)
    forbidden = settings.once(_forbidden)
    spam = findings.spam_for(ruling.policy.sa_username)
    if "x-spam-report" not in forbidden:
        yield "X-Spam-Report", spam_report(_tests(ruling, findings), spam)
    if spam and spam.checker and "x-spam-checker-version" not in forbidden:
        yield "X-Spam-Checker-Version", spam.checker


def _tests(ruling: Ruling, findings: Findings) -> list[tuple[str, float | None]]:
    """All tests that hit: those of the scanners, and ours (B9.09)."""
    spam, points = findings.spam_for(ruling.policy.sa_username), ruling.policy.sender.points
    pal = ruling.pen_pal
    return [
        *(spam.tests if spam else ()),
        *findings.points,
        *([("AM.WBL", points)] if points else []),
        *([("AM.PENPAL", -pal.bonus)] if pal else []),
    ]


def _status(ruling: Ruling, findings: Findings, shown: float, *, is_spammy: bool) -> str:
    policy, spam = ruling.policy, findings.spam_for(ruling.policy.sa_username)
    levels = [("tagged_above", policy.spam_tag_level), ("required", policy.spam_tag2_level)]
    tests = _tests(ruling, findings)
    names = ", ".join(name if points is None else f"{name}={points_text(points)}" for name, points in tests)
    words = [
        "Yes," if is_spammy else "No,",
        f"score={points_text(shown if ruling.score is None else ruling.score)}",
        *(f"{name}={points_text(level)}" for name, level in levels if level is not None),
        *(["BLACKLISTED"] if policy.sender.blacklisted else []),
        *(["WHITELISTED"] if policy.sender.whitelisted else []),
    ]
    autolearn = (spam.autolearn if spam else None) or "unavailable"
    return f"{' '.join(words)}\ntests=[{names or 'none'}] autolearn={autolearn}"
