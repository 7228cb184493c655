"""The judgement by table (B5.01 to B5.11, design rule 4)."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from mailcordon.config.policy import policies_for
from mailcordon.config.settings import Settings
from mailcordon.judge.judge import judge
from mailcordon.mail.category import Category, Destiny, Major
from mailcordon.mail.finding import Finding, Findings, SpamScore
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import Verdict
from samples import plain

MakeSettings = Callable[..., Settings]
MakeMail = Callable[..., Mail]
Judge = Callable[..., tuple[Verdict, ...]]

CLEAN = Category(Major.CLEAN)
TAGGED = Category(Major.CLEAN, 1)
SPAMMY = Category(Major.SPAMMY)
SPAM = Category(Major.SPAM)
UNCHECKED = Category(Major.UNCHECKED)
ENCRYPTED = Category(Major.UNCHECKED, 1)
OVER_LIMITS = Category(Major.UNCHECKED, 2)
AMBIGUOUS = Category(Major.UNCHECKED, 3)
BANNED = Category(Major.BANNED)
VIRUS = Category(Major.VIRUS)


def findings(*categories: Category, score: float | None = None) -> Findings:
    """Findings named after their category."""
    return Findings(
        tuple(Finding(category, f"Test.{category.display_name}", "test") for category in categories),
        SpamScore(score) if score is not None else None,
        virus_checked=True,
    )


@pytest.fixture
def judged(make_settings: MakeSettings, make_mail: MakeMail) -> Judge:
    """Judges findings for recipients under settings with all checks on."""

    def run(
        found: Findings, recipients: Iterable[str] = ("bob@example.test",), **overrides: Any
    ) -> tuple[Verdict, ...]:
        settings = make_settings(**{"bypass_virus_checks": False, "bypass_spam_checks": False, **overrides})
        mail = make_mail(plain(), recipients=recipients)
        return judge(mail, found, policies_for(settings, mail.envelope.recipients), settings)

    return run


PASS_ALL = {f"final_{kind}_destiny": "pass" for kind in ("virus", "unchecked", "spam")}

TABLE: list[tuple[Findings, dict[str, Any], Category, Category | None, Destiny]] = [
    (findings(), {}, CLEAN, None, Destiny.PASS),
    (findings(VIRUS), {}, VIRUS, VIRUS, Destiny.DISCARD),
    (findings(VIRUS), {"final_virus_destiny": "reject"}, VIRUS, VIRUS, Destiny.REJECT),
    (findings(VIRUS), {"final_virus_destiny": "bounce"}, VIRUS, VIRUS, Destiny.BOUNCE),
    (findings(VIRUS), {"final_virus_destiny": "tempfail"}, VIRUS, VIRUS, Destiny.TEMPFAIL),
    (findings(VIRUS), {"final_virus_destiny": "pass"}, VIRUS, None, Destiny.PASS),
    (findings(VIRUS), {"virus_lovers": True}, VIRUS, None, Destiny.PASS),
    (findings(VIRUS), {"spam_lovers": True}, VIRUS, VIRUS, Destiny.DISCARD),
    (findings(VIRUS), {"bypass_virus_checks": True}, CLEAN, None, Destiny.PASS),
    (findings(VIRUS, score=99), {}, VIRUS, VIRUS, Destiny.DISCARD),
    # What does not block leaves the decision to the next category.
    (findings(VIRUS, score=99), {"virus_lovers": True, "final_spam_destiny": "reject"}, VIRUS, SPAM, Destiny.REJECT),
    (findings(VIRUS, score=99), PASS_ALL, VIRUS, None, Destiny.PASS),
    (findings(UNCHECKED), {}, UNCHECKED, None, Destiny.PASS),
    (findings(ENCRYPTED), {"final_unchecked_destiny": "discard"}, ENCRYPTED, ENCRYPTED, Destiny.DISCARD),
    (findings(OVER_LIMITS, VIRUS), {}, VIRUS, VIRUS, Destiny.DISCARD),
    (findings(ENCRYPTED, AMBIGUOUS), {"final_unchecked_destiny": "reject"}, AMBIGUOUS, AMBIGUOUS, Destiny.REJECT),
    (
        findings(OVER_LIMITS),
        {"final_unchecked_destiny": "reject", "unchecked_lovers": True},
        OVER_LIMITS,
        None,
        Destiny.PASS,
    ),
    (
        findings(AMBIGUOUS),
        {"final_unchecked_destiny": "reject", "bypass_virus_checks": True},
        CLEAN,
        None,
        Destiny.PASS,
    ),
    (findings(OVER_LIMITS, score=99), {}, OVER_LIMITS, SPAM, Destiny.DISCARD),
    # Levels, B5.04; checklist 1.
    (findings(score=1.999), {}, CLEAN, None, Destiny.PASS),
    (findings(score=2.0), {}, TAGGED, None, Destiny.PASS),
    (findings(score=6.309), {}, TAGGED, None, Destiny.PASS),
    (findings(score=6.31), {"spam_kill_level": 6.9}, SPAMMY, None, Destiny.PASS),
    (findings(score=6.899), {"spam_kill_level": 6.9}, SPAMMY, None, Destiny.PASS),
    (findings(score=6.9), {"spam_kill_level": 6.9}, SPAM, SPAM, Destiny.DISCARD),
    (findings(score=-3), {"spam_tag_level": -999}, TAGGED, None, Destiny.PASS),
    (findings(score=999), {"final_spam_destiny": "pass"}, SPAM, None, Destiny.PASS),
    (findings(score=999), {"spam_lovers": True}, SPAM, None, Destiny.PASS),
    (findings(score=999), {"bypass_spam_checks": True}, CLEAN, None, Destiny.PASS),
    (findings(score=999), {"bypass_virus_checks": True}, SPAM, SPAM, Destiny.DISCARD),
]


@pytest.mark.parametrize(("found", "overrides", "main", "blocking", "destiny"), TABLE)
def test_matrix(
    found: Findings,
    overrides: dict[str, Any],
    main: Category,
    blocking: Category | None,
    destiny: Destiny,
    judged: Judge,
) -> None:
    (verdict,) = judged(found, **overrides)
    assert (verdict.main, verdict.blocking, verdict.destiny) == (main, blocking, destiny)
    assert main in verdict.categories
    assert max(verdict.categories) == main


@pytest.mark.parametrize(
    ("category", "setting", "destiny"),
    [
        (BANNED, "warnbannedsender", "final_banned_destiny"),
        (Category(Major.BAD_HEADER, 7), "warnbadhsender", "final_bad_header_destiny"),
    ],
)
def test_discard_becomes_bounce_for_a_warned_sender(
    category: Category, setting: str, destiny: str, judged: Judge
) -> None:
    """Contract B5.07; features 5.36, 14.08, 18.07: a sender whose address anybody may have written gets no mail."""
    forged, credible = findings(category), replace(findings(category), sender_credible="originating")
    discard = {destiny: "discard"}
    assert judged(credible, **discard, **{setting: True})[0].destiny is Destiny.BOUNCE
    assert judged(forged, **discard, **{setting: True})[0].destiny is Destiny.DISCARD
    assert judged(credible, **discard)[0].destiny is Destiny.DISCARD
    assert judged(credible, **{destiny: "reject", setting: True})[0].destiny is Destiny.REJECT
    assert judged(replace(findings(VIRUS), sender_credible="x"), **{setting: True})[0].destiny is Destiny.DISCARD


def test_categories_of_a_spam_are_all_below_it(judged: Judge) -> None:
    assert judged(findings(score=99))[0].categories == {TAGGED, SPAMMY, SPAM}
    assert judged(findings())[0].categories == {CLEAN}


def test_levels_that_are_not_set(judged: Judge) -> None:
    """An undefined tag level tags everything, other levels are never reached."""
    only_for_others = {"hash": {"other.test": 1}}
    overrides = {f"spam_{level}_level": only_for_others for level in ("tag", "tag2", "kill")}
    assert judged(findings(score=99), **overrides)[0].categories == {TAGGED}


def test_every_recipient_is_judged_alone(judged: Judge) -> None:
    """Design rule 4."""
    verdicts = judged(
        findings(VIRUS, score=99),
        ["victim@example.test", "lover@example.test", "bypass@example.test", "all@example.test"],
        virus_lovers={"hash": {"lover@example.test": True}},
        bypass_virus_checks={"hash": {"bypass@example.test": True, "all@example.test": True}},
        bypass_spam_checks={"hash": {"all@example.test": True}},
    )
    assert [(verdict.recipient.address, verdict.main, verdict.blocking, verdict.score) for verdict in verdicts] == [
        ("victim@example.test", VIRUS, VIRUS, 99),
        ("lover@example.test", VIRUS, SPAM, 99),
        ("bypass@example.test", SPAM, SPAM, 99),
        ("all@example.test", CLEAN, None, None),
    ]


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (findings(), "CLEAN"),
        (findings(VIRUS), "INFECTED: Test.Virus"),
        (findings(VIRUS, VIRUS), "INFECTED: Test.Virus"),
        (findings(UNCHECKED), "UNCHECKED"),
        (findings(ENCRYPTED), "UNCHECKED: encrypted"),
        (findings(OVER_LIMITS), "UNCHECKED: over limits"),
        (findings(AMBIGUOUS), "UNCHECKED: ambiguous content"),
        (findings(score=6.5), "spammy"),
        (findings(score=99), "spam"),
        # Of a message that passes as UNCHECKED but is blocked as spam, the block is the reason.
        (findings(UNCHECKED, score=99), "spam"),
    ],
)
def test_reasons(found: Findings, reason: str, judged: Judge) -> None:
    """B5.11."""
    assert judged(found, spam_kill_level=6.9)[0].reason == f"id=04711-01 - {reason}"


def test_several_names_and_their_limit(judged: Judge) -> None:
    """B5.11: cut at 450 characters."""
    names = [Finding(VIRUS, f"Name-{number}", "test") for number in range(2)]
    assert judged(Findings(tuple(names)))[0].reason.endswith(" - INFECTED: Name-0, Name-1")
    many = Findings(tuple(Finding(VIRUS, f"Name-{number}", "test") for number in range(500)))
    assert len(judged(many)[0].reason) == 450


class TestQuarantine:
    """Which copy a recipient asks for (B10.01)."""

    def test_by_what_blocks(self, judged: Judge) -> None:
        assert judged(findings(VIRUS))[0].quarantine_to == "virus-quarantine"
        assert judged(findings(score=99))[0].quarantine_to == "spam-quarantine"
        assert judged(findings(OVER_LIMITS, score=99))[0].quarantine_to == "spam-quarantine"

    def test_also_of_mail_that_passes(self, judged: Judge) -> None:
        assert judged(findings(VIRUS), virus_lovers=True)[0].quarantine_to == "virus-quarantine"

    def test_none(self, judged: Judge) -> None:
        assert judged(findings())[0].quarantine_to is None
        assert judged(findings(score=6.5), spam_kill_level=6.9)[0].quarantine_to is None
        assert judged(findings(UNCHECKED))[0].quarantine_to is None
        assert judged(findings(VIRUS), virus_quarantine_to="")[0].quarantine_to is None
        assert judged(findings(VIRUS), virus_quarantine_method="")[0].quarantine_to is None
        assert judged(findings(VIRUS), bypass_virus_checks=True)[0].quarantine_to is None
        assert judged(findings(VIRUS), final_virus_destiny="tempfail")[0].quarantine_to is None
