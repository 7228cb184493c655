"""Whom it helps that he has written to the sender, and how much (contracts B16.01, B16.02, B9.04, B9.09)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from mailcordon.config.policy import policies_for_mail
from mailcordon.config.settings import Settings
from mailcordon.judge.judge import judge
from mailcordon.judge.penpals import MOST_IDS, pen_pals, question_about, who_may_be_helped
from mailcordon.mail.bounce import Bounce
from mailcordon.mail.category import Category, Major
from mailcordon.mail.envelope import Session
from mailcordon.mail.finding import Finding, Findings, SpamScore
from mailcordon.mail.message import Mail
from mailcordon.mail.penpal import Letter, PenPal, Question
from mailcordon.mail.verdict import Verdict

MakeSettings = Callable[..., Settings]
MakeMail = Callable[..., Mail]
Helped = Callable[..., frozenset[str]]
BOB, EVE, ALICE = "bob@example.test", "eve@example.test", "alice@remote.example"
HEAD = b"From: x@y.example\r\n\r\n"
DAY = 24 * 3600


def scored(score: float | None) -> Findings:
    """A spam score, None for no spam check."""
    return Findings(spam=None if score is None else SpamScore(score))


@pytest.fixture
def helped(make_settings: MakeSettings, make_mail: MakeMail) -> Helped:
    """The recipients who are asked; BOB alone unless others are named."""

    def run(
        found: Findings,
        sender: str = ALICE,
        recipients: Sequence[str] = (BOB,),
        *,
        originating: bool = False,
        **more: Any,
    ) -> frozenset[str]:
        settings = make_settings(
            **{"bypass_spam_checks": False, "local_domains": [".example.test"], "penpals_bonus_score": 8, **more}
        )
        mail = make_mail(HEAD, sender=sender, recipients=recipients, session=Session(originating=originating))
        return who_may_be_helped(mail, found, policies_for_mail(settings, mail), settings)

    return run


def test_off_as_packaged(make_settings: MakeSettings, helped: Helped) -> None:
    """B16.02: nobody is asked for a bonus of 0; half of one is left after seven days."""
    settings = make_settings()
    assert (settings.penpals_bonus_score, settings.penpals_halflife) == (0, 7 * DAY)
    assert (settings.penpals_threshold_low, settings.penpals_threshold_high) == (1.0, None)
    assert helped(scored(5), penpals_bonus_score=0) == frozenset()


@pytest.mark.parametrize(
    ("score", "high", "is_asked"),
    [
        (0.99, "undef", False),
        (1.0, "undef", True),
        (500, "undef", True),
        (14, 6, True),
        (14.1, 6, False),
        (None, 6, False),
    ],
)
def test_score_for_which_it_matters(score: float | None, high: Any, is_asked: bool, helped: Helped) -> None:
    """B16.01: not below the lower threshold, not above the higher one and the bonus, not without a spam check."""
    assert bool(helped(scored(score), penpals_threshold_high=high)) == is_asked


def test_who_is_not_asked(helped: Helped) -> None:
    """B16.01: infected mail, mail to oneself, recipients elsewhere, a local sender from outside, listed senders."""
    five = scored(5)
    assert helped(five) == {BOB}
    assert not helped(replace(five, found=(Finding(Category(Major.VIRUS), "V", "clamd"),)))
    assert helped(five, recipients=[BOB, ALICE, "Alice@Remote.example", "carol@remote.example"]) == {BOB}
    assert not helped(five, sender=EVE)
    assert helped(five, sender=EVE, originating=True) == {BOB}
    assert not helped(five, sender="BOB@example.test", originating=True)
    assert not helped(five, whitelist_sender=[ALICE])
    assert not helped(five, blacklist_sender=[ALICE])
    assert not helped(five, bypass_spam_checks=True)


def test_each_recipient_by_his_own_score(helped: Helped) -> None:
    """Design rule 4: soft lists and levels differ."""
    points = {"hash": {EVE: {"hash": {ALICE: -4.5}}}}
    assert helped(scored(5), recipients=[BOB, EVE], score_sender=points) == {BOB}


@pytest.mark.parametrize(
    ("age", "bonus"), [(0, 8.0), (7 * DAY, 4.0), (14 * DAY, 2.0), (DAY, 7.246), (-100, 8.0), (3650 * DAY, None)]
)
def test_bonus_by_age(age: int, bonus: float | None, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """B16.02: half of it is left after each half-life; a clock that goes wrong does no harm."""
    mail = make_mail(HEAD)
    letter = Letter(int(mail.received_at.timestamp()) - age, "mailid")
    found = pen_pals(mail, {BOB: letter, EVE: letter, ALICE: None}, {BOB, ALICE}, make_settings(penpals_bonus_score=8))
    assert found == ({} if bonus is None else {BOB: PenPal(max(age, 0), bonus, "mailid")})


def test_half_life(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """B16.02: it may be set."""
    mail = make_mail(HEAD)
    letter = Letter(int(mail.received_at.timestamp()) - 100, "mailid")
    settings = make_settings(penpals_bonus_score=8, penpals_halflife=100)
    assert pen_pals(mail, {BOB: letter}, {BOB}, settings)[BOB].bonus == 4.0


def question(make_mail: MakeMail, fields: str, bounce: Bounce | None = None, sender: str = ALICE) -> Question:
    """What is asked about a message with these fields."""
    return question_about(make_mail(fields.encode() + b"\r\n", sender=sender), bounce)


def test_references(make_mail: MakeMail) -> None:
    """B16.02: In-Reply-To first, then References, the nearest first; not too many of them."""
    fields = "References: <1@a> <2@a>\r\n <3@a>\r\nIn-Reply-To: Your mail <3@a>\r\n"
    assert question(make_mail, fields) == Question(ALICE, ("<3@a>", "<2@a>", "<1@a>"))
    many = "References: " + " ".join(f"<{number}@a>" for number in range(50_000)) + "\r\n"
    asked = question(make_mail, many).message_ids
    assert asked == tuple(f"<{number}@a>" for number in range(49_999, 49_999 - MOST_IDS, -1))
    assert question(make_mail, "References: " + "<" * 500_000 + "\r\n") == Question(ALICE)


def test_question_about_a_bounce(make_mail: MakeMail) -> None:
    """B16.02: only what it is about counts, with or without brackets; without a Message-ID it is mail as any other."""
    fields = "In-Reply-To: <1@a>\r\n"
    assert question(make_mail, fields, Bounce("DSN", "<2@a>"), "") == Question("", ("<2@a>",))
    assert question(make_mail, fields, Bounce("DSN", "2@a"), "") == Question("", ("2@a",))
    assert question(make_mail, fields, Bounce("DSN", "<2@a> (x)"), "") == Question("", ("<2@a>", "<2@a> (x)"))
    assert question(make_mail, fields, Bounce("DSN", ""), "") == Question("", ("<1@a>",))


def judged(make_settings: MakeSettings, make_mail: MakeMail, found: Findings, *recipients: str) -> Sequence[Verdict]:
    """With a kill level of 6.31."""
    settings = make_settings(bypass_spam_checks=False, local_domains=[".example.test"], spam_tag_level="undef")
    mail = make_mail(HEAD, recipients=recipients)
    return judge(mail, found, policies_for_mail(settings, mail), settings)


def test_verdict_of_each_recipient(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """B16.02, B9.04, B9.09: the bonus of each; score, level, test and field follow from it."""
    pal = PenPal(3 * DAY + 3661, 4.5, "mailid")
    found = replace(scored(7), pen_pals={BOB: pal, ALICE: pal})
    bob, eve, alice = judged(make_settings, make_mail, found, BOB, EVE, ALICE)
    assert (bob.score, eve.score) == (2.5, 7)
    assert (bob.blocking, eve.blocking) == (None, Category(Major.SPAM))
    assert (bob.pen_pal, eve.pen_pal) == (pal, None)
    fields = dict(bob.edits.prepend)
    assert fields["X-Amavis-PenPals"] == "age 3 1:01:01"
    assert "AM.PENPAL=-4.5" in fields["X-Spam-Status"]
    assert not any("PENPAL" in name.upper() + value for name, value in eve.edits.prepend)
    # Fields of ours are for recipients here.
    assert "X-Amavis-PenPals" not in dict(alice.edits.prepend)


def test_equal_recipients_share_a_verdict(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """B7.07: equal edits, one transaction; those of another age get their own."""
    one, other = PenPal(60, 4.5, "mailid"), PenPal(120, 4.5, "mailid")
    names = [f"user{number}@example.test" for number in range(4)]
    pals = dict(zip(names, [one, one, other, None], strict=True))
    found = replace(scored(7), pen_pals={name: pal for name, pal in pals.items() if pal})
    verdicts = judged(make_settings, make_mail, found, *names)
    assert verdicts[0].edits == verdicts[1].edits
    assert len({verdict.edits for verdict in verdicts}) == 3
