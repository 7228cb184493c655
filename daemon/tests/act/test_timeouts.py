"""How long each step of a conversation with the next hop may take (contract B7.03)."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from mailcordon.act.timeouts import Deadline, Timeouts
from mailcordon.mail.message import Mail

MakeMail = Callable[..., Mail]


def test_seconds_of_each_step() -> None:
    """Contract B7.03."""
    assert Timeouts() == Timeouts(
        connect=35,
        greeting=300,
        hello=300,
        starttls=300,
        command=300,
        data=120,
        block=180,
        final=600,
        noop=15,
        reset=20,
        quit=5,
        least=60,
    )


async def test_what_remains_of_the_message_s_time(make_mail: MakeMail) -> None:
    """Contract B7.03, B18.07: no step beyond the deadline, which counts from the reception; but at least 60 s each."""
    mail = make_mail(b"x")

    def seconds(spent: int, wanted: float) -> float:
        received = replace(mail, received_at=mail.received_at - timedelta(seconds=spent))
        return round(Deadline.of(received, 480, Timeouts()).within(wanted), -1)

    assert (seconds(0, 300), seconds(0, 600)) == (300, 480)
    assert (seconds(280, 300), seconds(280, 120)) == (200, 120)
    assert (seconds(450, 300), seconds(9999, 300)) == (60, 60)
    deadline = Deadline(asyncio.get_running_loop().time() - 1, 60)
    assert (deadline.within(15), deadline.within(300)) == (15, 60)
