"""What becomes of a bounce: was that mail sent from here? (contracts B16.06, B16.08; features 11.35 to 11.40)"""

import re
from collections.abc import Iterable
from dataclasses import replace

from mailcordon.config.lookup_key import key_of
from mailcordon.config.settings import Settings
from mailcordon.mail.bounce import Bounce, BounceOutcome
from mailcordon.mail.finding import Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.penpal import Letter

LONGEST_WAY = 8 * 24 * 3600
"""Seconds. Whoever cannot deliver a message does not try for longer."""
_DOMAIN = re.compile(r"@([^@<>()\s]+)\s*>?\s*\Z")


def outcome_of(
    mail: Mail, bounce: Bounce, letters: Iterable[Letter | None] | None, settings: Settings
) -> BounceOutcome:
    """`letters`: what the recipients have sent with that Message-ID; None: nobody knows."""
    message_id = bounce.message_id
    if message_id is None:
        return BounceOutcome.UNVERIFIABLE
    now = mail.received_at.timestamp()
    if any(letter and letter.message_id and now - letter.sent_at < LONGEST_WAY for letter in letters or ()):
        return BounceOutcome.BY_PEN_PALS
    if mail.session.originating:
        return BounceOutcome.BY_ORIGINATING
    domain = _DOMAIN.search(message_id)
    if domain and settings.local_domains.at(key_of(f"@{domain.group(1)}", settings)):
        return BounceOutcome.BY_DOMAIN
    if message_id and (letters is None or not settings.sql_store_info_for_all_msgs):
        return BounceOutcome.UNKNOWN
    return BounceOutcome.KILLED


def with_bounce(findings: Findings, outcome: BounceOutcome, settings: Settings) -> Findings:
    """`findings` with the points of a bounce that is killed. The spam scanner has given its result already, and does
    not learn from them (B16.07)."""
    if outcome is not BounceOutcome.KILLED:
        return findings
    return replace(findings, points=(*findings.points, ("AM.BOUNCE", settings.bounce_killer_score)))
