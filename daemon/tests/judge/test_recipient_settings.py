"""What settings by recipient, category and sender make of a mail (contract B5.03, B5.04, B9.03)."""

from collections.abc import Callable
from typing import Any

import pytest

from mailcordon.config.policy import final_destiny, policies_for_mail
from mailcordon.config.settings import Settings
from mailcordon.judge.judge import judge
from mailcordon.mail.category import Category, Destiny, Major
from mailcordon.mail.finding import Finding, Findings, SpamScore
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import Verdict

Judge = Callable[..., list[Verdict]]

BOB = "bob@example.test"
BANNED, VIRUS, UNCHECKED = Category(Major.BANNED), Category(Major.VIRUS), Category(Major.UNCHECKED)
SYNTAX, EIGHT_BIT = Category(Major.BAD_HEADER, 6), Category(Major.BAD_HEADER, 2)
SPAM, SPAMMY, SPAMMY3, TAGGED = (
    Category(Major.SPAM),
    Category(Major.SPAMMY),
    Category(Major.SPAMMY, 1),
    Category(Major.CLEAN, 1),
)


def found(*categories: Category, score: float | None = None) -> Findings:
    spam = None if score is None else SpamScore(score, (("A", score),), "no")
    return Findings(tuple(Finding(c, f"Test.{c.display_name}", "test") for c in categories), spam, virus_checked=True)


@pytest.fixture
def judged(make_settings: Callable[..., Settings], make_mail: Callable[..., Mail]) -> Judge:
    """Judges findings in a mail under settings with all checks on."""

    def run(
        findings: Findings,
        *recipients: str,
        sender: str = "alice@sender.example",
        header: str = "From: alice@sender.example\r\n",
        **settings: Any,
    ) -> list[Verdict]:
        made = make_settings(**{"bypass_virus_checks": False, "bypass_spam_checks": False, **settings})
        mail = make_mail(f"{header}\r\nx\r\n".encode(), sender=sender, recipients=recipients or (BOB,))
        return list(judge(mail, findings, policies_for_mail(made, mail), made))

    return run


def fields(verdict: Verdict) -> dict[str, str]:
    return dict(verdict.edits.prepend)


@pytest.mark.parametrize(
    ("category", "setting", "lovers", "bypass"),
    [
        (BANNED, "final_banned_destiny", "banned_files_lovers", "bypass_banned_checks"),
        (SYNTAX, "final_bad_header_destiny", "bad_header_lovers", "bypass_header_checks"),
        (UNCHECKED, "final_unchecked_destiny", "unchecked_lovers", "bypass_virus_checks"),
        (VIRUS, "final_virus_destiny", "virus_lovers", "bypass_virus_checks"),
    ],
)
def test_destiny_lovers_and_bypass(judged: Judge, category: Category, setting: str, lovers: str, bypass: str) -> None:
    """Contract B5.03; features 5.32, 5.33, 5.35, 8.08, 10.05 to 10.07: destiny, lovers and bypass of each category."""
    for destiny in Destiny:
        (verdict,) = judged(found(category), **{setting: f"D_{destiny.name}"})
        assert (verdict.main, verdict.destiny) == (category, destiny)
        assert (verdict.blocking is None) is (destiny is Destiny.PASS)
    loving, other = judged(
        found(category), "love@example.test", BOB, **{setting: "discard", lovers: ["love@example.test"]}
    )
    assert (loving.blocking, other.blocking) == (None, category)
    bypassing, other = judged(
        found(category), "no@example.test", BOB, **{setting: "discard", bypass: ["no@example.test"]}
    )
    assert (bypassing.main, bypassing.blocking, other.blocking) == (Category(Major.CLEAN), None, category)


@pytest.mark.parametrize(
    ("category", "table", "expected"),
    [
        (EIGHT_BIT, {"BADH,2": "reject"}, Destiny.REJECT),
        (SYNTAX, {"BADH,2": "reject"}, Destiny.PASS),
        (SYNTAX, {"4": "discard", "CC_BADH,2": "reject"}, Destiny.DISCARD),
        (EIGHT_BIT, {"BadHdr8bit": "tempfail"}, Destiny.TEMPFAIL),
        (SPAMMY3, {"SPAMMY,1": "discard"}, Destiny.DISCARD),
        (SPAMMY, {"SPAMMY,1": "discard"}, Destiny.PASS),
        (SPAMMY, {"CATCHALL": "bounce"}, Destiny.BOUNCE),
        (VIRUS, {"CATCHALL": "bounce"}, Destiny.DISCARD),
        (VIRUS, {"VIRUS": "reject"}, Destiny.REJECT),
        (Category(Major.OVERSIZED), {}, Destiny.BOUNCE),
        (Category(Major.MTA), {}, Destiny.TEMPFAIL),
        (Category(Major.MTA, 1), {}, Destiny.TEMPFAIL),
        (Category(Major.MTA, 2), {}, Destiny.REJECT),
        (Category(Major.CLEAN), {}, Destiny.PASS),
    ],
)
def test_destiny_by_category(
    make_settings: Callable[..., Settings], category: Category, table: dict[str, str], expected: Destiny
) -> None:
    """Contract B5.03, B5.06: by major and minor number, then by major, then by CATCHALL."""
    assert final_destiny(make_settings(final_destiny_by_ccat=table), category) is expected


def test_bounce_of_bad_headers_that_nobody_would_read(judged: Judge) -> None:
    """Contract B5.08: BADH with BOUNCE becomes PASS for the null sender and for bulk mail; other categories do not."""
    bounce = {"final_bad_header_destiny": "bounce", "final_banned_destiny": "bounce"}
    assert judged(found(SYNTAX), **bounce)[0].destiny is Destiny.BOUNCE
    assert judged(found(SYNTAX), sender="", **bounce)[0].destiny is Destiny.PASS
    assert judged(found(SYNTAX), header="Precedence: list\r\n", **bounce)[0].destiny is Destiny.PASS
    assert judged(found(BANNED), sender="", **bounce)[0].destiny is Destiny.BOUNCE


def test_soft_bounce(judged: Judge) -> None:
    """Contract B5.08: what would be refused for good waits; what passes or is discarded does so still."""
    for word in ("reject", "bounce"):
        (verdict,) = judged(found(VIRUS), final_virus_destiny=word, soft_bounce=True)
        assert (verdict.destiny, verdict.softened) == (Destiny.TEMPFAIL, Destiny[word.upper()])
        assert verdict.quarantine_to is None
        assert judged(found(VIRUS), final_virus_destiny=word)[0].softened is None
    for word in ("pass", "discard", "tempfail"):
        (verdict,) = judged(found(VIRUS), final_virus_destiny=word, soft_bounce=True)
        assert (verdict.destiny, verdict.softened) == (Destiny[word.upper()], None)


@pytest.mark.parametrize(
    ("category", "expected"),
    [
        (VIRUS, "INFECTED: Test.Virus"),
        (BANNED, "BANNED: Test.Banned"),
        (Category(Major.UNCHECKED, 1), "UNCHECKED: encrypted"),
        (Category(Major.UNCHECKED, 2), "UNCHECKED: over limits"),
        (Category(Major.UNCHECKED, 3), "UNCHECKED: ambiguous content"),
        (UNCHECKED, "UNCHECKED"),
        (SPAM, "spam"),
        (SPAMMY3, "spammy (tag3)"),
        (SPAMMY, "spammy"),
        (SYNTAX, "BAD HEADER: Header field syntax error"),
        (Category(Major.BAD_HEADER), "BAD HEADER: other"),
        (Category(Major.OVERSIZED), "Message size exceeds recipient's size limit"),
        (Category(Major.MTA, 1), "Temporary MTA failure on relaying"),
        (Category(Major.MTA, 2), "Rejected by next-hop MTA on relaying"),
        (Category(Major.MTA), "Unable to relay message back to MTA"),
        (Category(Major.CLEAN), "CLEAN"),
        (Category(Major.CATCHALL), "OTHER"),
    ],
)
def test_reasons_as_packaged(judged: Judge, category: Category, expected: str) -> None:
    """Contract B5.11: every text."""
    assert judged(found(category))[0].reason == f"id=04711-01 - {expected}"


def test_reasons_by_category(judged: Judge) -> None:
    """Contract B5.11: configurable; by the blocking category where one blocks; names are facts, never placeholders."""
    own = {"VIRUS": "%h: %V in %i (%n) 100%%", "CLEAN": "fine", "BADH,2": "octets"}
    (verdict,) = judged(found(VIRUS), smtp_reason_by_ccat=own)
    assert verdict.reason.startswith("gate.example.test: Test.Virus in ")
    assert verdict.reason.endswith(" (04711-01) 100%")
    assert judged(found(), smtp_reason_by_ccat=own)[0].reason == "fine"
    assert judged(found(EIGHT_BIT), smtp_reason_by_ccat=own)[0].reason == "octets"
    assert judged(found(SYNTAX), smtp_reason_by_ccat=own)[0].reason == "id=04711-01"
    crafted = Findings((Finding(VIRUS, "%n%i%V", "test"),))
    assert judged(crafted)[0].reason == "id=04711-01 - INFECTED: %n%i%V"


@pytest.mark.parametrize("text", ["id=%x", "id=%", "two\nlines", 5])
def test_bad_reasons_are_refused(make_settings: Callable[..., Settings], text: object) -> None:
    """Contract B5.11: one line, known placeholders."""
    with pytest.raises(ValueError, match="smtp_reason_by_ccat"):
        make_settings(smtp_reason_by_ccat={"VIRUS": text})


@pytest.mark.parametrize(
    ("size", "settings", "main", "destiny"),
    [
        (70_001, {}, Major.OVERSIZED, Destiny.BOUNCE),
        (70_000, {}, Major.CLEAN, Destiny.PASS),
        (70_001, {"final_destiny_by_ccat": {"OVERSIZED": "discard"}}, Major.OVERSIZED, Destiny.DISCARD),
        (70_001, {"lovers_by_ccat": {"OVERSIZED": ["bob@example.test"]}}, Major.OVERSIZED, Destiny.PASS),
        (70_001, {"message_size_limit": {"hash": {"eve@example.test": 70_000}}}, Major.CLEAN, Destiny.PASS),
        (65_536, {"message_size_limit": 1}, Major.CLEAN, Destiny.PASS),
        (65_537, {"message_size_limit": 1}, Major.OVERSIZED, Destiny.BOUNCE),
        (70_001, {"message_size_limit": 0}, Major.CLEAN, Destiny.PASS),
    ],
)
def test_size_limit_of_a_recipient(
    judged: Judge, size: int, settings: dict[str, Any], main: Major, destiny: Destiny
) -> None:
    """Contract B6.06, B5.11: mail over `message_size_limit`, which is 64 KiB at least, is OVERSIZED."""
    header = "Subject: " + "x" * (size - len("Subject: \r\n\r\nx\r\n")) + "\r\n"
    (verdict,) = judged(found(), header=header, **{"message_size_limit": {"hash": {BOB: 70_000}}, **settings})
    assert (verdict.main.major, verdict.destiny) == (main, destiny)
    if destiny is not Destiny.PASS:
        assert verdict.reason == "id=04711-01 - Message size exceeds recipient's size limit"


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (1.9, {Category(Major.CLEAN)}),
        (2, {TAGGED}),
        (5, {TAGGED, SPAMMY}),
        (7, {TAGGED, SPAMMY, SPAMMY3}),
        (9, {TAGGED, SPAMMY, SPAMMY3, SPAM}),
    ],
)
def test_levels(judged: Judge, score: float, expected: set[Category]) -> None:
    """Contract B5.04: four levels, the third a minor category of the second."""
    levels = {"spam_tag_level": 2, "spam_tag2_level": 5, "spam_tag3_level": 7, "spam_kill_level": 9}
    (verdict,) = judged(found(score=score), **levels)
    assert verdict.categories == expected
    assert (verdict.tag3_level, verdict.kill_level) == (7, 9)


class TestListedSenders:
    """Contract B3.21, B9.03: black counts as spam, white as not spam."""

    def test_black(self, judged: Judge) -> None:
        """Also without a score: SpamAssassin was not called."""
        for findings, shown in ((found(), "64"), (found(score=1), "64"), (found(score=99), "99")):
            (verdict,) = judged(findings, blacklist_sender=["sender.example"], final_spam_destiny="pass")
            assert verdict.main == SPAM
            assert verdict.blacklisted
            assert fields(verdict)["X-Spam-Score"] == shown
            assert fields(verdict)["X-Spam-Level"] == "*" * 64
            assert fields(verdict)["X-Spam-Flag"] == "YES"
            assert " BLACKLISTED\ntests=" in fields(verdict)["X-Spam-Status"]
            assert verdict.edits.subject_prefix == "***SPAM*** "
        assert judged(found(), blacklist_sender=["sender.example"])[0].destiny is Destiny.DISCARD

    def test_white(self, judged: Judge) -> None:
        """Whatever the score, and also if the sender is on the black list."""
        for black in ([], ["."]):
            (verdict,) = judged(
                found(score=99), whitelist_sender=["sender.example"], blacklist_sender=black, spam_tag_level=-9
            )
            assert verdict.categories == {TAGGED}
            assert (verdict.blocking, verdict.whitelisted) == (None, True)
            assert fields(verdict)["X-Spam-Score"] == "0"
            assert fields(verdict)["X-Spam-Level"] == ""
            assert fields(verdict)["X-Spam-Flag"] == "NO"
            assert " WHITELISTED\ntests=" in fields(verdict)["X-Spam-Status"]

    def test_twin(self, judged: Judge) -> None:
        """Another sender is nobody's concern."""
        (verdict,) = judged(found(score=1), blacklist_sender=["other.example"], whitelist_sender=["third.example"])
        assert verdict.main == Category(Major.CLEAN)

    def test_not_for_those_without_spam_checks(self, judged: Judge) -> None:
        (verdict,) = judged(found(), blacklist_sender=["."], bypass_spam_checks=True)
        assert verdict.main == Category(Major.CLEAN)

    def test_soft(self, judged: Judge) -> None:
        """Contract B3.22, B9.09, features 8.06: points of one recipient, shown as AM.WBL."""
        soft, plain = judged(
            found(score=5), BOB, "eve@example.test", score_sender={"hash": {BOB: -1.8}}, spam_tag_level=-9
        )
        assert (soft.score, plain.score, soft.points) == (3.2, 5, -1.8)
        assert "score=3.2 " in fields(soft)["X-Spam-Status"]
        assert "tests=[A=5, AM.WBL=-1.8] autolearn=no" in fields(soft)["X-Spam-Status"]
        assert "AM.WBL" not in fields(plain)["X-Spam-Status"]

    def test_soft_without_a_spam_check(self, judged: Judge) -> None:
        """Features 6.13, 14.07: the points count although SpamAssassin did not run."""
        (verdict,) = judged(found(), score_sender=[{"hash": {".": 12}}])
        assert (verdict.score, verdict.main) == (12, SPAM)
        assert judged(found())[0].score is None


class TestFields:
    """Contract B9.01 to B9.04."""

    @pytest.mark.parametrize(
        ("category", "alert"),
        [
            (BANNED, "BANNED, message contains Test.Banned"),
            (SYNTAX, "BAD HEADER SECTION, Test.BadHdrSyntax"),
            (VIRUS, "INFECTED, message contains virus: Test.Virus"),
        ],
    )
    def test_alerts(self, judged: Judge, category: Category, alert: str) -> None:
        """Contract B9.04: one for each kind, for recipients elsewhere, too."""
        for verdict in judged(found(category), BOB, "x@remote.example"):
            assert ("X-Amavis-Alert", alert) in verdict.edits.prepend
        (verdict,) = judged(found(VIRUS, BANNED, SYNTAX, EIGHT_BIT))
        assert len([name for name, _ in verdict.edits.prepend if name == "X-Amavis-Alert"]) == 3

    def test_what_is_allowed(self, judged: Judge) -> None:
        """Contract B9.04: the category is off as packaged; any field may be switched off."""
        assert "X-Amavis-Category" not in fields(judged(found(VIRUS))[0])
        allowed = {"x-amavis-category": True, "X-Amavis-Category": True, "x-virus-scanned": False}
        (verdict,) = judged(found(VIRUS), allowed_added_header_fields=allowed)
        assert fields(verdict)["X-Amavis-Category"] == "Virus"
        assert "X-Virus-Scanned" not in fields(verdict)

    def test_removed(self, judged: Judge) -> None:
        """Contract B9.01: by recipient."""
        keep, drop = judged(
            found(),
            BOB,
            "eve@example.test",
            remove_existing_spam_headers=["eve@example.test"],
            remove_existing_x_scanned_headers=["eve@example.test"],
            X_HEADER_TAG="X-Own",
        )
        assert keep.edits.remove == {"x-amavis-hold"}
        assert {"x-spam-status", "x-virus-scanned", "x-own", "x-amavis-hold"} < drop.edits.remove

    def test_own_results(self, judged: Judge) -> None:
        """Contract B9.01: Authentication-Results under our name go, which is the host's unless set."""
        assert judged(found())[0].edits.authserv_id == "gate.example.test"
        assert judged(found(), myauthservid="mx.example")[0].edits.authserv_id == "mx.example"

    @pytest.mark.parametrize(
        ("settings", "cut", "drop"),
        [
            ({}, False, False),
            ({"allow_fixing_improper_header": True}, True, True),
            ({"allow_fixing_improper_header": True, "allow_fixing_long_header_lines": False}, False, True),
            ({"allow_fixing_improper_header": True, "allow_fixing_improper_header_folding": False}, True, False),
        ],
    )
    def test_fixes(self, judged: Judge, settings: dict[str, Any], cut: bool, drop: bool) -> None:
        """Contract B9.07: nothing as packaged."""
        edits = judged(found(), **settings)[0].edits
        assert (edits.cut_long_lines, edits.drop_blank_lines) == (cut, drop)

    def test_level_character(self, judged: Judge) -> None:
        """Contract B9.03."""
        assert fields(judged(found(score=3), sa_spam_level_char="#")[0])["X-Spam-Level"] == "###"
        assert "X-Spam-Level" not in fields(judged(found(score=3), sa_spam_level_char="")[0])


@pytest.mark.parametrize(
    ("findings", "settings", "expected"),
    [
        (found(), {}, None),
        (found(VIRUS), {}, "***INFECTED*** "),
        (found(UNCHECKED), {}, "***UNCHECKED*** "),
        (found(UNCHECKED), {"undecipherable_subject_tag": ""}, None),
        (found(BANNED), {}, None),
        (found(BANNED), {"subject_tag_by_ccat": {"BANNED": "[file] "}}, "[file] "),
        (found(score=3), {}, None),
        (found(score=3), {"spam_subject_tag": "(_SCORE_) "}, "(3) "),
        (found(score=99), {}, "***SPAM*** "),
        (found(score=99), {"subject_tag_by_ccat": {"SPAM": "kill "}}, "kill "),
        (found(score=99), {"spam_tag3_level": 50, "spam_subject_tag3": "3 "}, "3 "),
        (found(score=99), {"spam_tag3_level": 50}, "***SPAM*** "),
        (found(VIRUS, score=99), {}, "***INFECTED*** "),
        (found(SYNTAX, score=99), {}, "***SPAM*** "),
        (found(score=99), {"spam_subject_tag2": {"hash": {"bob@": "undef", ".": "x "}}}, None),
        (found(score=99), {"spam_subject_tag2": "[_YESNO_ _U_ _SUBJPREFIX_]"}, "[Yes 20261122T110000Z ]"),
    ],
)
def test_subject_tags(judged: Judge, findings: Findings, settings: dict[str, Any], expected: str | None) -> None:
    """Contract B9.03: the highest category that has a tag; local recipients only."""
    local, remote = judged(findings, BOB, "x@remote.example", **settings)
    tag = local.edits.subject_prefix
    if tag is not None and "Yes " in tag:
        assert tag.startswith("[Yes 20")
        assert tag.endswith("Z ]")
        assert len(tag) == len(expected or "")
    else:
        assert tag == expected
    assert remote.edits.subject_prefix is None


@pytest.mark.parametrize(
    ("recipient", "settings", "expected"),
    [
        (BOB, {}, "bob+spam@example.test"),
        ("bob+work@example.test", {}, "bob+spam@example.test"),
        ("bob+work@example.test", {"replace_existing_extension": False}, "bob+work+spam@example.test"),
        ("bob@remote.example", {}, None),
        (BOB, {"recipient_delimiter": ""}, None),
        (BOB, {"recipient_delimiter": "-+"}, "bob-spam@example.test"),
        (BOB, {"addr_extension_spam": "+junk", "recipient_delimiter": "-+"}, "bob+junk@example.test"),
        (BOB, {"addr_extension_by_ccat": {"SPAM": "kill"}}, "bob+kill@example.test"),
        (BOB, {"addr_extension_spam": {"hash": {"eve@": "x"}}}, None),
    ],
)
def test_address_extensions(judged: Judge, recipient: str, settings: dict[str, Any], expected: str | None) -> None:
    """Contract B9.10: local recipients only, with their delimiter, in the place of another one."""
    lovers = {"spam_lovers": True, "addr_extension_spam": "spam"}
    first, second = judged(found(score=99), recipient, "carol@example.test", **{**lovers, **settings})
    assert first.deliver_to == expected
    assert first.recipient.address == recipient
    assert second.recipient.address == "carol@example.test"
    (clean,) = judged(found(score=0), recipient, **{**lovers, **settings})
    assert clean.deliver_to is None


def test_quarantine_by_category_and_score(judged: Judge) -> None:
    """Contract B10.01, B10.02: clean mail where asked for, spam up to the cutoff level."""
    assert judged(found(score=20), spam_quarantine_cutoff_level=20)[0].quarantine_to is None
    assert judged(found(score=19.9), spam_quarantine_cutoff_level=20)[0].quarantine_to == "spam-quarantine"
    assert judged(found(VIRUS, score=20), spam_quarantine_cutoff_level=20)[0].quarantine_to == "virus-quarantine"
    assert judged(found(), clean_quarantine_method="local:clean-%m")[0].quarantine_to == "clean-quarantine"
    assert judged(found())[0].quarantine_to is None
    own = {"quarantine_to_by_ccat": {"BADH,2": "eight-bit"}}
    assert judged(found(EIGHT_BIT), **own)[0].quarantine_to == "eight-bit"
    assert judged(found(SYNTAX), **own)[0].quarantine_to == "bad-header-quarantine"


def test_archive(judged: Judge) -> None:
    """Contract B10.01, B10.02: of every message, for whom it is wanted; not of one that comes again."""
    archive = {"archive_quarantine_method": "local:archive-%m"}
    for findings in (found(), found(VIRUS), found(score=99)):
        assert judged(findings, **archive)[0].archive_to == "archive-quarantine"
        assert judged(findings)[0].archive_to is None
    assert judged(found(VIRUS), final_virus_destiny="tempfail", **archive)[0].archive_to is None
    mine, other = judged(found(), BOB, "eve@example.test", archive_quarantine_to={"hash": {BOB: "bobs"}}, **archive)
    assert (mine.archive_to, other.archive_to) == ("bobs", None)
    assert "X-Quarantine-ID" not in fields(mine)


def test_quarantine_of_spam_by_sender(judged: Judge) -> None:
    """Contract B10.02: takes the place of the recipient's own; spam only."""
    own = {"spam_quarantine_bysender_to": {"hash": {"sender.example": "trap", "none.example": ""}}}
    assert judged(found(score=20), **own)[0].quarantine_to == "trap"
    assert judged(found(score=20), sender="x@none.example", **own)[0].quarantine_to is None
    assert judged(found(score=20), sender="x@other.example", **own)[0].quarantine_to == "spam-quarantine"
    assert judged(found(VIRUS, score=20), **own)[0].quarantine_to == "virus-quarantine"
    assert judged(found(score=20), spam_quarantine_cutoff_level=20, **own)[0].quarantine_to is None


def test_recipients_of_one_policy_are_judged_once(judged: Judge) -> None:
    """Design rule 4, contract B7.07: 200 recipients with three policies have three sets of edits and of everything."""
    recipients = [f"{name}{number}@example.test" for number in range(100) for name in ("a", "b")]
    verdicts = judged(
        found(score=7),
        *recipients,
        spam_kill_level={"regexp": [["^a1", 20], ["^a", 30], [".", 99]]},
        spam_tag2_level={"regexp": [["^a", 5], [".", 8]]},
        spam_subject_tag2={"regexp": [["^a1", "1 "], [".", "2 "]]},
    )
    assert [verdict.recipient.address for verdict in verdicts] == recipients
    assert len({verdict.edits for verdict in verdicts}) == 3
    assert len({id(verdict.edits) for verdict in verdicts}) == 3
    for verdict in verdicts:
        name = verdict.recipient.address
        assert verdict.edits.subject_prefix == ("1 " if name.startswith("a1") else "2 " if name[0] == "a" else None)
