"""The fields on top of a quarantine copy (B10.06)."""

from collections.abc import Iterator, Sequence

from mailcordon.act.fields import make_field
from mailcordon.mail.category import Major
from mailcordon.mail.finding import Findings, SpamScore, banning_reason, names_of
from mailcordon.mail.message import Mail
from mailcordon.mail.score import points_text, stars
from mailcordon.mail.verdict import Verdict


def quarantine_fields(
    mail: Mail, findings: Findings, verdicts: Sequence[Verdict], *, delivered_to: str, received: str
) -> list[bytes]:
    """The fields in their order, `verdicts` being those of all recipients.

    Addresses stand as they are, UTF-8 included: release takes them from here.
    """
    sender = f"<{mail.envelope.sender}>"
    lists = [
        ("X-Envelope-To", [verdict.recipient.address for verdict in verdicts]),
        ("X-Envelope-To-Blocked", [v.recipient.address for v in verdicts if v.blocking is not None]),
    ]
    return [
        make_field("Return-Path", sender, encode=False),
        make_field("Delivered-To", delivered_to, encode=False),
        make_field("X-Envelope-From", sender, encode=False),
        *(
            make_field(name, ",\n ".join(f"<{address}>" for address in addresses), encode=False)
            for name, addresses in lists
            if addresses
        ),
        make_field("X-Quarantine-ID", f"<{mail.mail_id}>"),
        *(make_field("X-Amavis-Alert", alert) for alert in _alerts(findings)),
        *([make_field("X-Amavis-OS-Fingerprint", findings.os_fingerprint)] if findings.os_fingerprint else []),
        *(_spam_fields(findings.spam, findings.points, verdicts) if findings.spam else ()),
        make_field("Received", received),
    ]


def _alerts(findings: Findings) -> Iterator[str]:
    viruses, problems = findings.virus_names, names_of(Major.BAD_HEADER, findings.found)
    banned = banning_reason(findings.found)
    if viruses:
        yield f"INFECTED, message contains virus: {', '.join(viruses)}"
    if banned:
        yield f"BANNED, message contains {banned}"
    if problems:
        yield f"BAD HEADER SECTION, {', '.join(problems)}"


def _spam_fields(spam: SpamScore, others: Sequence[tuple[str, float]], verdicts: Sequence[Verdict]) -> Iterator[bytes]:
    """One copy stands for all recipients: their highest score, their lowest levels."""
    score = max((verdict.score for verdict in verdicts if verdict.score is not None), default=spam.score)
    levels = {
        "tag": _lowest(verdict.tag_level for verdict in verdicts),
        "tag2": _lowest(verdict.tag2_level for verdict in verdicts),
        "kill": _lowest(verdict.kill_level for verdict in verdicts),
    }
    is_spam = levels["tag2"] is not None and score >= levels["tag2"]
    yield make_field("X-Spam-Flag", "YES" if is_spam else "NO")
    yield make_field("X-Spam-Score", points_text(score))
    yield make_field("X-Spam-Level", stars(score))
    tests = ",\n ".join(
        name if points is None else f"{name}={points_text(points)}" for name, points in (*spam.tests, *others)
    )
    status = [
        "Yes," if is_spam else "No,",
        f"score={points_text(score)}",
        *(f"{name}={'x' if level is None else points_text(level)}" for name, level in levels.items()),
        f"\n tests=[{tests}]",
        *([f"autolearn={spam.autolearn}"] if spam.autolearn else []),
    ]
    yield make_field("X-Spam-Status", " ".join(status))


def _lowest(levels: Iterator[float | None]) -> float | None:
    return min((level for level in levels if level is not None), default=None)
