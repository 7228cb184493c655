"""The judgement: contents categories, what blocks, and what becomes of the mail (contracts B5)."""

from collections.abc import Sequence

from mailcordon.config.policy import Policy, final_destiny
from mailcordon.config.settings import Settings
from mailcordon.judge.header_fields import header_edits
from mailcordon.judge.reasons import reason_for
from mailcordon.judge.ruling import Ruling
from mailcordon.mail.category import CLEAN, CLEAN_TAGGED, Category, Destiny, Major
from mailcordon.mail.finding import Finding, Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import Verdict


def judge(mail: Mail, findings: Findings, policies: Sequence[Policy], settings: Settings) -> tuple[Verdict, ...]:
    """One verdict for each policy, in order (design rule 4: every recipient is judged alone)."""
    rulings = [_rule(findings, policy, settings) for policy in policies]
    # One copy is kept for all who ask; those who get the mail are told its id even if the copy is kept for others.
    is_quarantined = any(ruling.quarantine_to for ruling in rulings)
    return tuple(_verdict(mail, findings, ruling, settings, is_quarantined=is_quarantined) for ruling in rulings)


def _rule(findings: Findings, policy: Policy, settings: Settings) -> Ruling:
    found = tuple(finding for finding in findings.found if _counts(finding, policy))
    score = findings.spam.score if findings.spam and not policy.bypass_spam_checks else None
    categories = {finding.category for finding in found}
    if score is not None:
        categories |= _levels(score, policy)
    categories = categories or {CLEAN}
    main = max(categories)
    blocking = next(
        (category for category in sorted(categories, reverse=True) if _blocks(category, policy, settings)), None
    )
    destiny = final_destiny(settings, blocking) if blocking else Destiny.PASS
    # What the client will send again is not kept each time it does.
    quarantine_to = None if destiny is Destiny.TEMPFAIL else policy.quarantine_to.get((blocking or main).major)
    return Ruling(
        policy=policy,
        found=found,
        categories=frozenset(categories),
        main=main,
        blocking=blocking,
        destiny=destiny,
        score=score,
        quarantine_to=quarantine_to,
    )


def _counts(finding: Finding, policy: Policy) -> bool:
    """Whether a finding is of any concern to the recipient. UNCHECKED says that a check could not be made or not be
    relied on, which is nothing to one who wanted none."""
    if finding.category.major in (Major.VIRUS, Major.UNCHECKED):
        return not policy.bypass_virus_checks
    return True


def _levels(score: float, policy: Policy) -> set[Category]:
    """B5.04; an undefined tag level lies below every score, undefined other levels are never reached."""
    categories: set[Category] = set()
    if policy.spam_tag_level is None or score >= policy.spam_tag_level:
        categories.add(Category(Major.CLEAN, CLEAN_TAGGED))
    if policy.spam_tag2_level is not None and score >= policy.spam_tag2_level:
        categories.add(Category(Major.SPAMMY))
    if policy.spam_kill_level is not None and score >= policy.spam_kill_level:
        categories.add(Category(Major.SPAM))
    return categories


def _blocks(category: Category, policy: Policy, settings: Settings) -> bool:
    return final_destiny(settings, category) is not Destiny.PASS and not policy.loves(category)


def _verdict(mail: Mail, findings: Findings, ruling: Ruling, settings: Settings, *, is_quarantined: bool) -> Verdict:
    policy = ruling.policy
    return Verdict(
        recipient=policy.recipient,
        is_local=policy.is_local,
        categories=ruling.categories,
        main=ruling.main,
        blocking=ruling.blocking,
        destiny=ruling.destiny,
        reason=reason_for(ruling.blocking or ruling.main, ruling.found, mail.log_id),
        edits=header_edits(mail, findings, ruling, settings, is_quarantined=is_quarantined),
        quarantine_to=ruling.quarantine_to,
        score=ruling.score,
        tag_level=policy.spam_tag_level,
        tag2_level=policy.spam_tag2_level,
        kill_level=policy.spam_kill_level,
    )
