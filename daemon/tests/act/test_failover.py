"""Several next hops: the next one serves when the one before cannot (B7.01)."""

import logging
from collections.abc import Callable, Sequence

import pytest
from acting import IMPATIENT, PATIENT, cache, outgoing, soon

from mailcordon.act.counters import Purpose
from mailcordon.act.courier import Courier, Handover, Route
from mailcordon.act.timeouts import Timeouts
from mailcordon.config.next_hop import DeliveryMethod, NextHop
from mailcordon.mail.envelope import Session
from mailcordon.mail.message import Mail
from next_hop import DROP, SILENCE, Hop, running

MakeMail = Callable[..., Mail]


async def send(mail: Mail, *hops: Hop | NextHop, timeouts: Timeouts = PATIENT) -> Sequence[Handover]:
    route = Route(DeliveryMethod(tuple(hop.hop if isinstance(hop, Hop) else hop for hop in hops)))
    mails = outgoing(b"x\r\n", "a@example.test", "b@example.test")
    async with cache(timeouts=timeouts) as kept:
        return await Courier(kept).send(mail, mails, route, soon(), purpose=Purpose.RELAY)


async def test_the_first_one_serves(make_mail: MakeMail) -> None:
    async with running() as first, running() as second:
        handovers = await send(make_mail(b"x"), first, second)
    assert (len(first.taken), second.connections) == (1, 0)
    assert handovers[0].hop == first.hop


@pytest.mark.parametrize(
    ("step", "answer"),
    [
        ("greeting", "421 4.3.2 busy"),
        ("greeting", "450 4.3.2 busy"),
        ("greeting", "554 5.3.2 no"),
        ("greeting", DROP),
        ("greeting", SILENCE),
        ("EHLO", "421 4.3.2 busy"),
        ("MAIL", "421 4.3.2 busy"),
        ("MAIL", DROP),
        ("DATA", DROP),
    ],
)
async def test_the_second_one_serves(
    make_mail: MakeMail, caplog: pytest.LogCaptureFixture, step: str, answer: str
) -> None:
    """Contract B7.01: what failed before the message was sent is tried elsewhere, and the log says so."""
    caplog.set_level(logging.WARNING, "mailcordon")
    async with running(answers={step: answer}) as first, running() as second:
        handovers = await send(make_mail(b"x"), first, second, timeouts=IMPATIENT if answer == SILENCE else PATIENT)
    assert len(second.taken) == 1
    assert [str(item.reply) for item in handovers] == [
        f"250 2.6.0 Ok, id=04711-01, from MTA(smtp:[127.0.0.1]:{second.port}): 250 2.0.0 Ok: queued as Q10"
    ] * 2
    assert f"MTA(smtp:[127.0.0.1]:{first.port})" in caplog.text
    assert "trying the next one" in caplog.text


async def test_nobody_listens_at_the_first_one(make_mail: MakeMail) -> None:
    async with running() as first:
        pass
    async with running() as second:
        handovers = await send(make_mail(b"x"), first, second)
    assert handovers[0].reply.ok
    assert len(second.taken) == 1


@pytest.mark.parametrize("answers", [{"MAIL": "550 5.7.1 no"}, {"RCPT": "450 4.2.0 greylisted"}, {"end": "451 later"}])
async def test_what_a_hop_decides_is_not_asked_elsewhere(make_mail: MakeMail, answers: dict[str, str]) -> None:
    async with running(answers=answers) as first, running() as second:
        handovers = await send(make_mail(b"x"), first, second)
    assert second.connections == 0
    (answer,) = answers.values()
    assert {item.reply.code for item in handovers} == {int(answer[:3])}


@pytest.mark.parametrize("step", ["data", "end"])
async def test_once_the_message_is_on_its_way_there_is_no_other(make_mail: MakeMail, step: str) -> None:
    """Design rule 1: the first hop might have it; the client decides."""
    async with running(answers={step: DROP}) as first, running() as second:
        handovers = await send(make_mail(b"x"), first, second)
    assert second.connections == 0
    assert {item.reply.code for item in handovers} == {451}


async def test_all_fail(make_mail: MakeMail) -> None:
    """The reply tells of the last one, and is temporary although the first one said 5xx."""
    async with running() as gone:
        pass
    async with running(answers={"greeting": "554 5.3.2 no"}) as first:
        handovers = await send(make_mail(b"x"), first, gone)
    assert {str(item.reply) for item in handovers} == {
        f"450 4.4.1 Connection refused, MTA(smtp:[127.0.0.1]:{gone.port}), id=04711-01"
    }


async def test_the_client_itself(make_mail: MakeMail) -> None:
    """Contract B7.01: `*` is the address of the client and the port after the one that it came to."""
    anyone = NextHop("smtp", "*")
    async with running() as hop:
        session = Session(peer_addr="127.0.0.1", local_port=hop.port - 1)
        handovers = await send(make_mail(b"x", session=session), anyone)
    assert len(hop.taken) == 1
    assert f"from MTA(smtp:[127.0.0.1]:{hop.port}): " in handovers[0].reply.text
    (refused, _) = await send(make_mail(b"x"), anyone)
    assert str(refused.reply) == (
        "450 4.4.1 * stands for nothing, the client came by a unix socket, MTA(smtp:*:*), id=04711-01"
    )
