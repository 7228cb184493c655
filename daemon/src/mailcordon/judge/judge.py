"""The judgement: contents categories, what blocks, and what becomes of the mail (contracts B5)."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailcordon.config.by_category import value_at
from mailcordon.config.lookup_key import key_of
from mailcordon.config.notices import sender_is_warned
from mailcordon.config.policy import Policy, final_destiny, quarantine_method
from mailcordon.config.settings import Settings
from mailcordon.judge.extension import with_extension
from mailcordon.judge.header_fields import header_edits
from mailcordon.judge.reasons import reason_for
from mailcordon.judge.ruling import Ruling
from mailcordon.judge.score import score_for
from mailcordon.mail.bulk import is_bulk
from mailcordon.mail.category import CLEAN, CLEAN_TAGGED, OVERSIZED, SPAMMY_TAG3, Category, Destiny, Major
from mailcordon.mail.envelope import Recipient
from mailcordon.mail.finding import Finding, Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.penpal import PenPal
from mailcordon.mail.verdict import Verdict

_FOR_GOOD = frozenset({Destiny.REJECT, Destiny.BOUNCE})


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    """What the judgement for a recipient depends on."""

    policy: Policy
    found: tuple[Finding, ...]
    """The findings that concern him by his address."""
    pen_pal: PenPal | None = None
    """Of his."""


def judge(mail: Mail, findings: Findings, policies: Sequence[Policy], settings: Settings) -> tuple[Verdict, ...]:
    """One verdict for each recipient, in order, `policies` being theirs (design rule 4: each is judged alone).

    Recipients of one policy whom the same findings concern are judged once: what holds for them depends on nothing
    else.
    """
    cases = _cases(mail, findings, policies)
    rulings = {case: _rule(mail, findings, case, settings) for case in dict.fromkeys(cases)}
    # One copy is kept for all who ask; those who get the mail are told its id even if the copy is kept for others.
    is_quarantined = any(ruling.quarantine_to for ruling in rulings.values())
    verdicts = {
        case: _verdict(mail, findings, ruling, settings, is_quarantined=is_quarantined)
        for case, ruling in rulings.items()
    }
    return tuple(
        _for_recipient(recipient, rulings[case], verdicts[case], settings)
        for recipient, case in zip(mail.envelope.recipients, cases, strict=True)
    )


def _cases(mail: Mail, findings: Findings, policies: Sequence[Policy]) -> list[_Case]:
    """The case of each recipient; recipients of one policy whom the same findings concern, and who have written to the
    sender at the same time or not at all, have the same object."""
    found = findings.found
    differ = any(finding.recipients is not None for finding in found)
    if not differ and not findings.pen_pals:
        by_policy = {policy: _Case(policy, found) for policy in dict.fromkeys(policies)}
        return [by_policy[policy] for policy in policies]
    known: dict[tuple[Policy, tuple[int, ...], PenPal | None], _Case] = {}
    cases = []
    for recipient, policy in zip(mail.envelope.recipients, policies, strict=True):
        # Numbers, as there may be hundreds of recipients, and findings take their time to be compared.
        own = tuple(i for i, finding in enumerate(found) if finding.concerns(recipient.address)) if differ else ()
        pal = findings.pen_pal_of(recipient.address)
        case = known.get((policy, own, pal))
        if case is None:
            case = known[policy, own, pal] = _Case(policy, tuple(found[i] for i in own) if differ else found, pal)
        cases.append(case)
    return cases


def _rule(mail: Mail, findings: Findings, case: _Case, settings: Settings) -> Ruling:
    policy = case.policy
    found = tuple(finding for finding in case.found if _counts(finding, policy))
    pal = case.pen_pal
    score = score_for(findings, policy, pal.bonus if pal else 0.0)
    categories = {finding.category for finding in found}
    if not policy.bypass_spam_checks:
        categories |= _levels(score, policy)
    if policy.is_oversized(mail.size):
        categories.add(OVERSIZED)
    categories = categories or {CLEAN}
    main = max(categories)
    blocking, destiny = None, Destiny.PASS
    for category in sorted(categories, reverse=True):
        wanted = _destiny(mail, category, settings, findings.sender_credible)
        if wanted is not Destiny.PASS and not policy.loves(category):
            blocking, destiny = category, wanted
            break
    softened = destiny if settings.soft_bounce and destiny in _FOR_GOOD else None
    if softened is not None:
        destiny = Destiny.TEMPFAIL
    return Ruling(
        policy=policy,
        found=found,
        categories=frozenset(categories),
        main=main,
        blocking=blocking,
        destiny=destiny,
        softened=softened,
        score=score,
        quarantine_to=_quarantine(mail, blocking or main, destiny, score, policy, settings),
        pen_pal=pal,
        extension=_extension(categories, policy, settings),
    )


def _counts(finding: Finding, policy: Policy) -> bool:
    """Whether a finding is of any concern to the recipient. UNCHECKED says that a check could not be made or not be
    relied on, which is nothing to one who wanted none."""
    match finding.category.major:
        case Major.VIRUS | Major.UNCHECKED:
            return not policy.bypass_virus_checks
        case Major.BANNED:
            return not policy.bypass_banned_checks
        case Major.BAD_HEADER:
            return not policy.bypass_header_checks
        case _:
            return True


def _levels(score: float | None, policy: Policy) -> set[Category]:
    """B5.04; an undefined tag level lies below every score, undefined other levels are never reached.

    A blacklisted sender's mail reaches them all, a whitelisted one's none but the first (B3.21).
    """
    white, black = policy.sender.whitelisted, policy.sender.blacklisted
    if white:
        score, black = min(score or 0.0, 0.0), False
    elif score is None and not black:
        return set()

    def reached(level: float | None) -> bool:
        return not white and (black or (level is not None and score is not None and score >= level))

    categories: set[Category] = set()
    if black or policy.spam_tag_level is None or (score is not None and score >= policy.spam_tag_level):
        categories.add(Category(Major.CLEAN, CLEAN_TAGGED))
    if reached(policy.spam_tag2_level):
        categories.add(Category(Major.SPAMMY))
    if policy.spam_tag3_level is not None and reached(policy.spam_tag3_level):
        categories.add(Category(Major.SPAMMY, SPAMMY_TAG3))
    if reached(policy.spam_kill_level):
        categories.add(Category(Major.SPAM))
    return categories


def _destiny(mail: Mail, category: Category, settings: Settings, sender_credible: str) -> Destiny:
    destiny = final_destiny(settings, category)
    if destiny is Destiny.DISCARD and sender_is_warned(settings, category, sender_credible=sender_credible):
        destiny = Destiny.BOUNCE  # B5.07
    if (
        category.major is Major.BAD_HEADER
        and destiny is Destiny.BOUNCE
        and (not mail.envelope.sender or is_bulk(mail.header))
    ):
        return Destiny.PASS  # B5.08: nobody would read that notification
    return destiny


def _quarantine(
    mail: Mail,
    category: Category,
    destiny: Destiny,
    score: float | None,
    policy: Policy,
    settings: Settings,
) -> str | None:
    # What the client will send again is not kept each time it does.
    if destiny is Destiny.TEMPFAIL or not quarantine_method(settings, category):
        return None
    cutoff = policy.spam_quarantine_cutoff_level
    if category.major is Major.SPAM and score is not None and cutoff is not None and score >= cutoff:
        return None
    if category.major is Major.SPAM:
        by_sender = settings.spam_quarantine_bysender_to.at(key_of(mail.envelope.sender, settings))
        if by_sender is not None:
            return by_sender or None
    return policy.quarantine_for(category)


def _archive(destiny: Destiny, policy: Policy, settings: Settings) -> str | None:
    if destiny is Destiny.TEMPFAIL or not settings.archive_quarantine_method:
        return None
    return policy.archive_to or None


def _extension(categories: set[Category], policy: Policy, settings: Settings) -> str | None:
    if not policy.is_local or not settings.recipient_delimiter or not policy.extends_addresses:
        return None
    wanted = (value_at(policy.addr_extensions, category) for category in sorted(categories, reverse=True))
    return next(filter(None, wanted), None)


def _verdict(mail: Mail, findings: Findings, ruling: Ruling, settings: Settings, *, is_quarantined: bool) -> Verdict:
    """The verdict for any recipient of one policy; `_for_recipient` makes it that of a certain one."""
    policy = ruling.policy
    return Verdict(
        recipient=mail.envelope.recipients[0],
        is_local=policy.is_local,
        categories=ruling.categories,
        main=ruling.main,
        blocking=ruling.blocking,
        destiny=ruling.destiny,
        softened=ruling.softened,
        reason=reason_for(ruling.blocking or ruling.main, ruling.found, mail, settings),
        edits=header_edits(mail, findings, ruling, settings, is_quarantined=is_quarantined),
        quarantine_to=ruling.quarantine_to,
        archive_to=_archive(ruling.destiny, policy, settings),
        score=ruling.score,
        points=policy.sender.points,
        pen_pal=ruling.pen_pal,
        whitelisted=policy.sender.whitelisted,
        blacklisted=policy.sender.blacklisted,
        tag_level=policy.spam_tag_level,
        tag2_level=policy.spam_tag2_level,
        tag3_level=policy.spam_tag3_level,
        kill_level=policy.spam_kill_level,
    )


def _for_recipient(recipient: Recipient, ruling: Ruling, verdict: Verdict, settings: Settings) -> Verdict:
    if ruling.extension is not None:
        address = with_extension(
            recipient.address,
            ruling.extension,
            settings.recipient_delimiter,
            replace=settings.replace_existing_extension,
        )
        return verdict.also_for(recipient, address)
    return verdict if recipient is verdict.recipient else verdict.also_for(recipient, None)
