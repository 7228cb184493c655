"""What the next hop is told of the sender's wishes, from the settings on (B7.02, B7.06, B7.08)."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from acting import act, passed

from mailcordon.config.settings import Settings
from mailcordon.mail.envelope import Recipient, Session
from mailcordon.mail.finding import Findings
from mailcordon.mail.header import HeaderEdits
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import Outcome
from next_hop import Hop, running

MakeMail = Callable[..., Mail]
MakeSettings = Callable[..., Settings]
A = Recipient("a@example.test", notify="SUCCESS,FAILURE", orcpt="rfc822;a@old.example")
B = Recipient("b@example.test", notify="SUCCESS")
C = Recipient("c@example.test")


@pytest.fixture
async def hop() -> AsyncIterator[Hop]:
    async with running() as made:
        yield made


async def forward(hop: Hop, settings: Settings, mail: Mail) -> Outcome:
    outcome, _ = await act(settings, mail, [passed(recipient) for recipient in mail.envelope.recipients], Findings())
    return outcome


@pytest.mark.parametrize(
    ("overrides", "mail_parameters", "recipients"),
    [
        (
            {},
            " RET=HDRS ENVID=x1",
            [
                "RCPT TO:<a@example.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a@old.example",
                "RCPT TO:<b@example.test> NOTIFY=SUCCESS",
                "RCPT TO:<c@example.test>",
            ],
        ),
        (
            {"propagate_dsn_if_possible": False},
            "",
            ["RCPT TO:<a@example.test>", "RCPT TO:<b@example.test>", "RCPT TO:<c@example.test>"],
        ),
        (
            {"terminate_dsn_on_notify_success": True},
            " RET=HDRS ENVID=x1",
            [
                "RCPT TO:<a@example.test> NOTIFY=FAILURE ORCPT=rfc822;a@old.example",
                "RCPT TO:<b@example.test> NOTIFY=NEVER",
                "RCPT TO:<c@example.test>",
            ],
        ),
    ],
)
async def test_notifications_that_the_sender_asked_for(
    hop: Hop,
    make_settings: MakeSettings,
    make_mail: MakeMail,
    overrides: dict[str, bool],
    mail_parameters: str,
    recipients: list[str],
) -> None:
    """Contract B7.08."""
    hop.keywords = ("PIPELINING", "DSN")
    mail = make_mail(b"Subject: x\r\n\r\nx\r\n", recipients=[A, B, C])
    mail = replace(mail, envelope=replace(mail.envelope, ret="HDRS", envid="x1"))
    outcome = await forward(hop, make_settings(forward_method=hop.method, **overrides), mail)
    assert outcome.reply.ok
    assert hop.taken[0].mail == f"MAIL FROM:<alice@sender.example>{mail_parameters}"
    assert hop.taken[0].recipients == recipients


@pytest.mark.parametrize(
    ("keywords", "header", "declared", "reply"),
    [
        (("SMTPUTF8", "8BITMIME"), "Subject: Grüße", True, "250 2.6.0"),
        (("8BITMIME",), "Subject: Grüße", True, "550 5.6.7"),
        (("8BITMIME",), "Subject: greetings", True, "250 2.6.0"),
        (("8BITMIME",), "Subject: Grüße", False, "250 2.6.0"),
    ],
)
async def test_international_header_needs_smtputf8(
    hop: Hop,
    make_settings: MakeSettings,
    make_mail: MakeMail,
    keywords: tuple[str, ...],
    header: str,
    declared: bool,
    reply: str,
) -> None:
    """Contract B7.06, RFC 6531 3.4; undeclared 8-bit headers are old custom and pass."""
    hop.keywords = keywords
    mail = make_mail(f"{header}\r\n\r\nx\r\n".encode())
    mail = replace(mail, envelope=replace(mail.envelope, smtputf8=declared))
    outcome = await forward(hop, make_settings(forward_method=hop.method), mail)
    assert str(outcome.reply).startswith(reply)


@pytest.mark.parametrize(
    ("answers", "told", "dispositions"),
    [
        ({}, "250 2.6.0 Ok, id=", ["Relayed", "Relayed"]),
        ({"RCPT TO:<b@example.test>": "450 4.2.0 later"}, "450 4.2.0 from MTA", ["Relayed", "TempFailed"]),
        ({"RCPT TO:<b@example.test>": "550 5.1.1 no"}, "250 2.6.0 Ok, id=", ["Relayed", "Bounced"]),
        ({"RCPT": "550 5.1.1 no"}, "550 5.1.1 from MTA", ["Rejected", "Rejected"]),
        (
            {"RCPT TO:<a@example.test>": "550 5.1.1 no", "RCPT TO:<b@example.test>": "450 4.2.0 later"},
            "450 4.2.0 from MTA",
            ["TempFailed", "TempFailed"],
        ),
    ],
)
async def test_one_reply_over_several_copies(
    hop: Hop,
    make_settings: MakeSettings,
    make_mail: MakeMail,
    answers: dict[str, str],
    told: str,
    dispositions: list[str],
) -> None:
    """Contract B7.07 in an SMTP session: each copy has its own transaction, and no recipient is lost in the reply.

    A temporary refusal of one copy makes the client bring all of it again: the other recipient gets it twice, which
    SMTP has no words to avoid (LMTP has).
    """
    hop.answers.update(answers)
    settings = make_settings(forward_method=hop.method, notify_method=hop.method)
    mail = make_mail(b"Subject: x\r\n\r\nx\r\n", recipients=["a@example.test", "b@example.test"])
    mail = replace(mail, session=Session(protocol="ESMTP"))
    edits = HeaderEdits(prepend=(("X-Spam-Score", "3"),))
    outcome, counters = await act(
        settings, mail, [passed("a@example.test"), passed("b@example.test", edits=edits)], Findings()
    )
    assert str(outcome.reply).startswith(told)
    assert [item.disposition.value for item in outcome.recipients] == dispositions
    notifications = [taken for taken in hop.taken if taken.mail.startswith("MAIL FROM:<> ")]
    assert len(notifications) == dispositions.count("Bounced")
    assert counters["OutMsgs"] == 2 + len(notifications) == counters["OutConnTransact"]
    assert counters["OutConnNew"] == 1
