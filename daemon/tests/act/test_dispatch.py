"""What becomes of a message and what the client is told, all steps together (B5.08 to B5.13, B6.08, B7.07, B10.09)."""

import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from acting import INFECTED, SPAM, act, passed, stopped

from mailcordon.config.settings import Settings
from mailcordon.errors import QuarantineError
from mailcordon.mail.category import Category, Destiny, Major
from mailcordon.mail.envelope import Client, Recipient, Session
from mailcordon.mail.finding import Findings
from mailcordon.mail.header import HeaderEdits
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import Outcome, Verdict
from next_hop import DROP, Hop, running

MakeMail = Callable[..., Mail]
MakeSettings = Callable[..., Settings]
OCTETS = b"From: a\r\nSubject: s\r\n\r\nbody\n.\r\n"
LMTP = Session(protocol="LMTP")
SMTP = Session(protocol="ESMTP")
A, B, C = "a@example.test", "b@example.test", "c@example.test"
CLEAN = Findings()


@pytest.fixture
async def hop() -> AsyncIterator[Hop]:
    async with running() as made:
        yield made


class Desk:
    """Settings, mail and Actor of one test."""

    def __init__(self, hop: Hop, make_settings: MakeSettings, make_mail: MakeMail) -> None:
        self.hop = hop
        self.settings = make_settings(forward_method=hop.method, notify_method=hop.method)
        self._make_mail = make_mail

    async def act(
        self,
        session: Session,
        *verdicts: Verdict,
        findings: Findings = INFECTED,
        octets: bytes = OCTETS,
        sender: str = "s@s.example",
    ) -> Outcome:
        recipients = [verdict.recipient for verdict in verdicts]
        mail = self._make_mail(octets, sender=sender, recipients=recipients, session=session)
        outcome, _ = await act(self.settings, mail, verdicts, findings)
        assert [item.verdict.recipient for item in outcome.recipients] == recipients
        return outcome

    @property
    def notifications(self) -> list[bytes]:
        return [taken.octets for taken in self.hop.taken if taken.mail.startswith("MAIL FROM:<> ")]

    @property
    def forwarded(self) -> list[list[str]]:
        return [
            [line.split("<")[1].split(">")[0] for line in taken.recipients]
            for taken in self.hop.taken
            if not taken.mail.startswith("MAIL FROM:<> ")
        ]


@pytest.fixture
def desk(hop: Hop, make_settings: MakeSettings, make_mail: MakeMail) -> Desk:
    return Desk(hop, make_settings, make_mail)


def words(outcome: Outcome) -> list[str]:
    return [item.disposition.value for item in outcome.recipients]


@pytest.mark.parametrize("session", [SMTP, LMTP])
async def test_clean_mail_is_relayed(desk: Desk, session: Session) -> None:
    outcome = await desk.act(session, passed(A), passed(B), findings=CLEAN)
    assert words(outcome) == ["Relayed", "Relayed"]
    assert str(outcome.reply) == (
        f"250 2.6.0 Ok, id=04711-01, from MTA({desk.hop.method}): 250 2.0.0 Ok: queued as Q10"
    )
    assert [item.queued_as for item in outcome.recipients] == ["Q10", "Q10"]
    assert desk.forwarded == [[A, B]]
    assert desk.hop.taken[0].octets.startswith(b"Received: from unknown\r\n by localhost (mailcordon,")
    assert desk.hop.taken[0].octets.endswith(OCTETS)


async def test_equal_edits_share_a_transaction(desk: Desk) -> None:
    """B7.07, design rule 4: each recipient gets the copy with the own edits, over one connection."""
    tagged = HeaderEdits(prepend=(("X-Spam-Flag", "YES"),), subject_prefix="***SPAM*** ")
    outcome = await desk.act(SMTP, passed(A), passed(B, edits=tagged), passed(C))
    assert words(outcome) == ["Relayed", "RelayedTagged", "Relayed"]
    assert desk.forwarded == [[A, C], [B]]
    assert b"***SPAM***" not in desk.hop.taken[0].octets
    assert b"X-Spam-Flag: YES\r\nFrom: a\r\nSubject: ***SPAM*** s\r\n\r\n" in desk.hop.taken[1].octets
    assert [item.queued_as for item in outcome.recipients] == ["Q10", "Q20", "Q10"]
    assert desk.hop.connections == 1


async def test_client_is_told_to_the_next_hop(desk: Desk) -> None:
    session = Session(protocol="LMTP", client=Client(name="mx", addr="192.0.2.1"))
    await desk.act(session, passed(A))
    assert desk.hop.taken[0].xforward[0].startswith("XFORWARD NAME=mx ADDR=192.0.2.1 ")


@pytest.mark.parametrize("session", [SMTP, LMTP])
async def test_discarded_virus_is_kept_and_not_sent(desk: Desk, session: Session) -> None:
    """Features 5.32: the client hears a 2xx, and nobody gets the mail."""
    verdict = stopped(A, Destiny.DISCARD, quarantine_to="virus-quarantine")
    outcome = await desk.act(session, verdict)
    assert words(outcome) == ["Discarded"]
    assert str(outcome.reply) == "250 2.7.0 Ok, discarded, id=04711-01 - INFECTED: Eicar-Test-Signature"
    assert outcome.recipients[0].reply == outcome.reply
    assert (desk.settings.QUARANTINEDIR / outcome.quarantine[0].location).is_file()
    assert desk.hop.connections == 0


@pytest.mark.parametrize("session", [SMTP, LMTP])
async def test_quarantine_failure_stops_everything(desk: Desk, session: Session) -> None:
    """B10.09: nothing is sent either, so that the client's next try starts afresh."""
    desk.settings.QUARANTINEDIR.rmdir()
    with pytest.raises(QuarantineError):
        await desk.act(session, passed(B), stopped(A, Destiny.DISCARD, quarantine_to="virus-quarantine"))
    assert desk.hop.connections == 0


async def test_reject_for_all(desk: Desk) -> None:
    """B5.12: the client tells the sender, we do not."""
    outcome = await desk.act(SMTP, stopped(A, Destiny.REJECT), stopped(B, Destiny.DISCARD))
    assert words(outcome) == ["Rejected", "Discarded"]
    assert str(outcome.reply) == "554 5.7.0 Reject, id=04711-01 - INFECTED: Eicar-Test-Signature"
    assert desk.hop.taken == []


async def test_reject_while_recipients_disagree_over_smtp(desk: Desk) -> None:
    """B5.08: accepted with a notification of our own."""
    outcome = await desk.act(SMTP, passed(A), stopped(B, Destiny.REJECT), stopped(C, Destiny.DISCARD))
    assert words(outcome) == ["Relayed", "Bounced", "Discarded"]
    assert str(outcome.reply).startswith("250 2.6.0 Ok, id=04711-01, from MTA(")
    assert str(outcome.reply).endswith("queued as Q10, but 1 REJECT, and 1 DISCARD")
    assert desk.forwarded == [[A]]
    (notification,) = desk.notifications
    assert b"Final-Recipient: rfc822; b@example.test" in notification
    assert b"c@example.test" not in notification
    assert desk.hop.taken[1].recipients == ["RCPT TO:<s@s.example> NOTIFY=NEVER"]


async def test_reject_while_recipients_disagree_over_lmtp(desk: Desk) -> None:
    """B6.08: each one is told for itself, no notification."""
    outcome = await desk.act(LMTP, passed(A), stopped(B, Destiny.REJECT))
    assert words(outcome) == ["Relayed", "Rejected"]
    assert [item.reply.code for item in outcome.recipients] == [250, 554]
    assert desk.notifications == []


@pytest.mark.parametrize("session", [SMTP, LMTP])
async def test_bounce(desk: Desk, session: Session) -> None:
    """B6.08, B5.12: one notification for all bounced recipients."""
    outcome = await desk.act(session, stopped(A, Destiny.BOUNCE), stopped(B, Destiny.BOUNCE))
    assert words(outcome) == ["Bounced", "Bounced"]
    assert str(outcome.recipients[0].reply) == (
        "250 2.5.0 Ok <a@example.test>, DSN was sent (554 5.7.0 Bounce, id=04711-01 - INFECTED: Eicar-Test-Signature)"
    )
    assert str(outcome.reply) == "250 2.5.0 Ok, id=04711-01, but 2 BOUNCE"
    (notification,) = desk.notifications
    assert notification.count(b"Action: failed") == 2
    assert desk.forwarded == []


@pytest.mark.parametrize("session", [SMTP, LMTP])
async def test_bounce_without_a_sender(desk: Desk, session: Session) -> None:
    """B11.02."""
    outcome = await desk.act(session, stopped(A, Destiny.BOUNCE), sender="")
    assert words(outcome) == ["NoBounce"]
    assert "DSN suppressed (554 5.7.0 Bounce, " in outcome.recipients[0].reply.text
    assert str(outcome.reply) == "250 2.5.0 Ok, id=04711-01, but 1 DISCARD(bounce.suppressed)"
    assert desk.hop.connections == 0


@pytest.mark.parametrize("session", [SMTP, LMTP])
@pytest.mark.parametrize("answer", [DROP, "451 4.3.0 later", "550 5.7.1 no"])
async def test_notification_that_fails_is_no_loss(desk: Desk, session: Session, answer: str) -> None:
    """The client keeps the mail of whoever could not be reported."""
    desk.hop.answers["end"] = answer
    outcome = await desk.act(session, stopped(A, Destiny.BOUNCE))
    assert words(outcome) == ["TempFailed"]
    assert outcome.reply == outcome.recipients[0].reply
    assert str(outcome.reply).startswith("450 4.5.0 Temporarily unable to send a DSN, id=04711-01 (")


async def test_tempfail_over_smtp_holds_everything_back(desk: Desk) -> None:
    """With one reply, others would get the mail again and again: nothing is sent, nothing kept."""
    kept = stopped(C, Destiny.DISCARD, quarantine_to="virus-quarantine")
    outcome = await desk.act(SMTP, passed(A), stopped(B, Destiny.TEMPFAIL), kept)
    assert words(outcome) == ["TempFailed"] * 3
    assert str(outcome.reply) == "450 4.7.0 Temporary failure, id=04711-01 - INFECTED: Eicar-Test-Signature"
    assert outcome.quarantine == ()
    assert desk.hop.connections == 0


async def test_tempfail_over_lmtp_concerns_one_recipient(desk: Desk) -> None:
    outcome = await desk.act(LMTP, passed(A), stopped(B, Destiny.TEMPFAIL))
    assert words(outcome) == ["Relayed", "TempFailed"]
    assert [item.reply.code for item in outcome.recipients] == [250, 450]


@pytest.mark.parametrize("session", [SMTP, LMTP])
async def test_next_hop_defers_one(desk: Desk, session: Session) -> None:
    """B5.12: LMTP 4xx for exactly that one, SMTP for all."""
    desk.hop.answers["RCPT TO:<b@example.test>"] = "450 4.2.0 greylisted"
    outcome = await desk.act(session, passed(A), passed(B), stopped(C, Destiny.BOUNCE))
    assert words(outcome) == ["Relayed", "TempFailed", "Bounced" if session is LMTP else "TempFailed"]
    assert str(outcome.recipients[1].reply) == (f"450 4.2.0 from MTA({desk.hop.method}): 450 4.2.0 greylisted")
    assert outcome.reply == outcome.recipients[1].reply
    assert len(desk.notifications) == (1 if session is LMTP else 0)


async def test_next_hop_refuses_one_over_lmtp(desk: Desk) -> None:
    desk.hop.answers["RCPT TO:<b@example.test>"] = "550 5.1.1 unknown"
    outcome = await desk.act(LMTP, passed(A), passed(B))
    assert words(outcome) == ["Relayed", "Rejected"]
    assert outcome.recipients[1].reply.code == 550
    assert desk.notifications == []


async def test_next_hop_refuses_one_over_smtp(desk: Desk) -> None:
    desk.hop.answers["RCPT TO:<b@example.test>"] = "550 5.1.1 unknown"
    outcome = await desk.act(SMTP, passed(A), passed(B))
    assert words(outcome) == ["Relayed", "Bounced"]
    assert outcome.reply.ok
    (notification,) = desk.notifications
    assert b"Diagnostic-Code: smtp; 550 5.1.1 unknown\r\n" in notification
    assert b"Remote-MTA: dns; [127.0.0.1]\r\n" in notification


async def test_next_hop_refuses_all_over_smtp(desk: Desk) -> None:
    """B5.12: the remote 5xx is preferred to our own."""
    desk.hop.answers["end"] = "554 5.6.0 bad content"
    outcome = await desk.act(SMTP, stopped(B, Destiny.REJECT), passed(A))
    assert words(outcome) == ["Rejected", "Rejected"]
    assert str(outcome.reply) == f"554 5.6.0 from MTA({desk.hop.method}): 554 5.6.0 bad content"


@pytest.mark.parametrize("session", [SMTP, LMTP])
@pytest.mark.parametrize("step", ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "data", "end"])
async def test_lost_connection_is_always_temporary(desk: Desk, session: Session, step: str) -> None:
    """Design rule 1: at no step anything is reported delivered."""
    desk.hop.answers[step] = DROP
    outcome = await desk.act(session, passed(A), passed(B), findings=CLEAN)
    assert words(outcome) == ["TempFailed"] * 2
    assert outcome.reply.temporary
    assert all(item.reply.temporary and item.queued_as is None for item in outcome.recipients)


async def test_no_next_hop(desk: Desk) -> None:
    await desk.hop.stop()
    outcome = await desk.act(LMTP, passed(A), findings=CLEAN)
    assert str(outcome.reply) == f"450 4.4.1 Connection refused, MTA({desk.hop.method}), id=04711-01"
    await desk.hop.start()


async def test_mail_loop_is_refused(desk: Desk) -> None:
    """B6.14; 100 hops still pass."""
    looping = b"Received: x\r\n" * 101 + b"\r\nbody\r\n"
    outcome = await desk.act(LMTP, passed(A), octets=looping, findings=CLEAN)
    assert str(outcome.recipients[0].reply) == "554 5.4.6 Reject: 101 hops, id=04711-01"
    assert desk.hop.connections == 0
    outcome = await desk.act(LMTP, passed(A), octets=looping.replace(b"Received: x\r\n", b"", 1), findings=CLEAN)
    assert words(outcome) == ["Relayed"]


async def test_huge_header_is_edited_all_the_same(desk: Desk) -> None:
    """Design rule 7: in a thread; the result is the same."""
    octets = b"A: " + b"x" * 900 + b"\r\nX-Spam-Flag: NO\r\n"
    edits = HeaderEdits(remove=frozenset({"x-spam-flag"}))
    await desk.act(LMTP, passed(A, edits=edits), octets=octets * 400, findings=CLEAN)
    assert desk.hop.taken[0].octets.endswith((b"A: " + b"x" * 900 + b"\r\n") * 400)


async def test_no_recipients(desk: Desk) -> None:
    """B5.13."""
    outcome = await desk.act(SMTP)
    assert str(outcome.reply) == "250 2.5.0 Ok, id=04711-01"


async def test_8bit_mail_is_not_converted(desk: Desk, make_mail: MakeMail) -> None:
    """B7.06: refused where the hop takes no 8-bit mail; its 7-bit twin passes."""
    desk.hop.keywords = ()
    for octets, code in ((b"\r\n\xff\r\n", 550), (b"\r\nx\r\n", 250)):
        mail = make_mail(octets, session=LMTP)
        declared = replace(mail, envelope=replace(mail.envelope, body_type="8BITMIME"))
        outcome, _ = await act(desk.settings, declared, [passed("bob@example.test")], CLEAN)
        assert outcome.recipients[0].reply.code == code


async def test_international_address_needs_smtputf8(desk: Desk) -> None:
    """B7.06."""
    desk.hop.keywords = ("8BITMIME",)
    outcome = await desk.act(LMTP, passed(Recipient("jörg@example.test")), findings=CLEAN)
    assert str(outcome.recipients[0].reply).startswith("550 5.6.7 Non-ASCII addresses not permitted")
    desk.hop.keywords = ("8BITMIME", "SMTPUTF8")
    assert words(await desk.act(LMTP, passed(Recipient("jörg@example.test")), findings=CLEAN)) == ["Relayed"]


async def test_infected_mail_is_never_returned(desk: Desk, make_mail: MakeMail) -> None:
    """RET=FULL returns spam to its sender whole, but no virus."""
    for verdict, findings, count in (
        (stopped(A, Destiny.BOUNCE), INFECTED, 0),
        (stopped(A, Destiny.BOUNCE, category=SPAM), CLEAN, 1),
    ):
        desk.hop.taken.clear()
        mail = make_mail(b"From: a\r\n\r\nthe body\r\n", session=LMTP)
        asking = replace(mail, envelope=replace(mail.envelope, ret="FULL"))
        await act(desk.settings, asking, [verdict], findings)
        assert desk.notifications[0].count(b"the body") == count


async def test_log_lines(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """B8.08: FWD for the client's mail, SEND for our own."""
    caplog.set_level(logging.INFO, "mailcordon")
    outcome = await desk.act(SMTP, passed(A), stopped(B, Destiny.BOUNCE))
    mail_id = desk.notifications[0].split(b"Message-ID: <VS")[1].split(b"@")[0].decode()
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("mailcordon.act")]
    assert lines[0] == f"(04711-01) {mail_id} FWD from <s@s.example> -> <a@example.test>, {outcome.recipients[0].reply}"
    assert lines[1] == "(04711-01) DSN: VIRUS_SENDER to <s@s.example>, sender_credible: -"
    assert lines[2].startswith(
        f"(04711-01) {mail_id} SEND from <> -> <s@s.example>, 250 2.6.0 Ok, id=04711-01, from MTA("
    )


async def test_address_extension_is_delivered_to(hop: Hop, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """Contract B9.10, B7.07: the next hop gets the address with its extension, the client its answer for the plain one;
    recipients with equal edits share a transaction whatever their addresses."""
    desk = Desk(hop, make_settings, make_mail)
    extended = passed(Recipient(A, notify="NEVER"), deliver_to="a+spam@example.test")
    outcome = await desk.act(LMTP, extended, passed(B), findings=CLEAN)
    assert [item.reply.code for item in outcome.recipients] == [250, 250]
    (taken,) = hop.taken
    assert [line.split()[1] for line in taken.recipients] == ["TO:<a+spam@example.test>", f"TO:<{B}>"]
    assert taken.recipients[0].endswith(" NOTIFY=NEVER")


@pytest.mark.parametrize("session", [SMTP, LMTP])
async def test_blind_copy_of_what_passes(
    hop: Hop, make_settings: MakeSettings, make_mail: MakeMail, session: Session
) -> None:
    """always_bcc: one more recipient of the first transaction; nobody is told of what becomes of it."""
    desk = Desk(hop, lambda **settings: make_settings(always_bcc="copy@example.test", **settings), make_mail)
    tagged = HeaderEdits(subject_prefix="* ")
    outcome = await desk.act(session, passed(A), passed(B, edits=tagged), findings=CLEAN)
    assert desk.forwarded == [[A, "copy@example.test"], [B]]
    assert hop.taken[0].recipients[1] == "RCPT TO:<copy@example.test> NOTIFY=NEVER"
    assert words(outcome) == ["Relayed", "RelayedTagged"]
    hop.answers["RCPT TO:<copy@example.test>"] = "550 5.1.1 unknown"
    outcome = await desk.act(session, passed(A), findings=CLEAN)
    assert words(outcome) == ["Relayed"]
    assert outcome.reply.code == 250


async def test_no_blind_copy(hop: Hop, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """The twin: neither of blocked mail, nor for one who is a recipient."""
    desk = Desk(hop, lambda **settings: make_settings(always_bcc="A@example.test", **settings), make_mail)
    await desk.act(SMTP, stopped(B, Destiny.DISCARD))
    assert desk.forwarded == []
    await desk.act(SMTP, passed(B), passed(A), findings=CLEAN)
    assert desk.forwarded == [[B, A]]


@pytest.mark.parametrize(
    ("answer", "number", "word"), [("550 5.1.1 no", 2, "Rejected"), ("451 4.3.0 no", 1, "TempFailed")]
)
async def test_category_of_what_the_hop_stops(desk: Desk, answer: str, number: int, word: str) -> None:
    """Contract B5.01: MTA, with the minor number of its reply; another recipient's category stays."""
    desk.hop.answers[f"RCPT TO:<{A}>"] = answer
    outcome = await desk.act(LMTP, passed(A), passed(B), findings=CLEAN)
    stopped_one, other = (item.verdict for item in outcome.recipients)
    category = Category(Major.MTA, number)
    assert (stopped_one.blocking, stopped_one.main) == (category, category)
    assert (other.blocking, other.main) == (None, Category(Major.CLEAN))
    assert words(outcome)[0] in (word, "Bounced")


@pytest.mark.parametrize("session", [SMTP, LMTP])
async def test_soft_bounce_of_what_the_hop_refuses(
    hop: Hop, make_settings: MakeSettings, make_mail: MakeMail, session: Session
) -> None:
    """Contract B5.08: 5xx becomes 450; nobody is told of a failure that is none yet."""
    desk = Desk(hop, lambda **settings: make_settings(soft_bounce=True, **settings), make_mail)
    hop.answers[f"RCPT TO:<{A}>"] = "550 5.1.1 unknown"
    outcome = await desk.act(session, passed(A), findings=CLEAN)
    assert words(outcome) == ["TempFailed"]
    assert str(outcome.recipients[0].reply) == (f"450 4.1.1 from MTA({hop.method}): 550 5.1.1 unknown (soft_bounce)")
    assert outcome.reply.code == 450
    assert desk.notifications == []
