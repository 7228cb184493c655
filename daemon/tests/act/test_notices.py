"""Who is told of a mail, with a real next hop: sender, administrators, recipients (B11.02 to B11.07, B6.08)."""

import email
import email.policy
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from acting import INFECTED, PATIENT, SPAM, passed, stopped, until

from mailcordon.act import notices
from mailcordon.act.dispatch import Actor
from mailcordon.config.policy import policies_for
from mailcordon.config.settings import Settings
from mailcordon.mail.category import Category, Destiny, Major
from mailcordon.mail.envelope import Recipient, Session
from mailcordon.mail.finding import Ban, Finding, Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import DsnSent, Outcome, Verdict
from next_hop import DROP, SILENCE, Hop, running

MakeMail = Callable[..., Mail]
MakeSettings = Callable[..., Settings]
OCTETS = b"From: Alice <alice@sender.example>\r\nSubject: Good morning\r\nMessage-ID: <1@x.example>\r\n\r\nbody\r\n"
LMTP = Session(protocol="LMTP")
SMTP = Session(protocol="ESMTP")
BANNED = Category(Major.BANNED)
BAD_HEADER = Category(Major.BAD_HEADER, 7)
CREDIBLE = "originating"
A, B = "a@example.test", "b@example.test"
SENDER = "alice@sender.example"
NOT_EICAR = Findings((Finding(Category(Major.VIRUS), "Win.Trojan.X", "clamd"),))
FORBIDDEN = Findings((Finding(BANNED, "multipart/mixed | .exe", "names"),))


class Office:
    """Settings, a hop and one Actor, which acts on any number of mails."""

    def __init__(self, hop: Hop, make_settings: MakeSettings, make_mail: MakeMail) -> None:
        self.hop = hop
        self._make_settings, self._make_mail = make_settings, make_mail
        self.set()

    def set(self, **overrides: Any) -> None:
        self.settings = self._make_settings(forward_method=self.hop.method, notify_method=self.hop.method, **overrides)
        self.actor = Actor(self.settings, PATIENT)

    async def act(
        self,
        *verdicts: Verdict,
        findings: Findings = INFECTED,
        session: Session = LMTP,
        sender: str = SENDER,
        octets: bytes = OCTETS,
    ) -> Outcome:
        """One mail, and the end of all that comes of it."""
        recipients = [verdict.recipient for verdict in verdicts]
        mail = self._make_mail(octets, sender=sender, recipients=recipients, session=session)
        policies = policies_for(self.settings, recipients)
        outcome = await self.actor.act(mail, self.settings, findings, verdicts, policies)
        await self.actor.close()
        return outcome

    @property
    def counters(self) -> dict[str, int]:
        return self.actor.counters.by_name()

    @property
    def sent(self) -> list[tuple[str, list[str], EmailMessage]]:
        """Envelope senders, recipients and messages of what the hop has taken."""
        return [
            (
                taken.mail.split("<")[1].split(">")[0],
                [line.split("<")[1].split(">")[0] for line in taken.recipients],
                email.message_from_bytes(taken.octets, policy=email.policy.default),
            )
            for taken in self.hop.taken
        ]


@pytest.fixture
async def office(make_settings: MakeSettings, make_mail: MakeMail) -> AsyncIterator[Office]:
    async with running() as hop:
        made = Office(hop, make_settings, make_mail)
        yield made
        await made.actor.close()


@pytest.mark.parametrize("session", [SMTP, LMTP])
@pytest.mark.parametrize(
    ("category", "findings", "score", "settings", "credible", "sent"),
    [
        # Features 14.01, 14.02: between the two cutoffs only a credible sender is told.
        (SPAM, Findings(), 9.9, {}, "", True),
        (SPAM, Findings(), 10.0, {}, "", False),
        (SPAM, Findings(), 10.0, {}, CREDIBLE, True),
        (SPAM, Findings(), 10.0, {}, "anything", True),
        (SPAM, Findings(), 18.0, {}, CREDIBLE, False),
        (SPAM, Findings(), 5.0, {"spam_dsn_cutoff_level_bysender": {"hash": {SENDER: 5}}}, "", False),
        (SPAM, Findings(), 5.0, {"spam_dsn_cutoff_level_bysender": {"hash": {SENDER: 5}}}, CREDIBLE, True),
        (SPAM, Findings(), 5.0, {"spam_crediblefrom_dsn_cutoff_level_bysender": 5}, CREDIBLE, False),
        (SPAM, Findings(), 5.0, {"spam_dsn_cutoff_level": {"hash": {A: 5}}}, "", False),
        (SPAM, Findings(), 5.0, {"spam_dsn_cutoff_level": {"hash": {B: 5}}}, "", True),
        (SPAM, Findings(), 99.0, {"spam_dsn_cutoff_level": "undef"}, "", True),
        # Viruses write senders of their own, but for EICAR.
        (Category(Major.VIRUS), INFECTED, None, {}, "", True),
        (Category(Major.VIRUS), NOT_EICAR, None, {}, "", False),
        (Category(Major.VIRUS), NOT_EICAR, None, {}, CREDIBLE, False),
        (Category(Major.VIRUS), NOT_EICAR, None, {"viruses_that_fake_sender": False}, "", True),
        (BANNED, FORBIDDEN, None, {}, "", True),
        (BANNED, Findings((replace(FORBIDDEN.found[0], result="DISCARD"),)), None, {}, "", False),
    ],
)
async def test_bounce_and_its_suppression(
    office: Office,
    session: Session,
    category: Category,
    findings: Findings,
    score: float | None,
    settings: dict[str, Any],
    credible: str,
    sent: bool,
) -> None:
    """Contract B11.02, B11.03, B6.08, B5.12: the outcome says whether the sender was told (B2.10)."""
    office.set(**settings)
    outcome = await office.act(
        stopped(A, Destiny.BOUNCE, category=category, score=score),
        findings=replace(findings, sender_credible=credible),
        session=session,
    )
    assert (outcome.dsn_sent is DsnSent.SENT, len(office.sent)) == (sent, sent)
    told = "DSN was sent" if sent else "DSN suppressed"
    assert str(outcome.recipients[0].reply).startswith(f"250 2.5.0 Ok <{A}>, {told} (554 5.7.0 Bounce, ")
    assert outcome.recipients[0].disposition.value == ("Bounced" if sent else "NoBounce")
    assert outcome.dsn_sent.value == ("Y" if sent else "q")


async def test_cutoff_holds_where_no_spam_scanner_was_asked(office: Office) -> None:
    """Features 14.07, 6.13: points of other sources alone reach the cutoff level."""
    verdict = stopped(A, Destiny.BOUNCE, category=BANNED, score=None, points=10.5)
    assert (await office.act(verdict, findings=FORBIDDEN)).dsn_sent is DsnSent.SUPPRESSED
    twin = replace(verdict, points=9.5)
    assert (await office.act(twin, findings=FORBIDDEN)).dsn_sent is DsnSent.SENT


async def test_suppression_by_fingerprint_is_recorded(office: Office) -> None:
    """Contract B21.06."""
    verdict = stopped(A, Destiny.BOUNCE, category=SPAM, score=6.0)
    outcome = await office.act(verdict, findings=Findings(os_fingerprint="Windows XP/2000"))
    assert (outcome.dsn_sent, office.sent) == (DsnSent.SUPPRESSED, [])


async def test_log_names_the_value_of_sender_credible(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    """Features 14.03."""
    caplog.set_level(logging.INFO, "mailcordon.act.notify")
    verdict = stopped(A, Destiny.BOUNCE, category=SPAM, score=12.0)
    await office.act(verdict, findings=Findings(sender_credible="hook says so"))
    assert f"(04711-01) DSN: SPAM_SENDER to <{SENDER}>, sender_credible: hook says so" in caplog.text
    await office.act(verdict, findings=Findings())
    assert "recipient's cutoff level, or blacklisted sender, score: 12.0, sender_credible: -" in caplog.text


@pytest.mark.parametrize(
    ("category", "findings", "prefix", "subject"),
    [
        (Category(Major.VIRUS), INFECTED, "VS", "VIRUS in your message: Good morning"),
        (BANNED, FORBIDDEN, "VS", "BANNED CONTENTS in your message: Good morning"),
        (SPAM, Findings(), "SS", "Your message was taken for spam: Good morning"),
        (BAD_HEADER, Findings(), "DSN", "Undeliverable mail: Good morning"),
    ],
)
async def test_words_by_category(
    office: Office, category: Category, findings: Findings, prefix: str, subject: str
) -> None:
    """Contract B11.05, B11.09."""
    await office.act(stopped(A, Destiny.BOUNCE, category=category), findings=findings)
    ((mailfrom, to, message),) = office.sent
    assert (mailfrom, to) == ("", [SENDER])
    assert message["Message-ID"].startswith(f"<{prefix}")
    assert message["Message-ID"].endswith("@gate.example.test>")
    assert message["Subject"] == subject
    assert message["From"] == '"Content-filter at gate.example.test" <postmaster@gate.example.test>'
    assert message["To"] == SENDER


async def test_author_and_language_and_copy(office: Office) -> None:
    """Contract B11.04, B11.06; features 5.39, 14.10."""
    office.set(l10n_language="de_DE", dsn_bcc="archive@example.test", hdrfrom_notify_sender="Filter <f@example.test>")
    await office.act(stopped(A, Destiny.BOUNCE, category=SPAM), findings=Findings())
    ((_, to, message),) = office.sent
    assert to == [SENDER, "archive@example.test"]
    assert (message["From"], message["Subject"]) == (
        "Filter <f@example.test>",
        "Ihre Nachricht wurde für Spam gehalten: Good morning",
    )


@pytest.mark.parametrize(
    ("keywords", "settings", "notify", "sent"),
    [
        (("DSN",), {}, "SUCCESS", False),
        ((), {}, "SUCCESS", True),
        ((), {}, "SUCCESS,FAILURE", True),
        ((), {}, "FAILURE", False),
        ((), {}, "NEVER", False),
        ((), {}, None, False),
        (("DSN",), {"terminate_dsn_on_notify_success": True}, "SUCCESS", True),
        (("DSN",), {"propagate_dsn_if_possible": False}, "SUCCESS", True),
    ],
)
async def test_success_is_reported_where_the_hop_does_not(
    office: Office, keywords: tuple[str, ...], settings: dict[str, Any], notify: str | None, sent: bool
) -> None:
    """Contract B11.01, B11.02, RFC 3461 5.2.2: relayed."""
    office.hop.keywords = keywords
    office.set(**settings)
    outcome = await office.act(passed(Recipient(A, notify=notify)), findings=Findings())
    assert outcome.recipients[0].disposition.value == "Relayed"
    assert outcome.recipients[0].reply.code == 250
    assert outcome.dsn_sent is (DsnSent.SENT if sent else DsnSent.NONE)
    assert len(office.sent) == 1 + sent
    if sent:
        message = office.sent[1][2]
        assert message["Subject"] == "Delivery report: Good morning"
        assert b"Action: relayed\r\n" in office.hop.taken[1].octets


async def test_report_of_success_that_fails_costs_nothing(
    office: Office, make_settings: MakeSettings, caplog: pytest.LogCaptureFixture
) -> None:
    """The mail is delivered: no 4xx may bring it a second time."""
    office.hop.keywords = ()
    office.hop.answers["MAIL FROM:<>"] = "451 4.3.0 later"
    outcome = await office.act(passed(Recipient(A, notify="SUCCESS")), findings=Findings(), session=SMTP)
    assert outcome.reply.code == 250
    assert (outcome.recipients[0].disposition.value, outcome.dsn_sent) == ("Relayed", DsnSent.NONE)
    assert f"DSN not sent to <{SENDER}>: 451 4.3.0" in caplog.text


@pytest.mark.parametrize(
    ("category", "setting", "findings"),
    [(BANNED, "warnbannedsender", FORBIDDEN), (BAD_HEADER, "warnbadhsender", Findings())],
)
async def test_warning_for_delivered_mail(office: Office, category: Category, setting: str, findings: Findings) -> None:
    """Features 5.36, 14.08, 18.07: a credible sender is warned, another one never gets mail."""
    office.set(**{setting: True})
    verdict = passed(A, main=category, categories=frozenset({category}))
    forged = await office.act(verdict, findings=findings)
    assert (forged.dsn_sent, len(office.sent)) == (DsnSent.NONE, 1)
    credible = await office.act(verdict, findings=replace(findings, sender_credible=CREDIBLE))
    assert credible.dsn_sent is DsnSent.SENT
    assert credible.recipients[0].disposition.value == "Relayed"
    assert [mailfrom for mailfrom, _, _ in office.sent] == [SENDER, SENDER, ""]
    office.set()
    await office.act(verdict, findings=replace(findings, sender_credible=CREDIBLE))
    assert len(office.sent) == 4


async def test_what_is_banned_for_whom(office: Office) -> None:
    """Contract B12.01, B12.04, B11.02: a notice tells what concerns those whom it is about; a rule's DISCARD, too."""
    findings = Findings(
        (
            Finding(
                BANNED, "a.zip", "banned", ban=Ban("multipart/mixed | a.zip", "", "", ""), recipients=frozenset({A})
            ),
            Finding(BANNED, "b.exe", "banned", result="DISCARD forged", recipients=frozenset({B})),
        )
    )
    verdicts = [stopped(address, Destiny.BOUNCE, category=BANNED) for address in (A, B)]
    outcome = await office.act(*verdicts, findings=findings)
    assert [item.dsn_sent for item in outcome.recipients] == [DsnSent.SENT, DsnSent.SUPPRESSED]
    ((_, _, message),) = office.sent
    assert "multipart/mixed | a.zip" in message.as_string()
    assert "b.exe" not in message.as_string()
    office.set(banned_admin={"hash": {A: "a@admin.example"}})
    await office.act(*(stopped(address, Destiny.DISCARD, category=BANNED) for address in (A, B)), findings=findings)
    assert office.sent[-1][1] == ["a@admin.example"]


async def test_nobody_is_told_as_packaged(office: Office) -> None:
    """Features 5.37, 14.09: no address, no notice."""
    for category, findings in ((Category(Major.VIRUS), INFECTED), (BANNED, FORBIDDEN), (SPAM, Findings())):
        outcome = await office.act(stopped(A, Destiny.DISCARD, category=category), findings=findings)
        assert outcome.dsn_sent is DsnSent.NONE
    assert office.sent == []


@pytest.mark.parametrize(
    ("category", "setting", "findings", "prefix", "subject"),
    [
        (Category(Major.VIRUS), "virus_admin", INFECTED, "VA", "VIRUS (Eicar-Test-Signature) in mail from"),
        (BANNED, "banned_admin", FORBIDDEN, "VA", "BANNED (multipart/mixed | .exe) in mail from"),
        (BAD_HEADER, "bad_header_admin", Findings(), "VA", "BadHdrMissing in mail from"),
        (Category(Major.UNCHECKED), "virus_admin", Findings(), "VA", "Unchecked in mail from"),
        (SPAM, "spam_admin", Findings(), "SA", "SPAM (12.5) from"),
    ],
)
@pytest.mark.parametrize("destiny", [Destiny.DISCARD, Destiny.REJECT])
async def test_administrators(
    office: Office,
    category: Category,
    setting: str,
    findings: Findings,
    prefix: str,
    subject: str,
    destiny: Destiny,
) -> None:
    """Contract B11.05, B11.06; features 5.37, 14.09: an address turns notices on, for its own category only."""
    score = 12.5 if category == SPAM else None
    verdict = stopped(A, destiny, category=category, score=score)
    everybody = dict.fromkeys(("virus_admin", "banned_admin", "spam_admin", "bad_header_admin"), "other@x.example")
    office.set(**{**everybody, setting: {"hash": {"example.test": "admin@example.test", ".": "other@x.example"}}})
    await office.act(verdict, findings=findings)
    ((mailfrom, to, message),) = office.sent
    assert (mailfrom, to, message["To"]) == ("", ["admin@example.test"], "admin@example.test")
    assert message["Message-ID"].startswith(f"<{prefix}")
    assert message["Subject"] == f"{subject} <{SENDER}>"
    assert message["Auto-Submitted"] == "auto-replied"
    text = message.get_content()
    assert "Alice <alice@sender.example>" in text
    assert A in text


async def test_no_notice_of_mail_that_passes(office: Office) -> None:
    office.set(virus_admin="admin@example.test", warnvirusrecip=True)
    await office.act(passed(A, main=Category(Major.VIRUS)))
    assert [mailfrom for mailfrom, _, _ in office.sent] == [SENDER]


async def test_one_notice_for_all_recipients_of_a_mail(office: Office) -> None:
    office.set(virus_admin="admin@example.test", mailfrom_notify_admin="filter@example.test")
    verdicts = [stopped(f"r{number}@example.test", Destiny.DISCARD) for number in range(150)]
    await office.act(*verdicts)
    ((mailfrom, _, message),) = office.sent
    assert mailfrom == "filter@example.test"
    text = message.get_content()
    assert text.count("@example.test>") >= 100
    assert "and 50 more recipients" in text


async def test_tag_is_that_of_the_log(office: Office, tmp_path: Path) -> None:
    """Features 12.05: the same name and text as in the log, empty where there is none."""
    place = tmp_path / "l10n" / "en_US"
    place.mkdir(parents=True)
    source = "From: {{ hdrfrom }}\nSubject: <{{ partition_tag }}>\n\nbody\n"
    (place / "template-virus-admin.txt").write_text(source)
    for tag, expected in (("25", "<25>"), (0, "<>")):
        office.set(virus_admin="admin@example.test", l10n_directory=str(tmp_path / "l10n"), partition_tag=tag)
        await office.act(stopped(A, Destiny.DISCARD))
        assert office.sent[-1][2]["Subject"] == expected


async def test_new_viruses(office: Office) -> None:
    """Contract B11.06: only the first time that a worker meets a virus of that name."""
    office.set(newvirus_admin="admin@example.test")
    for findings, count in ((INFECTED, 1), (INFECTED, 1), (NOT_EICAR, 2), (NOT_EICAR, 2)):
        await office.act(stopped(A, Destiny.DISCARD), findings=findings)
        assert len(office.sent) == count


async def test_recipients(office: Office) -> None:
    """Contract B11.07: local ones, and with warn_offsite others, too; none learns of another one."""
    verdicts = [stopped(A, Destiny.DISCARD), stopped(B, Destiny.DISCARD, is_local=False)]
    office.set(warnvirusrecip={"hash": {A: True, B: True}})
    await office.act(*verdicts)
    office.set(warnvirusrecip=True, warn_offsite=True, hdrfrom_notify_recip="F <f@example.test>")
    await office.act(*verdicts)
    (_, to, one), (_, both, two) = office.sent
    assert (to, one["To"]) == ([A], A)
    assert one["Message-ID"].startswith("<VR")
    assert one["Subject"] == f"VIRUS in mail to you from <{SENDER}>"
    assert (both, two["To"], two["From"]) == ([A, B], "undisclosed-recipients:;", "F <f@example.test>")
    assert A not in two.as_string()


@pytest.mark.parametrize(
    ("category", "setting"), [(BANNED, "warnbannedrecip"), (BAD_HEADER, "warnbadhrecip"), (SPAM, "warnbadhrecip")]
)
async def test_recipients_by_category(office: Office, category: Category, setting: str) -> None:
    office.set(**{setting: True})
    await office.act(stopped(A, Destiny.DISCARD, category=category), findings=Findings())
    assert len(office.sent) == (category != SPAM)


@pytest.mark.parametrize("answer", [DROP, "451 4.3.0 later", "550 5.7.1 no"])
@pytest.mark.parametrize("session", [SMTP, LMTP])
async def test_notice_that_fails_is_counted_and_costs_nothing(
    office: Office, answer: str, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    """The mail's own reply stays as it is, so that it comes no second time."""
    office.set(virus_admin="admin@example.test")
    office.hop.answers["end"] = answer
    outcome = await office.act(stopped(A, Destiny.DISCARD), session=session)
    assert str(outcome.reply).startswith("250 2.7.0 Ok, discarded")
    assert (office.counters["OutMsgsSubmitNotif"], office.counters["OutMsgsSubmitNotifFails"]) == (1, 1)
    assert "(04711-01) notice VIRUS_ADMIN not sent: " in caplog.text


async def test_address_that_would_be_two_commands(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    """Values of lookups may hold what a sender wrote."""
    office.set(virus_admin="x@example.test>\r\nDATA")
    outcome = await office.act(stopped(A, Destiny.DISCARD))
    assert outcome.reply.code == 250
    assert office.counters["OutMsgsSubmitNotifFails"] == 1
    assert "refusing to send a command with a line break" in caplog.text


async def test_the_reply_does_not_wait(office: Office, make_mail: MakeMail) -> None:
    """However long the way back takes."""
    office.set(virus_admin="admin@example.test")
    office.hop.answers["MAIL"] = SILENCE
    mail = make_mail(OCTETS, recipients=[A], session=LMTP)
    verdict = stopped(A, Destiny.DISCARD)
    outcome = await office.actor.act(
        mail, office.settings, INFECTED, [verdict], policies_for(office.settings, [verdict.recipient])
    )
    assert outcome.reply.code == 250
    await until(lambda: any(command.startswith("MAIL") for command in office.hop.commands))
    await office.hop.stop()


async def test_not_too_many_at_a_time(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, make_mail: MakeMail
) -> None:
    """A way back that stands still does not fill the memory."""
    monkeypatch.setattr(notices, "MAX_PENDING", 1)
    monkeypatch.setattr(notices, "PATIENCE", 0.05)
    office.set(virus_admin="admin@example.test")
    office.hop.answers["MAIL"] = SILENCE
    verdict = stopped(A, Destiny.DISCARD)
    for _ in range(2):
        mail = make_mail(OCTETS, recipients=[A], session=LMTP)
        await office.actor.act(
            mail, office.settings, INFECTED, [verdict], policies_for(office.settings, [verdict.recipient])
        )
    assert "notice VIRUS_ADMIN not sent: too many notices are under way" in caplog.text
    await office.actor.close()


@pytest.mark.parametrize("session", [SMTP, LMTP])
async def test_no_notice_of_mail_that_comes_again(office: Office, session: Session) -> None:
    office.set(virus_admin="admin@example.test")
    await office.act(stopped(A, Destiny.TEMPFAIL), session=session)
    assert office.sent == []


async def test_defect_of_a_notice_costs_no_mail(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    office.set(virus_admin="admin@example.test")
    monkeypatch.setattr(notices, "compose", broken)
    assert (await office.act(stopped(A, Destiny.DISCARD))).reply.code == 250
    assert "(04711-01) cannot write a notice" in caplog.text


async def test_failing_template_loses_nothing(office: Office, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The sender is told in the packaged words."""
    place = tmp_path / "l10n" / "en_US"
    place.mkdir(parents=True)
    source = "From: {{ hdrfrom }}\nSubject: x\n\n{% if subject == 'Good morning' %}{{ subject.x.y }}{% endif %}\n"
    (place / "template-spam-sender.txt").write_text(source)
    office.set(l10n_directory=str(tmp_path / "l10n"))
    outcome = await office.act(stopped(A, Destiny.BOUNCE, category=SPAM), findings=Findings())
    assert outcome.dsn_sent is DsnSent.SENT
    assert office.sent[0][2]["Subject"] == "Your message was taken for spam: Good morning"
    assert "template-spam-sender.txt:4: " in caplog.text
