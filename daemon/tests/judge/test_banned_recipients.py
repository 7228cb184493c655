"""Banned contents of one mail for recipients with different rules (contract B12.01, B12.04; design rule 4)."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from mailcordon.check.banned import BannedCheck
from mailcordon.check.banned_tree import Compared, Matcher
from mailcordon.config.policy import policies_for_mail
from mailcordon.config.settings import Settings
from mailcordon.judge.judge import judge
from mailcordon.mail.category import CLEAN, Category, Destiny, Major
from mailcordon.mail.finding import Findings, banned_parts
from mailcordon.mail.message import Mail
from mailcordon.mail.part import Part
from mailcordon.mail.verdict import Verdict
from mailcordon.unpack import split
from samples import with_attachment

BANNED = Category(Major.BANNED)
BOB, EVE, ANN = "bob@example.test", "eve@example.test", "ann@example.test"


@dataclass
class Result:
    """What came of a mail."""

    findings: Findings
    verdicts: dict[str, Verdict]


@pytest.fixture
def checked(make_settings: Callable[..., Settings], make_mail: Callable[..., Mail]) -> Callable[..., Result]:
    """Has the attachments of a mail compared with the rules, and judges it."""

    def run(name: str, *recipients: str, **overrides: Any) -> Result:
        settings = make_settings(**{"bypass_virus_checks": True, "bypass_spam_checks": True, **overrides})
        mail = make_mail(with_attachment(b"x", name), recipients=recipients)
        policies = policies_for_mail(settings, mail)
        check = BannedCheck()
        assert check.is_wanted(mail, policies)
        findings = asyncio.run(check.run(mail, split(mail.content.view()).root, policies))
        verdicts = judge(mail, findings, policies, settings)
        return Result(findings, {verdict.recipient.address: verdict for verdict in verdicts})

    return run


RULES = {
    "banned_rules": {"NO-EXE": [r"\.exe$"], "NO-ZIP": [[r"\.zip$", "DISCARD"]], "ALL": [["", False]]},
    "banned_filename": {"hash": {BOB: "NO-EXE", EVE: "NO-ZIP,NO-EXE", ANN: "ALL"}},
}


def test_each_by_his_own_rules(checked: Callable[..., Result]) -> None:
    """Contract B12.01: one gets it, the other does not, and the words for each are his own."""
    result = checked("a.zip", BOB, EVE, ANN, **RULES)
    bob, eve, ann = (result.verdicts[address] for address in (BOB, EVE, ANN))
    assert (bob.main, bob.destiny, ann.main) == (CLEAN, Destiny.PASS, CLEAN)
    assert (eve.blocking, eve.destiny) == (BANNED, Destiny.DISCARD)
    assert eve.reason.endswith(" - BANNED: application/octet-stream,a.zip")
    assert dict(eve.edits.prepend)["X-Amavis-Alert"] == "BANNED, message contains application/octet-stream,a.zip"
    assert "X-Amavis-Alert" not in dict(bob.edits.prepend)
    (finding,) = result.findings.found
    assert finding.recipients == frozenset({EVE})
    assert (finding.result, finding.is_discarded) == ("DISCARD", True)
    assert result.findings.for_recipients([BOB, ANN]).found == ()
    assert result.findings.for_recipients([BOB, EVE]).found == (finding,)


def test_the_same_part_by_the_same_rule_is_one_finding(checked: Callable[..., Result]) -> None:
    """Contract B12.04: whoever it concerns."""
    shared = {**RULES, "banned_filename": {"hash": {BOB: "NO-EXE", EVE: "NO-EXE,NO-ZIP"}}}
    result = checked("a.exe", BOB, EVE, **shared)
    (finding,) = result.findings.found
    assert finding.recipients is None
    assert {verdict.blocking for verdict in result.verdicts.values()} == {BANNED}
    assert result.findings.for_recipients([BOB]) is result.findings


def test_different_rules_are_different_findings(checked: Callable[..., Result]) -> None:
    """Contract B12.04: what one rule says holds for those who have it."""
    rules = {"LOUD": [[r"(?#loud)a\.exe$", "DISCARD"]], "SOFT": [r"(?#soft)a\.exe$"]}
    lookup = {"hash": {BOB: "LOUD", EVE: "SOFT"}}
    result = checked("a.exe", BOB, EVE, banned_rules=rules, banned_filename=lookup)
    assert [verdict.reason.partition(" - ")[2] for verdict in result.verdicts.values()] == [
        "BANNED: loud:application/octet-stream,a.exe",
        "BANNED: soft:application/octet-stream,a.exe",
    ]
    assert [finding.is_discarded for finding in result.findings.for_recipients([EVE]).found] == [False]


def test_who_bypasses_the_check(checked: Callable[..., Result]) -> None:
    """Features 10.07, contract B12.01: his rules are not asked, and nothing is found for him."""
    result = checked("a.exe", BOB, EVE, bypass_banned_checks={"hash": {EVE: True, ".": False}})
    (finding,) = result.findings.found
    assert finding.recipients == frozenset({BOB})
    assert (result.verdicts[BOB].blocking, result.verdicts[EVE].main) == (BANNED, CLEAN)


def test_who_loves_banned_files(checked: Callable[..., Result]) -> None:
    """Contract B5.03, features 5.33: he gets the mail, marked."""
    result = checked("a.exe", BOB, EVE, banned_files_lovers={"hash": {EVE: True}}, final_banned_destiny="reject")
    assert result.verdicts[BOB].destiny is Destiny.REJECT
    eve = result.verdicts[EVE]
    assert (eve.main, eve.blocking, eve.destiny) == (BANNED, None, Destiny.PASS)
    assert "X-Amavis-Alert" in dict(eve.edits.prepend)


def test_each_set_of_rules_is_asked_once(checked: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    """B12.01: not once a recipient."""
    asked = []
    compare = Matcher.compare

    def counted(matcher: Matcher, root: Part, seconds: float) -> Compared:
        asked.append(matcher)
        return compare(matcher, root, seconds)

    monkeypatch.setattr(Matcher, "compare", counted)
    result = checked("a.exe", *(f"{number}@example.test" for number in range(300)))
    assert len(asked) == 1
    assert len(result.findings.found) == 1


def test_unwanted_without_rules(make_settings: Callable[..., Settings], make_mail: Callable[..., Mail]) -> None:
    """Features 7.08, 10.07: no rules, bypassed by all, or parts not looked at: no check."""
    mail = make_mail(with_attachment(b"x", "a.exe"))
    unwanted: tuple[dict[str, Any], ...] = (
        {"banned_filename": []},
        {"banned_filename_re": []},
        {"bypass_banned_checks": True},
        {"bypass_decode_parts": True},
    )
    for overrides in unwanted:
        assert not BannedCheck().is_wanted(mail, policies_for_mail(make_settings(**overrides), mail))
    assert BannedCheck().is_wanted(mail, policies_for_mail(make_settings(), mail))


def test_log_lines(checked: Callable[..., Result], caplog: pytest.LogCaptureFixture) -> None:
    """Contract B8.08, B12.04: which part is banned for whom, by which rule."""
    with caplog.at_level(logging.INFO):
        result = checked("a.exe", BOB, EVE, banned_filename_re=[[r"\.exe$", "DISCARD it"]])
    assert caplog.messages == [
        f'(04711-01) p.path BANNED:DISCARD it {BOB},{EVE}: "L=1,M=multipart/mixed | '
        'L=1/2,M=application/octet-stream,N=a.exe", matching_key="\\.exe$"'
    ]
    assert banned_parts(result.findings.found) == ("multipart/mixed | application/octet-stream,a.exe",)


HEAD = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
TAIL = b"\r\n--b\r\nContent-Type: a/b; name=x.exe\r\n\r\n"


@pytest.mark.parametrize(
    "many",
    [
        b"".join(b"--b\r\nContent-Type: image/png; name=%d.png\r\n\r\nx\r\n" % number for number in range(2000)),
        b"--b\r\nContent-Type: a/b" + b"".join(b"; name=%d.png" % number for number in range(2000)) + b"\r\n\r\n",
        b"--b\r\nContent-Type: a/b"
        + b"".join(b"; name=%d" % number + b"." * 500 for number in range(99))
        + b"\r\n\r\n",
    ],
    ids=["parts", "names", "long names"],
)
def test_a_large_tree_does_not_hold_up_the_loop(
    many: bytes, make_settings: Callable[..., Settings], make_mail: Callable[..., Mail]
) -> None:
    """Design rule 7: it is compared in a thread, with the same result."""
    octets = HEAD + many + TAIL
    mail = make_mail(octets)
    root = split(mail.content.view()).root
    policies = policies_for_mail(make_settings(), mail)

    async def check() -> tuple[Findings, int]:
        turns, done = 0, False

        async def turn() -> None:
            nonlocal turns
            while not done:
                turns += 1
                await asyncio.sleep(0)

        turning = asyncio.create_task(turn())
        found = await BannedCheck().run(mail, root, policies)
        done = True
        await turning
        return found, turns

    found, turns = asyncio.run(check())
    assert [finding.name for finding in found.found] == ["a/b,x.exe"]
    assert turns > 1


def test_what_was_not_compared_is_unchecked(
    make_settings: Callable[..., Settings], make_mail: Callable[..., Mail]
) -> None:
    """Contract B13.04: not clean by silence."""
    mail = make_mail(with_attachment(b"x", "a.exe"))
    policies = policies_for_mail(make_settings(), mail)
    found = asyncio.run(BannedCheck(time_limit=-1.0).run(mail, split(mail.content.view()).root, policies)).found
    assert [(finding.category, finding.name) for finding in found] == [
        (Category(Major.UNCHECKED, 2), "Exceeded time limit of -1 s for banned names")
    ]
