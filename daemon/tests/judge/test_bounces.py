"""What becomes of bounces (contracts B16.06, B16.07, B16.08, B21.01; features 11.33, 11.35 to 11.37, 11.40)."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from mailcordon.config.policy import policies_for_mail
from mailcordon.config.settings import Settings
from mailcordon.judge.bounces import LONGEST_WAY, outcome_of, with_bounce
from mailcordon.judge.judge import judge
from mailcordon.mail.bounce import Bounce, BounceOutcome
from mailcordon.mail.category import Category, Major
from mailcordon.mail.envelope import Session
from mailcordon.mail.finding import Findings, SpamScore
from mailcordon.mail.message import Mail
from mailcordon.mail.penpal import Letter

MakeSettings = Callable[..., Settings]
MakeMail = Callable[..., Mail]
HEAD = b"From: MAILER-DAEMON@mx.remote.example\r\n\r\n"
FOREIGN, OURS = "<1@elsewhere.example>", "<1@host.example.test>"
YOUNG, OLD, BY_ADDRESS = (LONGEST_WAY - 60, FOREIGN), (LONGEST_WAY + 60, FOREIGN), (60, "")
O = BounceOutcome  # noqa: E741 - short for the table


@pytest.mark.parametrize(
    ("message_id", "letters", "originating", "outcome"),
    [
        (FOREIGN, [YOUNG], False, O.BY_PEN_PALS),
        (FOREIGN, [None, YOUNG], False, O.BY_PEN_PALS),
        (FOREIGN, [YOUNG], True, O.BY_PEN_PALS),
        (OURS, [YOUNG], True, O.BY_PEN_PALS),
        (OURS, [None], True, O.BY_ORIGINATING),
        (FOREIGN, [None], True, O.BY_ORIGINATING),
        ("", [], True, O.BY_ORIGINATING),
        (OURS, [None], False, O.BY_DOMAIN),
        (OURS, None, False, O.BY_DOMAIN),
        ("1@EXAMPLE.TEST", [None], False, O.BY_DOMAIN),
        (FOREIGN, None, False, O.UNKNOWN),
        (FOREIGN, [None], False, O.KILLED),
        (FOREIGN, [], False, O.KILLED),
        (FOREIGN, [OLD], False, O.KILLED),
        (FOREIGN, [BY_ADDRESS], False, O.KILLED),
        ("<1@example.test@elsewhere.example>", [None], False, O.KILLED),
        ("<1@notexample.test>", [None], False, O.KILLED),
        ("no address", [None], False, O.KILLED),
        ("", [], False, O.KILLED),
        ("", None, False, O.KILLED),
        (None, [YOUNG], True, O.UNVERIFIABLE),
    ],
)
def test_outcomes(
    message_id: str | None,
    letters: Sequence[tuple[int, str] | None] | None,
    originating: bool,
    outcome: BounceOutcome,
    make_settings: MakeSettings,
    make_mail: MakeMail,
) -> None:
    """B16.06, B16.08, B21.01, features 11.35 to 11.37, 11.40: in this order, and without any bonus for pen pals."""
    mail = make_mail(HEAD, sender="", session=Session(originating=originating))
    now = int(mail.received_at.timestamp())
    found = [None if one is None else Letter(now - one[0], "mailid", one[1]) for one in letters or ()]
    settings = make_settings(local_domains=[".example.test"], bounce_killer_score=100)
    assert settings.penpals_bonus_score == 0
    assert outcome_of(mail, Bounce("DSN", message_id), None if letters is None else found, settings) is outcome


def test_log_without_all_messages(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """B16.01: what the data base does not know may have been sent all the same."""
    settings = make_settings(bounce_killer_score=100, sql_store_info_for_all_msgs=False)
    assert outcome_of(make_mail(HEAD, sender=""), Bounce("DSN", FOREIGN), [None], settings) is O.UNKNOWN


@pytest.mark.parametrize("outcome", O)
@pytest.mark.parametrize("score", [None, 1.5])
def test_points(outcome: BounceOutcome, score: float | None, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """B16.06, B16.07, B9.09, features 11.33: for every recipient, with or without a spam score, which stays as it
    is."""
    settings = make_settings(bypass_spam_checks=False, bounce_killer_score=100)
    mail = make_mail(HEAD, sender="", recipients=["bob@example.test", "eve@example.test"])
    before = Findings(spam=None if score is None else SpamScore(score))
    after = with_bounce(before, outcome, settings)
    assert after.spam == before.spam
    is_killed = outcome is O.KILLED
    assert after.points == ((("AM.BOUNCE", 100.0),) if is_killed else ())
    for verdict in judge(mail, after, policies_for_mail(settings, mail), settings):
        assert verdict.score == ((score or 0) + 100 if is_killed else score)
        assert verdict.blocking == (Category(Major.SPAM) if is_killed else None)


@pytest.mark.parametrize("value", [-1, "x", float("nan"), float("inf")])
def test_settings(value: Any, make_settings: MakeSettings) -> None:
    """Features 11.33: a member of policy banks, 0 as packaged; no other values than points."""
    assert make_settings().bounce_killer_score == 0
    assert make_settings(policy_bank={"B": {"bounce_killer_score": 5}}).policy_bank["B"].members() == {
        "bounce_killer_score": 5
    }
    for name in ("bounce_killer_score", "penpals_bonus_score"):
        with pytest.raises(ValueError, match=name):
            make_settings(**{name: value})
