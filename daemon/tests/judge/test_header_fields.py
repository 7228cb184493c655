"""Header fields of the delivered copy, exactly (B9.01 to B9.04; checklist 12, 17)."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from mailcordon.config.policy import policies_for
from mailcordon.config.settings import Settings
from mailcordon.judge.judge import judge
from mailcordon.mail.category import Category, Major
from mailcordon.mail.finding import Finding, Findings, SpamScore
from mailcordon.mail.header import HeaderEdits
from mailcordon.mail.message import Mail
from samples import plain

MakeSettings = Callable[..., Settings]
MakeMail = Callable[..., Mail]
Edits = Callable[..., list[HeaderEdits]]

VIRUS = Finding(Category(Major.VIRUS), "Test.Virus-1", "clamd")
SCANNED = ("X-Virus-Scanned", "mailcordon at example.test")
LOCAL, REMOTE = "bob@example.test", "carol@remote.example"


def rated(score: float, *tests: tuple[str, float | None], autolearn: str | None = None) -> Findings:
    return Findings(spam=SpamScore(score, tests, autolearn), virus_checked=True)


@pytest.fixture
def edits(make_settings: MakeSettings, make_mail: MakeMail) -> Edits:
    """The edits for each recipient, under settings with all checks on; the mail_id is always the same."""

    def make(found: Findings, recipients: Iterable[str] = (LOCAL,), **overrides: Any) -> list[HeaderEdits]:
        settings = make_settings(**{"bypass_virus_checks": False, "bypass_spam_checks": False, **overrides})
        mail = make_mail(plain(), recipients=recipients)
        object.__setattr__(mail, "mail_id", "AbCdEf-12345")
        verdicts = judge(mail, found, policies_for(settings, mail.envelope.recipients), settings)
        return [verdict.edits for verdict in verdicts]

    return make


def test_clean_mail(edits: Edits) -> None:
    (result,) = edits(Findings(virus_checked=True))
    assert result.prepend == (SCANNED,)
    assert result.subject_prefix is None


def test_forged_fields_are_removed(edits: Edits) -> None:
    """B9.01. X-Virus-Scanned of others stays: it says what they did."""
    names = ("status", "level", "flag", "score", "report", "checker-version", "tests")
    for result in edits(Findings(), [LOCAL, REMOTE]):
        assert result.remove == {"x-amavis-hold", *(f"x-spam-{name}" for name in names)}


def test_virus_scanned_only_for_whom_it_was(edits: Edits) -> None:
    """B9.02: also for recipients elsewhere, not for those who bypass the check."""
    wanted, bypassed = edits(Findings(virus_checked=True), [REMOTE, LOCAL], bypass_virus_checks=[LOCAL])
    assert wanted.prepend == (SCANNED,)
    assert bypassed.prepend == ()


def test_virus_scanned_is_not_claimed_without_a_verdict(edits: Edits) -> None:
    unchecked = Finding(Category(Major.UNCHECKED), "ALL VIRUS SCANNERS FAILED", "virus")
    assert edits(Findings((unchecked,)))[0].prepend == ()


def test_tag_and_text_of_virus_scanned(edits: Edits) -> None:
    (result,) = edits(Findings(virus_checked=True), X_HEADER_TAG="X-Scanned", X_HEADER_LINE="by us")
    assert result.prepend == (("X-Scanned", "by us"),)


def test_tagged(edits: Edits) -> None:
    (result,) = edits(rated(3.25, ("A_TEST", 2.749), ("B_TEST", 0.501), autolearn="no"))
    assert result.prepend == (
        SCANNED,
        ("X-Spam-Flag", "NO"),
        ("X-Spam-Score", "3.25"),
        ("X-Spam-Level", "***"),
        (
            "X-Spam-Status",
            "No, score=3.25 tagged_above=2 required=6.31\ntests=[A_TEST=2.749, B_TEST=0.501] autolearn=no",
        ),
    )
    assert result.subject_prefix is None


def test_spammy(edits: Edits) -> None:
    (result,) = edits(rated(6.31, ("A", None)), spam_kill_level=6.9)
    fields = dict(result.prepend)
    assert fields["X-Spam-Flag"] == "YES"
    assert fields["X-Spam-Score"] == "6.31"
    assert fields["X-Spam-Level"] == "******"
    assert fields["X-Spam-Status"] == ("Yes, score=6.31 tagged_above=2 required=6.31\ntests=[A] autolearn=unavailable")
    assert result.subject_prefix == "***SPAM*** "


ALLOWED = {"X-Amavis-Category": False, "X-Spam-Report": True, "X-Spam-Checker-Version": True}


def test_report_and_checker_version(edits: Edits) -> None:
    """B9.04: off as packaged; the report has our own tests, too (B9.09)."""
    spam = SpamScore(
        7.7,
        (("A_TEST", 2.749), ("B_TEST", None)),
        checker="SpamAssassin 4.0.1 on gate.example.test",
        descriptions=(("A_TEST", "Missing Date: header"),),
    )
    found = Findings(spam=spam, points=(("AV:Phishing.X", 0.1),), virus_checked=True)
    (plain_result,) = edits(found)
    assert not {"X-Spam-Report", "X-Spam-Checker-Version"} & dict(plain_result.prepend).keys()
    (result,) = edits(found, allowed_added_header_fields=ALLOWED, score_sender=-1.5)
    fields = dict(result.prepend)
    assert fields["X-Spam-Report"] == "\n".join(
        [
            "* 2.749 A_TEST Missing Date: header",
            "*       B_TEST",
            "*   0.1 AV:Phishing.X",
            "*  -1.5 AM.WBL soft lists of senders",
        ]
    )
    assert fields["X-Spam-Checker-Version"] == "SpamAssassin 4.0.1 on gate.example.test"


def test_an_engine_that_does_not_name_itself(edits: Edits) -> None:
    (result,) = edits(rated(7.7), allowed_added_header_fields=ALLOWED)
    assert "X-Spam-Report" in dict(result.prepend)
    assert "X-Spam-Checker-Version" not in dict(result.prepend)


def test_report_has_an_end(edits: Edits) -> None:
    tests = tuple((f"TEST_{number}", 1.0) for number in range(150))
    (result,) = edits(rated(150.0, *tests), allowed_added_header_fields=ALLOWED)
    lines = dict(result.prepend)["X-Spam-Report"].split("\n")
    assert len(lines) == 101
    assert lines[-1] == "* 50 more tests"


def test_each_user_has_a_score_of_his_own(edits: Edits) -> None:
    """B14.06: recipients with their own sa_username."""
    found = Findings(
        spam=SpamScore(9.0, (("X", 9.0),)),
        spam_by_user={"bob": SpamScore(9.0, (("X", 9.0),)), "": SpamScore(3.0, (("X", 3.0),)), "eve": None},
    )
    users = {"hash": {LOCAL: "bob", "eve@example.test": "eve"}}
    recipients = [LOCAL, "sam@example.test", "eve@example.test"]
    bob, sam, eve = (dict(result.prepend) for result in edits(found, recipients, sa_username=users))
    assert (bob["X-Spam-Flag"], bob["X-Spam-Score"]) == ("YES", "9")
    assert "tests=[X=9]" in bob["X-Spam-Status"]
    assert (sam["X-Spam-Flag"], sam["X-Spam-Score"]) == ("NO", "3")
    assert "tests=[X=3]" in sam["X-Spam-Status"]
    assert "X-Spam-Score" not in eve, "the scanner gave no score for this user"


def test_below_the_tag_level_there_is_nothing(edits: Edits) -> None:
    assert edits(rated(1.999))[0].prepend == (SCANNED,)


@pytest.mark.parametrize(
    ("score", "shown", "level"),
    [
        (-1.9, "-1.9", ""),
        (-0.0001, "0", ""),
        (0.9, "0.9", ""),
        (5.0, "5", "*****"),
        (63.999, "63.999", "*" * 63),
        (1000.5, "1000.5", "*" * 64),
    ],
)
def test_score_and_level(score: float, shown: str, level: str, edits: Edits) -> None:
    fields = dict(edits(rated(score), spam_tag_level=-999)[0].prepend)
    assert (fields["X-Spam-Score"], fields["X-Spam-Level"]) == (shown, level)
    assert f"score={shown} " in fields["X-Spam-Status"]
    assert "tests=[none]" in fields["X-Spam-Status"]


def test_local_recipients_of_every_domain_only(edits: Edits) -> None:
    """Checklist 12, features 8.09."""
    recipients = ["a@example.test", "b@sub.example.test", "c@second.test", REMOTE]
    *local, remote = edits(rated(7), recipients, local_domains=[".example.test", "second.test"])
    assert all(dict(result.prepend)["X-Spam-Flag"] == "YES" for result in local)
    assert all(result == local[0] for result in local), "equal edits share a transaction"
    assert (remote.prepend, remote.subject_prefix) == ((SCANNED,), None)


def test_not_for_those_who_bypass_spam_checks(edits: Edits) -> None:
    (result,) = edits(rated(7), bypass_spam_checks=True)
    assert (result.prepend, result.subject_prefix) == ((SCANNED,), None)


def test_alert_for_all_recipients(edits: Edits) -> None:
    """B9.04."""
    second = Finding(Category(Major.VIRUS), "Test.Virus-2", "clamd")
    alert = ("X-Amavis-Alert", "INFECTED, message contains virus: Test.Virus-1, Test.Virus-2")
    for result in edits(Findings((VIRUS, second, VIRUS), virus_checked=True), [LOCAL, REMOTE], virus_lovers=True):
        assert alert in result.prepend


def test_hold(edits: Edits) -> None:
    """B13.04."""
    over = Finding(Category(Major.UNCHECKED, 2), "Maximum decoding depth (100) exceeded", "mime")
    (result,) = edits(Findings((over,), virus_checked=True))
    assert result.prepend == (SCANNED, ("X-Amavis-Hold", "Maximum decoding depth (100) exceeded"))
    encrypted = Finding(Category(Major.UNCHECKED, 1), "Heuristics.Encrypted.Zip", "clamd")
    assert edits(Findings((encrypted,), virus_checked=True))[0].prepend == (SCANNED,)


def test_modified_body(edits: Edits) -> None:
    """Contract B9.04: said to all recipients; the twin as it came says nothing."""
    for how in ("defanged", "using altermime"):
        for result in edits(Findings(modified=how, virus_checked=True), [LOCAL, REMOTE]):
            assert ("X-Amavis-Modified", f"Mail body modified ({how}) - gate.example.test") in result.prepend
    assert edits(Findings(virus_checked=True))[0].prepend == (SCANNED,)


def test_operating_system_of_the_client(edits: Edits) -> None:
    """Contract B9.04: for local recipients."""
    local, remote = edits(Findings(os_fingerprint="Linux 3.11", virus_checked=True), [LOCAL, REMOTE])
    assert local.prepend == (SCANNED, ("X-Amavis-OS-Fingerprint", "Linux 3.11, [?]"))
    assert remote.prepend == (SCANNED,)


def test_quarantine_id_for_local_recipients_when_any_copy_is_kept(edits: Edits) -> None:
    """B9.03."""
    found = Findings((VIRUS,), virus_checked=True)
    identity = ("X-Quarantine-ID", "<AbCdEf-12345>")
    victim, bypassed, remote = edits(found, ["victim@example.test", LOCAL, REMOTE], bypass_virus_checks=[LOCAL])
    assert victim.prepend[0] == identity
    assert bypassed.prepend == (identity,)
    assert identity not in remote.prepend
    assert edits(found, virus_quarantine_to="")[0].prepend[0] == SCANNED


def test_order_of_all_fields(edits: Edits) -> None:
    found = Findings((VIRUS,), SpamScore(7), virus_checked=True)
    (result,) = edits(found, virus_lovers=True, spam_lovers=True)
    assert [name for name, _ in result.prepend] == [
        "X-Quarantine-ID",
        "X-Virus-Scanned",
        "X-Amavis-Alert",
        "X-Spam-Flag",
        "X-Spam-Score",
        "X-Spam-Level",
        "X-Spam-Status",
    ]


class TestSubjectTag:
    """Checklist 1 and 17, macros of B9.03."""

    def test_macros(self, edits: Edits) -> None:
        template = "[_SCORE_/_REQD_ _YESNO_ _YESNOCAPS_ _HOSTNAME_ _LOGID_ _MAILID_ _OTHER_ _X_ a_b_c] "
        (result,) = edits(rated(7.5), spam_subject_tag2=template)
        assert result.subject_prefix == (
            "[7.5/6.31 Yes YES gate.example.test 04711-01 AbCdEf-12345 _OTHER_ _X_ a_b_c] "
        )

    def test_date(self, edits: Edits) -> None:
        (result,) = edits(rated(7.5), spam_subject_tag2="_DATE_ ")
        assert result.subject_prefix is not None
        assert len(result.subject_prefix) == len("Sun, 22 Nov 2026 12:00:00 +0000 ")

    def test_not_set(self, edits: Edits) -> None:
        assert edits(rated(7.5), spam_subject_tag2="")[0].subject_prefix is None

    def test_not_below_tag2(self, edits: Edits) -> None:
        assert edits(rated(6.3))[0].subject_prefix is None
