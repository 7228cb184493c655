"""Part of a message's way between checks and judgement: pen pals and bounces (contract B16)."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mailcordon.check.bounce import find_bounce, is_automatic
from mailcordon.config.policy import Policy
from mailcordon.config.settings import Settings
from mailcordon.judge.bounces import outcome_of, with_bounce
from mailcordon.judge.penpals import pen_pals, question_about, who_may_be_helped
from mailcordon.log_levels import DETAIL
from mailcordon.mail.bounce import Bounce, BounceOutcome
from mailcordon.mail.finding import Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.part import Part
from mailcordon.mail.penpal import Letter, PenPal, PenPals
from mailcordon.mail.score import points_text
from mailcordon.unpack.transfer import decode

log = logging.getLogger(__name__)

_WORDS = {
    BounceOutcome.BY_PEN_PALS: "rescued by penpals",
    BounceOutcome.BY_ORIGINATING: "rescued by originating",
    BounceOutcome.BY_DOMAIN: "rescued by domain",
    BounceOutcome.UNKNOWN: "rescued by: pen pals disabled",
    BounceOutcome.KILLED: "killed",
    BounceOutcome.UNVERIFIABLE: "unverifiable",
}
"""What the log says of it (features 11.41)."""


@dataclass(frozen=True, slots=True)
class Correspondence:
    """What is known of it."""

    findings: Findings
    """With the bonus of pen pals, and the points of a bounce."""
    bounce: BounceOutcome | None = None
    """None where nobody has looked for bounces."""


async def look_into(
    source: PenPals, mail: Mail, root: Part, findings: Findings, policies: Sequence[Policy], settings: Settings
) -> Correspondence:
    """Ask `source` if it matters to any recipient. Infected mail is stopped for what it is."""
    kills = settings.bounce_killer_score > 0
    if findings.virus_names:
        return Correspondence(findings, BounceOutcome.NONE if kills else None)
    bounce = find_bounce(mail, root, decode) if kills else None
    # What the bounce alone makes of the score does not make a bonus worth while: nobody answers by bounces.
    helped = who_may_be_helped(mail, findings, policies, settings)
    letters = await _letters(source, mail, bounce, helped)
    outcome = _outcome(mail, bounce, letters, findings, settings) if kills else None
    pals = pen_pals(mail, letters or {}, helped, settings)
    for recipient, pal in pals.items():
        _log_bonus(mail, recipient, pal)
    if pals:
        findings = replace(findings, pen_pals=pals)
    if outcome is not None:
        findings = with_bounce(findings, outcome, settings)
    return Correspondence(findings, outcome)


async def _letters(
    source: PenPals, mail: Mail, bounce: Bounce | None, helped: frozenset[str]
) -> Mapping[str, Letter | None] | None:
    """By recipient; None: nobody knows."""
    question = question_about(mail, bounce)
    if not (question.correspondent or question.message_ids):
        return {}
    everybody = dict.fromkeys(recipient.address for recipient in mail.envelope.recipients)
    asked = [address for address in everybody if address in helped or (bounce is not None and bounce.message_id)]
    if not asked:
        return {}
    letters = await source.letters(question, asked, log_id=mail.log_id)
    mail.lap("penpals")
    return None if letters is None else dict(zip(asked, letters, strict=True))


def _outcome(
    mail: Mail,
    bounce: Bounce | None,
    letters: Mapping[str, Letter | None] | None,
    findings: Findings,
    settings: Settings,
) -> BounceOutcome:
    if bounce is not None:
        outcome = outcome_of(mail, bounce, None if letters is None else letters.values(), settings)
    elif is_automatic(mail, findings):
        outcome = BounceOutcome.UNVERIFIABLE
    else:
        return BounceOutcome.NONE
    log.info(
        "(%s) bounce %s%s, <%s> -> %s, From: %a, Message-ID: %a",
        mail.log_id,
        _WORDS[outcome],
        f" ({bounce.shape})" if bounce else "",
        mail.envelope.sender,
        ",".join(f"<{recipient.address}>" for recipient in mail.envelope.recipients[:10]),
        (mail.header.text("From") or "")[:200],
        (bounce.message_id or "")[:200] if bounce else "",
    )
    return outcome


def _log_bonus(mail: Mail, recipient: str, pal: PenPal) -> None:
    log.log(
        DETAIL,
        "(%s) penpals: adj.bonus %s, age %s, <%s> answers <%s>, ref mail_id: %s",
        mail.log_id,
        points_text(pal.bonus),
        pal.age_text,
        mail.envelope.sender,
        recipient,
        pal.mail_id,
    )
