"""Who is told by a notification: the rules of B11.02 and their order."""

from dataclasses import replace
from typing import Any

import pytest

from mailcordon.act.dsn_rules import RULES, Case, Result, why_not
from mailcordon.mail.verdict import DsnSent

N, Q = DsnSent.NONE, DsnSent.SUPPRESSED
SPAM = {"score": 10.0, "recipient_cutoff": 10.0}

# For each rule in order: its reason, what is recorded, cases for which it holds, each with a twin for which none does.
TABLE: list[tuple[str, DsnSent, list[tuple[dict[str, Any], dict[str, Any]]]]] = [
    ("the client tries again", N, [({"result": Result.POSTPONED}, {})]),
    ("rejected, the client tells", N, [({"told_by_client": True}, {})]),
    (
        "NOTIFY without FAILURE",
        Q,
        [
            ({"notify": "SUCCESS"}, {"notify": "FAILURE"}),
            ({"notify": "DELAY,SUCCESS"}, {"notify": "SUCCESS,FAILURE"}),
            ({"notify": "NEVER"}, {}),
        ],
    ),
    (
        "nobody asked for success",
        N,
        [
            ({"result": Result.DELIVERED}, {"result": Result.DELIVERED, "notify": "SUCCESS"}),
            (
                {"result": Result.DELIVERED, "notify": "FAILURE"},
                {"result": Result.DELIVERED, "notify": "DELAY,SUCCESS"},
            ),
            ({"result": Result.DELIVERED}, {"result": Result.DELIVERED, "warned": True}),
            ({"result": Result.DISCARDED}, {}),
        ],
    ),
    (
        "the next hop tells of success",
        N,
        [
            (
                {"result": Result.DELIVERED, "notify": "SUCCESS", "passed_on": True},
                {"result": Result.DELIVERED, "notify": "SUCCESS"},
            ),
            (
                {"result": Result.DELIVERED, "notify": "SUCCESS", "passed_on": True},
                {"result": Result.DELIVERED, "notify": "SUCCESS", "passed_on": True, "warned": True},
            ),
        ],
    ),
    (
        "null sender or NOTIFY=NEVER",
        Q,
        [
            ({"sender": ""}, {}),
            (
                {"result": Result.DELIVERED, "warned": True, "notify": "NEVER"},
                {"result": Result.DELIVERED, "warned": True, "notify": "FAILURE"},
            ),
        ],
    ),
    ("discarded", N, [({"result": Result.DISCARDED, "notify": "SUCCESS"}, {})]),
    ("the sender may be faked", Q, [({"fakes_sender": True}, {})]),
    (
        "score reaches the sender's cutoff level",
        Q,
        [
            ({"score": 10.0, "sender_cutoff": 10.0}, {"score": 9.999, "sender_cutoff": 10.0}),
            ({"score": 0.0, "sender_cutoff": 0.0}, {"score": None, "sender_cutoff": 0.0}),
            ({"score": 99.0, "sender_cutoff": 10.0}, {"score": 99.0, "sender_cutoff": None}),
        ],
    ),
    (
        "score reaches the recipient's cutoff level, or blacklisted sender",
        Q,
        [
            (SPAM, {**SPAM, "score": 9.999}),
            (SPAM, {**SPAM, "recipient_cutoff": None}),
            ({"blacklisted": True}, {"blacklisted": True, "whitelisted": True}),
        ],
    ),
    ("bulk mail", Q, [({"is_bulk": True}, {"is_bulk": True, "is_clean": True})]),
    (
        "spam from Windows",
        Q,
        [
            ({"os_fingerprint": "Windows XP/2000", "score": 5.0}, {"os_fingerprint": "Windows XP/2000", "score": 4.9}),
            (
                {"os_fingerprint": "Windows XP; dist: 9", "score": 5.0},
                {"os_fingerprint": "Windows XP SP1+, 2000 SP3 (2)", "score": 7.9},
            ),
            (
                {"os_fingerprint": "Windows 7 or 8; dist: 1", "score": 8.0},
                {"os_fingerprint": "Windows 7; XP", "score": 7.9},
            ),
            ({"os_fingerprint": "Windows 98", "score": 8.0}, {"os_fingerprint": "Windows 98", "score": 7.9}),
            (
                {"os_fingerprint": "Windows XP", "score": 9.0},
                {"os_fingerprint": "Windows XP", "score": 9.0, "dkim_envsender_sig": True},
            ),
            ({"os_fingerprint": "Windows XP", "score": 9.0}, {"os_fingerprint": "Linux 2.6", "score": 9.0}),
        ],
    ),
]


def test_every_rule_is_in_the_table_in_its_place() -> None:
    """Contract B11.02: the order."""
    assert [(rule.reason, rule.sent) for rule in RULES] == [(reason, sent) for reason, sent, _ in TABLE]


@pytest.mark.parametrize(
    ("reason", "case", "twin"),
    [(reason, Case(**holds), Case(**not_)) for reason, _, pairs in TABLE for holds, not_ in pairs],
)
def test_each_rule(reason: str, case: Case, twin: Case) -> None:
    """Contract B11.02; features 14.01 for the cutoffs, B21.06 for the last one, which is recorded as suppressed."""
    rule = why_not(case)
    assert rule is not None
    assert rule.reason == reason
    assert why_not(twin) is None


def test_an_earlier_rule_wins() -> None:
    """With everything wrong the first rule speaks; as its cause goes, the next one does."""
    case = Case(
        result=Result.POSTPONED,
        sender="",
        told_by_client=True,
        notify="NEVER",
        fakes_sender=True,
        score=99.0,
        sender_cutoff=1.0,
        recipient_cutoff=1.0,
        is_bulk=True,
        os_fingerprint="Windows XP",
    )
    seen = []
    for cause in (
        {"result": Result.FAILED},
        {"told_by_client": False},
        {"notify": "FAILURE", "result": Result.DELIVERED},
        {"passed_on": True, "notify": "SUCCESS"},
        {"result": Result.DISCARDED},
        {"sender": "a@b.example"},
        {"result": Result.FAILED, "notify": None},
        {"fakes_sender": False},
        {"sender_cutoff": None},
        {"recipient_cutoff": None},
        {"is_bulk": False},
        {"os_fingerprint": ""},
    ):
        rule = why_not(case)
        assert rule is not None
        seen.append(rule.reason)
        case = replace(case, **cause)
    assert seen == [reason for reason, _, _ in TABLE]
    assert why_not(case) is None
