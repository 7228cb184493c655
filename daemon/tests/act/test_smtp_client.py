"""The SMTP and LMTP client against a next hop on a real socket (B7)."""

from pathlib import Path

import pytest
from acting import IMPATIENT, PATIENT, outgoing, soon

from mailcordon.act.hop_stream import HopBrokenError, HopError, HopTimeoutError, HopUnreachableError
from mailcordon.act.outgoing import Outgoing, xtext, xtext_decoded
from mailcordon.act.smtp_client import Delivery, SmtpConnection, Target
from mailcordon.act.timeouts import Timeouts
from mailcordon.act.tls import TlsContexts
from mailcordon.config.next_hop import NextHop
from mailcordon.mail.envelope import Client, Recipient
from next_hop import DROP, KEYWORDS, SILENCE, Hop, running

PLAIN = ("SIZE",)
TWO = ("a@example.test", "b@example.test")


async def opened(hop: NextHop, timeouts: Timeouts = PATIENT) -> SmtpConnection:
    return await SmtpConnection.open(Target(hop), "localhost", timeouts, soon(), TlsContexts())


async def send(hop: Hop, *mails: Outgoing, timeouts: Timeouts = PATIENT) -> list[Delivery]:
    connection = await opened(hop.hop, timeouts)
    deliveries = [await connection.send(mail, soon()) for mail in mails]
    if connection.usable:
        await connection.quit()
    else:
        connection.abort()
    return deliveries


def codes(delivery: Delivery) -> list[int | None]:
    return [reply.code if reply else None for reply in delivery.replies]


@pytest.mark.parametrize("keywords", [KEYWORDS, PLAIN])
@pytest.mark.parametrize("lmtp", [False, True])
async def test_delivers_byte_for_byte(lmtp: bool, keywords: tuple[str, ...]) -> None:
    """With and without pipelining, SMTP and LMTP: bare LF, dots, 8-bit arrive as they are (B6.12)."""
    octets = b"Subject: x\r\n\r\n.\r\n..\r\nbare\n.\nlf\r\x00\xff\xfe\r\n"
    async with running(lmtp=lmtp, keywords=keywords) as hop:
        (delivery,) = await send(hop, outgoing(octets, *TWO))
    assert delivery.error is None
    assert [taken.octets for taken in hop.taken] == [octets]
    assert len(hop.taken[0].recipients) == 2
    assert [str(reply) for reply in delivery.replies] == [
        "250 2.0.0 Ok: queued as Q10",
        "250 2.0.0 Ok: queued as Q11" if lmtp else "250 2.0.0 Ok: queued as Q10",
    ]
    assert delivery.replies[0] is not None
    assert delivery.replies[0].queued_as == "Q10"


async def test_large_message_and_no_final_line_end() -> None:
    octets = b"Subject: x\r\n\r\n" + bytes(range(256)) * 12_000
    async with running() as hop:
        await send(hop, outgoing(octets))
    assert len(octets) > 3_000_000
    assert hop.taken[0].octets == octets + b"\r\n"


async def test_unix_socket(tmp_path: Path) -> None:
    """B7.01: `lmtp:/path`."""
    async with running(lmtp=True, path=tmp_path / "hop") as hop:
        (delivery,) = await send(hop, outgoing())
    assert codes(delivery) == [250]


async def test_parameters_are_passed_on_when_offered() -> None:
    """B7.02, B7.08."""
    recipient = Recipient("b@example.test", notify="FAILURE,DELAY", orcpt="rfc822;b+2Bc@example.test")
    mail = outgoing(b"x\r\n", recipient, body_type="8BITMIME", smtputf8=True, ret="HDRS", envid="id+3D1")
    async with running() as hop:
        await send(hop, mail)
    taken = hop.taken[0]
    assert taken.mail == "MAIL FROM:<alice@sender.example> SIZE=3 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=id+3D1"
    assert taken.recipients == ["RCPT TO:<b@example.test> NOTIFY=FAILURE,DELAY ORCPT=rfc822;b+2Bc@example.test"]


async def test_parameters_are_held_back_when_not_offered() -> None:
    recipient = Recipient("b@example.test", notify="NEVER", orcpt="rfc822;b@example.test")
    async with running(keywords=()) as hop:
        await send(
            hop, outgoing(b"x\r\n", recipient, body_type="8BITMIME", ret="HDRS", envid="1", client=Client(name="c"))
        )
    assert hop.taken[0].mail == "MAIL FROM:<alice@sender.example>"
    assert hop.taken[0].recipients == ["RCPT TO:<b@example.test>"]
    assert hop.taken[0].xforward == []


async def test_xforward_tells_of_the_client() -> None:
    """B7.02, B6.03: xtext, IPv6 prefix, unknown ones said to be unknown."""
    client = Client(name="mail+x.example", addr="2001:db8::1", port=1234, proto="ESMTP", helo="h=1", source="REMOTE")
    async with running() as hop:
        await send(hop, outgoing(client=client))
    assert hop.taken[0].xforward == [
        "XFORWARD NAME=mail+2Bx.example ADDR=IPV6:2001:db8::1 PORT=1234 PROTO=ESMTP HELO=h+3D1 IDENT=[UNAVAILABLE]"
        " SOURCE=REMOTE"
    ]


async def test_xforward_only_what_is_offered_and_in_short_lines() -> None:
    long = Client(name="n" * 255, helo="h" * 255, ident="i" * 100)
    async with running(keywords=("XFORWARD NAME HELO IDENT FUTURE",)) as hop:
        await send(hop, outgoing(client=long))
    assert len(hop.taken[0].xforward) == 2
    assert all(len(line) <= 510 for line in hop.taken[0].xforward)
    assert not any("ADDR" in line or "FUTURE" in line for line in hop.taken[0].xforward)


async def test_refused_xforward_does_not_stop_the_mail() -> None:
    async with running(answers={"XFORWARD": "501 5.5.4 Bad"}) as hop:
        (delivery,) = await send(hop, outgoing(client=Client(name="c")))
    assert codes(delivery) == [250]


async def test_client_of_one_mail_does_not_stick_to_the_next() -> None:
    """Mail of our own on a kept session is not taken for mail of the last client."""
    async with running() as hop:
        await send(hop, outgoing(client=Client(name="c", addr="192.0.2.1")), outgoing())
    assert hop.taken[1].xforward == [
        "XFORWARD "
        + " ".join(f"{name}=[UNAVAILABLE]" for name in ("NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE"))
    ]


@pytest.mark.parametrize("keywords", [KEYWORDS, PLAIN])
@pytest.mark.parametrize("lmtp", [False, True])
async def test_some_recipients_refused(lmtp: bool, keywords: tuple[str, ...]) -> None:
    answers = {"RCPT TO:<a@example.test>": "550 5.1.1 unknown"}
    async with running(lmtp=lmtp, keywords=keywords, answers=answers) as hop:
        (delivery,) = await send(hop, outgoing(b"x\r\n", *TWO))
    assert codes(delivery) == [550, 250]
    assert len(hop.taken[0].recipients) == 1


@pytest.mark.parametrize("keywords", [KEYWORDS, PLAIN])
@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("MAIL", "451 4.3.0 later"),
        ("MAIL", "550 5.7.1 no"),
        ("RCPT", "450 4.2.0 greylisted"),
        ("DATA", "451 4.3.0 later"),
        ("end", "554 5.6.0 no"),
    ],
)
async def test_negative_replies_reach_every_recipient(command: str, answer: str, keywords: tuple[str, ...]) -> None:
    """And the session is clean for the next message."""
    async with running(keywords=keywords, answers={command: answer}) as hop:
        connection = await opened(hop.hop)
        delivery = await connection.send(outgoing(b"x\r\n", *TWO), soon())
        assert [str(reply) for reply in delivery.replies] == [answer] * 2
        assert hop.taken == []
        assert delivery.error is None
        hop.answers.clear()
        assert connection.usable
        assert codes(await connection.send(outgoing(), soon())) == [250]
        await connection.quit()


async def test_data_accepted_although_nobody_is_wanted() -> None:
    """A hop that says 354 after refusing all recipients gets no message."""
    async with running(answers={"RCPT": "550 5.1.1 no", "DATA": "354 go"}) as hop:
        (delivery,) = await send(hop, outgoing())
    assert codes(delivery) == [550]
    assert hop.taken == []


async def test_lmtp_replies_one_by_one() -> None:
    answers = {"end TO:<b@example.test>": "452 4.2.2 full", "end TO:<c@example.test>": "550 5.2.0 never"}
    async with running(lmtp=True, answers=answers) as hop:
        (delivery,) = await send(hop, outgoing(b"x\r\n", *TWO, "c@example.test"))
    assert codes(delivery) == [250, 452, 550]


async def test_lmtp_connection_lost_between_replies() -> None:
    """Who was confirmed is delivered, the others are not."""
    async with running(lmtp=True, answers={"end TO:<b@example.test>": DROP}) as hop:
        (delivery,) = await send(hop, outgoing(b"x\r\n", *TWO))
    assert codes(delivery) == [250, None]
    assert isinstance(delivery.error, HopBrokenError)


FAILURES = [DROP, SILENCE, "421 4.3.2 closing", "nonsense", "299-x\r\n250 y"]


@pytest.mark.parametrize("keywords", [KEYWORDS, PLAIN])
@pytest.mark.parametrize(
    ("step", "failure"),
    [("data", DROP), *((step, failure) for step in ("MAIL", "RCPT", "DATA", "end") for failure in FAILURES)],
)
async def test_failure_at_each_step_delivers_nothing(step: str, failure: str, keywords: tuple[str, ...]) -> None:
    """B7.06, design rule 1."""
    async with running(keywords=keywords, answers={step: failure}) as hop:
        timeouts = IMPATIENT if failure == SILENCE else PATIENT
        (delivery,) = await send(hop, outgoing(b"x\r\n" * 100_000, *TWO), timeouts=timeouts)
    assert codes(delivery) == [None, None]
    assert isinstance(delivery.error, HopTimeoutError if failure == SILENCE else HopBrokenError)
    assert delivery.message_begun == (step in ("data", "end"))


@pytest.mark.parametrize("step", ["greeting", "EHLO"])
@pytest.mark.parametrize(
    ("failure", "error"),
    [(DROP, HopBrokenError), (SILENCE, HopTimeoutError), ("554 no", HopBrokenError), ("421 busy", HopBrokenError)],
)
async def test_failure_before_the_first_transaction(step: str, failure: str, error: type[HopError]) -> None:
    answers = {step: failure, **({"HELO": failure} if step == "EHLO" else {})}
    async with running(answers=answers) as hop:
        with pytest.raises(error):
            await opened(hop.hop, IMPATIENT if failure == SILENCE else PATIENT)


async def test_helo_when_ehlo_is_refused() -> None:
    """B7.02."""
    async with running(answers={"EHLO": "500 5.5.1 what?"}) as hop:
        (delivery,) = await send(hop, outgoing())
    assert codes(delivery) == [250]
    assert hop.commands[:2] == ["EHLO localhost", "HELO localhost"]


async def test_nobody_listens(tmp_path: Path) -> None:
    async with running() as hop:
        gone = hop.hop
    for target in (gone, NextHop(protocol="lmtp", path=str(tmp_path / "none"))):
        with pytest.raises(HopUnreachableError) as caught:
            await opened(target)
        assert "\n" not in str(caught.value)


async def test_many_recipients_are_pipelined_without_deadlock() -> None:
    addresses = [f"user{number}@{'long' * 40}.example.test" for number in range(1100)]
    async with running() as hop:
        (delivery,) = await send(hop, outgoing(b"x\r\n", *addresses))
    assert codes(delivery) == [250] * 1100
    assert len(hop.taken[0].recipients) == 1100


@pytest.mark.parametrize("keywords", [KEYWORDS, PLAIN])
async def test_each_of_many_recipients_has_his_own_reply(keywords: tuple[str, ...]) -> None:
    """Also where replies have several lines, and where a batch of commands ends (B7.06)."""
    addresses = [f"user{number}@example.test" for number in range(250)]
    refused = {0: 550, 98: 450, 99: 551, 100: 552, 249: 554}
    answers = {
        f"RCPT TO:<{addresses[number]}>": f"{code}-no user\r\n{code} number {number}"
        for number, code in refused.items()
    }
    async with running(keywords=keywords, answers=answers) as hop:
        (delivery,) = await send(hop, outgoing(b"x\r\n", *addresses))
    assert codes(delivery) == [refused.get(number, 250) for number in range(250)]
    told = {number: reply.text for number, reply in enumerate(delivery.replies) if reply and not reply.ok}
    assert told == {number: f"no user number {number}" for number in refused}
    assert len(hop.taken[0].recipients) == 245


async def test_hop_that_leaves_between_recipients() -> None:
    """421 to one of many: nothing of the message is sent, and all are tried again (B7.06)."""
    addresses = [f"user{number}@example.test" for number in range(250)]
    answers = {f"RCPT TO:<{addresses[150]}>": "421 4.3.2 going down"}
    async with running(answers=answers) as hop:
        (delivery,) = await send(hop, outgoing(b"x\r\n", *addresses))
    assert codes(delivery) == [None] * 250
    assert str(delivery.error) == "421 4.3.2 going down during RCPT"
    assert not delivery.message_begun
    assert hop.taken == []


async def test_an_address_cannot_bring_a_command() -> None:
    """Nothing is sent at all for an address with a line break."""
    async with running() as hop:
        (delivery,) = await send(hop, outgoing(b"x\r\n", "a@b>\r\nRCPT TO:<evil@example.test"))
    assert delivery.error is not None
    assert codes(delivery) == [None]
    assert not any("evil" in command for command in hop.commands)


async def test_multi_line_reply_is_one_line() -> None:
    async with running(answers={"end": "250-2.0.0 Ok\r\n250-2.0.0 more\r\n250 2.0.0 queued as ABC"}) as hop:
        (delivery,) = await send(hop, outgoing())
    assert [str(reply) for reply in delivery.replies] == ["250 2.0.0 Ok more queued as ABC"]


def test_xtext_round_trip() -> None:
    """RFC 3461 4."""
    assert xtext("a+b=c d\r\né") == "a+2Bb+3Dc+20d+0D+0A+C3+A9"
    assert xtext_decoded(xtext("a+b=c d\r\né")) == "a+b=c d\r\né"


@pytest.mark.parametrize("step", ["EHLO", "MAIL", "RCPT", "DATA"])
async def test_reply_that_nobody_asked_for(step: str) -> None:
    """A 250 too many would be taken for the hop's word on the message: nothing is sent any more (design rule 1)."""
    answers = {"EHLO": "250 hop.example\r\n250 2.0.0 Ok", "DATA": "354 go ahead\r\n250 2.0.0 Ok: queued as NOT"}
    async with running(keywords=PLAIN, answers={step: answers.get(step, "250 2.1.0 Ok\r\n250 2.0.0 Ok")}) as hop:
        (delivery,) = await send(hop, outgoing())
    assert codes(delivery) == [None]
    assert isinstance(delivery.error, HopBrokenError)
    assert hop.taken == []


async def test_hop_that_talks_without_end() -> None:
    """No hop can fill our memory."""
    async with running(answers={"MAIL": "2" * 10_000_000}) as hop:
        (delivery,) = await send(hop, outgoing())
    assert isinstance(delivery.error, HopBrokenError)
    async with running(answers={"MAIL": "250-x\r\n" * 1000 + "250 x"}) as hop:
        (delivery,) = await send(hop, outgoing())
    assert str(delivery.error) == "reply without end during MAIL"


@pytest.mark.parametrize(("keywords", "told"), [(("AUTH PLAIN LOGIN",), " AUTH=a+2Bb@example.test"), ((), "")])
async def test_submitter_is_passed_on_when_auth_is_offered(keywords: tuple[str, ...], told: str) -> None:
    """Contract B7.02, RFC 4954 5."""
    async with running(keywords=keywords) as hop:
        await send(hop, outgoing(auth="a+2Bb@example.test"))
    assert hop.taken[0].mail == "MAIL FROM:<alice@sender.example>" + told
