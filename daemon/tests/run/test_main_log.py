"""The main log entry (B8.02 to B8.04)."""

import logging
import re
from dataclasses import replace

import pytest
from logging_messages import CLIENT, MESSAGE, MakeMail, MakeSettings, entries, inspected, item, outcome

from mailcordon.log_levels import DETAIL
from mailcordon.mail.category import Category, Major
from mailcordon.mail.envelope import Client, Session
from mailcordon.mail.finding import Finding, Findings, SpamScore
from mailcordon.mail.verdict import Disposition, QuarantineCopy
from mailcordon.run.main_log import log_message

VIRUS = Category(Major.VIRUS)


def test_passed_clean(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """B8.02: every field, in the documented order."""
    mail = make_mail(MESSAGE, session=CLIENT)
    result = outcome(item("bob@example.test", Disposition.RELAYED, score=-1.0, queued_as="E7985192549"))
    assert entries(make_settings(), mail, result) == [
        f"({mail.log_id}) Passed CLEAN {{RelayedInbound}}, [192.0.2.7]:55258 <alice@sender.example> -> "
        f"<bob@example.test>, Queue-ID: A191A192074, Message-ID: <m1@sender.example>, mail_id: {mail.mail_id}, "
        f"Hits: -1, size: {mail.size}, queued_as: E7985192549, 291 ms"
    ]


def test_every_field_at_once(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """Contracts B8.02, B10.08: bank path, LOCAL, both addresses, quarantine with its tag, both ids,
    `pt:`, several queue ids; the tests of the spam scanner stand in the verbose form only."""
    octets = b"Received: from mx (mx [8.8.4.4]) by gate with SMTP\r\nResent-Message-ID: <r@x.example>\r\n" + MESSAGE
    mail = make_mail(octets, session=replace(CLIENT, policy_banks=("A", "MYNETS"), originating=True))
    result = outcome(
        item("bob@example.test", Disposition.RELAYED, score=1.5, queued_as="Q1"),
        item("eve@example.org", Disposition.RELAYED, local=False, score=3.25, queued_as="Q2"),
        quarantine=[QuarantineCopy("fyJiAf9ZdiW2[37]", "Q")],
    )
    findings = Findings(spam=SpamScore(1.5, (("BAYES_50", 1.5),)))
    assert entries(make_settings(partition_tag=37), mail, result, findings) == [
        f"({mail.log_id}) Passed CLEAN {{RelayedInternal,RelayedOutbound,Quarantined}}, A/MYNETS LOCAL "
        "[192.0.2.7]:55258 [8.8.4.4] <alice@sender.example> -> <bob@example.test>,<eve@example.org>, "
        "quarantine: fyJiAf9ZdiW2[37], Queue-ID: A191A192074, Message-ID: <m1@sender.example>, "
        f"Resent-Message-ID: <r@x.example>, mail_id: {mail.mail_id}, Hits: 1.5..3.25, size: {mail.size}, pt: 37, "
        "queued_as: Q1/Q2, 291 ms"
    ]


def test_fingerprint(make_mail: MakeMail, make_settings: MakeSettings, caplog: pytest.LogCaptureFixture) -> None:
    """Contract B16.10: an entry from level 2 on, with the score and what the message counts as."""
    mail = make_mail(MESSAGE, session=CLIENT)
    findings = Findings(os_fingerprint="Windows 7 or 8; dist: 9")
    ham = outcome(item("bob@example.test", Disposition.RELAYED, score=-1.0))
    neither = outcome(item("bob@example.test", Disposition.RELAYED, score=2.5))
    caplog.set_level(DETAIL)
    for result in (ham, neither):
        log_message(inspected(make_settings(), mail, findings), result, milliseconds=1)
    caplog.set_level(logging.INFO)
    log_message(inspected(make_settings(), mail, findings), ham, milliseconds=1)
    assert [text for text in caplog.messages if "OS_fingerprint" in text] == [
        f"({mail.log_id}) OS_fingerprint: 192.0.2.7 -1 ham.Windows-7 - Windows 7 or 8; dist: 9",
        f"({mail.log_id}) OS_fingerprint: 192.0.2.7 2.5 x.Windows-7 - Windows 7 or 8; dist: 9",
    ]


def test_least_of_all(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """Contract B8.02: what is not known is left out, and so is the tag 0 (B10.08)."""
    mail = make_mail(b"Subject: x\r\n\r\nbody\r\n", sender="")
    (entry,) = entries(make_settings(), mail, outcome(item("bob@example.test", Disposition.RELAYED)))
    assert entry == (
        f"({mail.log_id}) Passed CLEAN {{RelayedInbound}}, <> -> <bob@example.test>, mail_id: {mail.mail_id}, "
        f"Hits: -, size: {mail.size}, 291 ms"
    )


def test_blocked_infected(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """B8.03: virus names in the entry; quarantine place before the ids; no queued_as."""
    mail = make_mail(MESSAGE)
    result = outcome(
        item("bob@example.test", Disposition.DISCARDED, main=VIRUS, blocking=VIRUS),
        quarantine=[QuarantineCopy("f/virus-fyJiAf9ZdiW2", "F")],
    )
    findings = Findings((Finding(VIRUS, "Eicar-Test-Signature.UNOFFICIAL", "clamd"),))
    (entry,) = entries(make_settings(), mail, result, findings)
    assert entry.startswith(
        f"({mail.log_id}) Blocked INFECTED (Eicar-Test-Signature.UNOFFICIAL) {{DiscardedInbound,Quarantined}}, "
        "<alice@sender.example> -> <bob@example.test>, quarantine: f/virus-fyJiAf9ZdiW2, Message-ID: "
    )
    assert "Hits: -, " in entry
    assert "queued_as" not in entry


@pytest.mark.parametrize(
    ("category", "words"),
    [
        (Category(Major.CATCHALL), "OTHER"),
        (Category(Major.CLEAN), "CLEAN"),
        (Category(Major.CLEAN, 1), "CLEAN"),
        (Category(Major.MTA, 1), "MTA-BLOCKED"),
        (Category(Major.OVERSIZED), "OVERSIZED"),
        (Category(Major.BAD_HEADER, 7), "BAD-HEADER-7"),
        (Category(Major.SPAMMY), "SPAMMY"),
        (Category(Major.SPAM), "SPAM"),
        (Category(Major.UNCHECKED), "UNCHECKED"),
        (Category(Major.UNCHECKED, 1), "UNCHECKED-ENCRYPTED"),
        (Category(Major.UNCHECKED, 3), "UNCHECKED-ENCRYPTED"),
        (Category(Major.BANNED), "BANNED (.exe,a.exe)"),
        (Category(Major.VIRUS), "INFECTED (V1,V2)"),
    ],
)
def test_categories(category: Category, words: str, make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """Contract B8.03: the words for each category, in entries about passed and about blocked mail."""
    findings = Findings(
        tuple(
            Finding(Category(major), name, "test")
            for major, name in [
                (Major.VIRUS, "V1"),
                (Major.BANNED, ".exe,a.exe"),
                (Major.VIRUS, "V2"),
                (Major.BANNED, ".scr"),
                (Major.VIRUS, "V1"),
            ]
        )
    )
    result = outcome(
        item("a@b.test", Disposition.RELAYED, main=category),
        item("c@b.test", Disposition.DISCARDED, main=category, blocking=category),
    )
    passed, blocked = entries(make_settings(), make_mail(MESSAGE), result, findings)
    assert f" Passed {words} {{" in passed
    assert f" Blocked {words} {{" in blocked


def test_one_entry_each_for_passed_and_blocked(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """B8.02: recipients with different results stand in different entries."""
    result = outcome(
        item("lover@example.test", Disposition.RELAYED, main=VIRUS),
        item("bob@example.test", Disposition.DISCARDED, main=VIRUS, blocking=VIRUS),
        item("eve@example.test", Disposition.DISCARDED, main=VIRUS, blocking=VIRUS),
    )
    findings = Findings((Finding(VIRUS, "V", "clamd"),))
    passed, blocked = entries(make_settings(), make_mail(MESSAGE), result, findings)
    assert "Passed INFECTED (V) {RelayedInbound}" in passed
    assert "-> <lover@example.test>, " in passed
    assert "-> <bob@example.test>,<eve@example.test>, " in blocked


@pytest.mark.parametrize("disposition", list(Disposition))
def test_dispositions(disposition: Disposition, make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """Contract B8.04: what became of it with the direction; relayed and accepted mail has passed."""
    (entry,) = entries(make_settings(), make_mail(MESSAGE), outcome(item("a@b.test", disposition)))
    passed = disposition in {Disposition.RELAYED, Disposition.RELAYED_TAGGED, Disposition.ACCEPTED}
    assert f" {'Passed' if passed else 'Blocked'} CLEAN {{{disposition.value}Inbound}}, " in entry


def test_directions(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """B8.04: direction from who sent it and whether the recipient is local."""

    def action(*, originating: bool, local: bool) -> str:
        mail = make_mail(MESSAGE, session=Session(originating=originating))
        (entry,) = entries(make_settings(), mail, outcome(item("a@b.test", Disposition.RELAYED, local=local)))
        found = re.search(r"\{(.*?)\}", entry)
        assert found
        return found.group(1)

    assert action(originating=False, local=True) == "RelayedInbound"
    assert action(originating=True, local=False) == "RelayedOutbound"
    assert action(originating=True, local=True) == "RelayedInternal"
    assert action(originating=False, local=False) == "RelayedOpenRelay"


@pytest.mark.parametrize(
    ("scores", "hits"),
    [
        ([None, None], "-"),
        ([2.0, None], "2"),
        ([2.0, 2.0], "2"),
        ([2.0, 2.099], "2"),
        ([-1.25, 6.31], "-1.25..6.31"),
        ([10.0, 3.5], "3.5..10"),
    ],
)
def test_hits(scores: list[float | None], hits: str, make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """Contract B8.03: one number where the recipients hardly differ, none without a spam check."""
    result = outcome(*(item(f"r{number}@b.test", Disposition.RELAYED, score=s) for number, s in enumerate(scores)))
    (entry,) = entries(make_settings(), make_mail(MESSAGE), result)
    assert f", Hits: {hits}, size: " in entry


def test_policy_banks(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """B4.02, B8.02, features 10.09: the bank path stands before LOCAL and the client's address."""

    def before_the_sender(session: Session) -> str:
        mail = make_mail(MESSAGE, session=session)
        (entry,) = entries(make_settings(), mail, outcome(item("b@c.test", Disposition.RELAYED)))
        return entry.partition("}, ")[2].partition("<")[0]

    client = Client(addr="192.0.2.7", port=25)
    banks = ("ORIGINATING", "MYNETS")
    assert before_the_sender(Session(client=client, policy_banks=banks, originating=True)) == (
        "ORIGINATING/MYNETS LOCAL [192.0.2.7]:25 "
    )
    assert before_the_sender(Session(client=client, policy_banks=("OTHER",))) == "OTHER [192.0.2.7]:25 "
    assert before_the_sender(Session(client=client, originating=True)) == "LOCAL [192.0.2.7]:25 "
    assert before_the_sender(Session(client=client)) == "[192.0.2.7]:25 "


def test_what_was_kept(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """Contract B8.04, B10.01: a copy for what was found, and one of every message; the place of the first one."""
    kept, archived = QuarantineCopy("v/virus-1", "F"), QuarantineCopy("a/archive-1", "F", is_archive=True)
    for copies, actions, place in (
        ((kept,), "RelayedInbound,Quarantined", "v/virus-1"),
        ((kept, kept, archived), "RelayedInbound,Quarantined,Archived", "v/virus-1"),
        ((archived,), "RelayedInbound,Archived", "a/archive-1"),
    ):
        result = outcome(item("bob@example.test", Disposition.RELAYED), quarantine=copies)
        (entry,) = entries(make_settings(), make_mail(MESSAGE, session=CLIENT), result)
        assert f" {{{actions}}}, " in entry
        assert f", quarantine: {place}, " in entry


def test_stopped_by_the_next_hop(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """Contract B5.01, B8.03."""
    category = Category(Major.MTA, 1)
    recipient = item("bob@example.test", Disposition.TEMP_FAILED, main=category, blocking=category)
    (entry,) = entries(make_settings(), make_mail(MESSAGE, session=CLIENT), outcome(recipient))
    assert " Blocked MTA-BLOCKED {TempFailedInbound}, " in entry
