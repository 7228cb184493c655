"""Who is asked whether he has written to the sender, and what it is worth if he has (contracts B16.01, B16.02)."""

import re
from collections.abc import Collection, Mapping, Sequence

from mailcordon.config.lookup_key import key_of
from mailcordon.config.policy import Policy
from mailcordon.config.settings import Settings
from mailcordon.judge.score import score_for
from mailcordon.mail.bounce import Bounce
from mailcordon.mail.finding import Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.penpal import Letter, PenPal, Question

MOST_IDS = 20
"""Message-IDs that are asked for; the nearest ones count."""
_LONGEST_FIELD = 8192
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,253}>")
_LEAST_BONUS = 0.001
"""Points; what is less could not be shown."""


def question_about(mail: Mail, bounce: Bounce | None) -> Question:
    """What is to be known of the recipients. Of a bounce it matters only whether they have sent what it is about."""
    if bounce is not None and bounce.message_id:
        given = bounce.message_id
        return Question("", tuple(dict.fromkeys([*_MESSAGE_ID.findall(given), given]))[:MOST_IDS])
    answered = _MESSAGE_ID.findall((mail.header.text("In-Reply-To") or "")[:_LONGEST_FIELD])
    referred = _MESSAGE_ID.findall((mail.header.text("References") or "")[-_LONGEST_FIELD:])
    return Question(mail.envelope.sender, tuple(dict.fromkeys([*answered, *reversed(referred)]))[:MOST_IDS])


def who_may_be_helped(mail: Mail, findings: Findings, policies: Sequence[Policy], settings: Settings) -> frozenset[str]:
    """Addresses of the recipients for whom a bonus could make a difference, and who may have one (B16.01)."""
    if not settings.penpals_bonus_score or findings.virus_names or _is_forged(mail, settings):
        return frozenset()
    by_policy = {policy: _matters(findings, policy, settings) for policy in dict.fromkeys(policies)}
    sender = mail.envelope.sender.lower()
    return frozenset(
        recipient.address
        for recipient, policy in zip(mail.envelope.recipients, policies, strict=True)
        if by_policy[policy] and recipient.address.lower() != sender
    )


def pen_pals(
    mail: Mail, letters: Mapping[str, Letter | None], helped: Collection[str], settings: Settings
) -> dict[str, PenPal]:
    """By address of the recipient, for those whom it helps."""
    found = {}
    now = int(mail.received_at.timestamp())
    for recipient, letter in letters.items():
        if letter is not None and recipient in helped:
            age = max(0, now - letter.sent_at)
            bonus = round(settings.penpals_bonus_score * 2 ** (-age / settings.penpals_halflife), 3)
            if bonus >= _LEAST_BONUS:
                found[recipient] = PenPal(age, bonus, letter.mail_id)
    return found


def _is_forged(mail: Mail, settings: Settings) -> bool:
    """Whether it comes from outside under the name of somebody here."""
    sender = mail.envelope.sender
    return bool(sender) and not mail.session.originating and bool(settings.local_domains.at(key_of(sender, settings)))


def _matters(findings: Findings, policy: Policy, settings: Settings) -> bool:
    score = score_for(findings, policy)
    if score is None or not policy.is_local or policy.sender.is_listed or score < settings.penpals_threshold_low:
        return False
    high = settings.penpals_threshold_high
    return high is None or score <= high + settings.penpals_bonus_score
