"""Kept sessions to the next hop (B7.04, features 13a)."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from acting import IMPATIENT, PATIENT, cache, outgoing, soon, until

from mailcordon.act import connection_cache
from mailcordon.act.connection_cache import ConnectionCache
from mailcordon.act.counters import Purpose
from mailcordon.act.courier import Courier
from mailcordon.mail.message import Mail
from next_hop import DROP, SILENCE, Hop, running

MakeMail = Callable[..., Mail]


@pytest.fixture
async def hop() -> AsyncIterator[Hop]:
    async with running() as made:
        yield made


async def deliver(kept: ConnectionCache, hop: Hop, mail: Mail) -> str:
    (handover,) = await Courier(kept).send(mail, outgoing(), hop.route, soon(), purpose=Purpose.RELAY)
    return str(handover.reply)


def counted(kept: ConnectionCache) -> dict[str, int]:
    return {
        name.removeprefix("OutConn"): count
        for name, count in kept.counters.by_name().items()
        if count and name.startswith("OutConn")
    }


async def test_second_message_uses_the_same_connection(hop: Hop, make_mail: MakeMail) -> None:
    """Features 13.01, 13.07: what is saved is a connection, its greeting and EHLO."""
    async with cache() as kept:
        for _ in range(3):
            assert (await deliver(kept, hop, make_mail(b"x"))).startswith("250 2.6.0 Ok, id=04711-01, from MTA(smtp:[")
    assert hop.connections == 1
    assert hop.commands.count("EHLO localhost") == 1
    assert "RSET" not in hop.commands
    assert hop.commands[-1] == "QUIT"
    assert counted(kept) == {"New": 1, "ReuseRecent": 2, "Transact": 3, "Quit": 1}


async def test_each_worker_keeps_sessions_of_its_own(hop: Hop, make_mail: MakeMail) -> None:
    """Features 13.05: a worker has one cache; two of them hold two sessions to the same hop at the same time."""
    async with cache() as one, cache() as other:
        for kept in (one, other, one, other):
            await deliver(kept, hop, make_mail(b"x"))
        assert "QUIT" not in hop.commands
        assert hop.connections == 2
        for kept in (one, other):
            assert counted(kept) == {"New": 1, "ReuseRecent": 1, "Transact": 2}


async def test_disabled_cache_says_quit_after_each_message(hop: Hop, make_mail: MakeMail) -> None:
    """Features 13.02, 13.06."""
    async with cache(enabled=False) as kept:
        await deliver(kept, hop, make_mail(b"x"))
        await deliver(kept, hop, make_mail(b"x"))
    assert hop.connections == 2
    assert hop.commands.count("QUIT") == 2
    assert counted(kept) == {"New": 2, "Transact": 2, "Quit": 2}


async def test_session_that_rested_is_probed(hop: Hop, make_mail: MakeMail, monkeypatch: pytest.MonkeyPatch) -> None:
    """B7.04: beyond 18 s NOOP first; the limit is lowered instead of waiting."""
    monkeypatch.setattr(connection_cache, "REUSE_AT_ONCE", 0.05)
    async with cache() as kept:
        await deliver(kept, hop, make_mail(b"x"))
        await asyncio.sleep(0.1)
        await deliver(kept, hop, make_mail(b"x"))
    assert hop.commands.count("NOOP") == 1
    assert hop.connections == 1
    assert counted(kept) == {"New": 1, "ReuseRefreshed": 1, "Transact": 2, "Quit": 1}


@pytest.mark.parametrize("answer", ["421 4.3.2 going", "500 5.5.1 no", SILENCE])
async def test_failed_probe_gives_a_new_connection(
    hop: Hop, make_mail: MakeMail, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    """B7.04, features 13.09."""
    monkeypatch.setattr(connection_cache, "REUSE_AT_ONCE", 0.05)
    async with cache(timeouts=IMPATIENT if answer == SILENCE else PATIENT) as kept:
        await deliver(kept, hop, make_mail(b"x"))
        hop.answers["NOOP"] = answer
        await asyncio.sleep(0.1)
        assert (await deliver(kept, hop, make_mail(b"x"))).startswith("250")
    assert len(hop.taken) == 2
    assert counted(kept) == {"New": 2, "ReuseFail": 1, "Transact": 2, "Quit": 1}


async def test_restart_of_the_next_hop_costs_no_mail(hop: Hop, make_mail: MakeMail) -> None:
    """Features 13.09: ReuseFail +1, no bounce."""
    async with cache() as kept:
        await deliver(kept, hop, make_mail(b"x"))
        await hop.stop()
        await hop.start()
        assert (await deliver(kept, hop, make_mail(b"x"))).startswith("250")
    assert len(hop.taken) == 2
    assert counted(kept) == {"New": 2, "ReuseFail": 1, "Transact": 2, "Quit": 1}


async def test_session_that_dies_on_reuse_costs_no_mail(hop: Hop, make_mail: MakeMail) -> None:
    """The hop closes just when MAIL is sent: the same message goes over a new connection."""
    async with cache() as kept:
        await deliver(kept, hop, make_mail(b"x"))
        hop.once["MAIL"] = "421 4.4.2 idle for too long"
        assert (await deliver(kept, hop, make_mail(b"x"))).startswith("250")
    assert len(hop.taken) == 2
    assert counted(kept) == {"New": 2, "ReuseRecent": 1, "ReuseFail": 1, "Transact": 3, "Quit": 1}


async def test_lost_after_data_is_not_sent_twice(hop: Hop, make_mail: MakeMail) -> None:
    """Once the message is on its way the hop may have it: no second try on our own, the client decides."""
    async with cache() as kept:
        await deliver(kept, hop, make_mail(b"x"))
        hop.answers["end"] = "drop"
        assert (await deliver(kept, hop, make_mail(b"x"))).startswith("451 4.5.0 From MTA(smtp:[127.0.0.1]:")
    assert hop.connections == 1


async def test_idle_session_is_closed(hop: Hop, make_mail: MakeMail, monkeypatch: pytest.MonkeyPatch) -> None:
    """B7.04: idle for 30 s; the limit is lowered instead of waiting."""
    monkeypatch.setattr(connection_cache, "MAX_IDLE", 0.05)
    async with cache() as kept:
        await deliver(kept, hop, make_mail(b"x"))
        await until(lambda: hop.commands[-1] == "QUIT")
        assert counted(kept) == {"New": 1, "Transact": 1, "Quit": 1}


async def test_old_session_is_not_kept(hop: Hop, make_mail: MakeMail, monkeypatch: pytest.MonkeyPatch) -> None:
    """B7.04: 60 s of age."""
    monkeypatch.setattr(connection_cache, "MAX_AGE", 0.0)
    async with cache() as kept:
        await deliver(kept, hop, make_mail(b"x"))
        await deliver(kept, hop, make_mail(b"x"))
    assert counted(kept) == {"New": 2, "Transact": 2, "Quit": 2}


async def test_messages_at_the_same_time_have_their_own_sessions(hop: Hop, make_mail: MakeMail) -> None:
    async with cache() as kept:
        await asyncio.gather(*(deliver(kept, hop, make_mail(b"x")) for _ in range(5)))
        await asyncio.gather(*(deliver(kept, hop, make_mail(b"x")) for _ in range(5)))
    assert hop.connections == 5
    assert counted(kept) == {"New": 5, "ReuseRecent": 5, "Transact": 10, "Quit": 5}


async def test_cancelled_transaction_leaves_no_session_behind(hop: Hop, make_mail: MakeMail) -> None:
    """Design rule 1: a message past its time is cut off, and its session is not given to the next one."""
    hop.answers["end"] = SILENCE
    async with cache() as kept:
        sending = asyncio.create_task(deliver(kept, hop, make_mail(b"x")))
        await until(lambda: "DATA" in hop.commands)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        hop.answers.clear()
        await deliver(kept, hop, make_mail(b"x"))
    assert hop.connections == 2


@pytest.mark.parametrize(
    ("greeting", "connections", "reply"),
    [
        (DROP, 2, "250 2.6.0 Ok"),
        ("421 4.3.2 going", 1, "451 4.5.0 From MTA("),
        ("554 5.7.1 not you", 1, "451 4.5.0 From MTA("),
    ],
)
async def test_hop_that_hangs_up_before_its_greeting(
    hop: Hop, make_mail: MakeMail, greeting: str, connections: int, reply: str
) -> None:
    """B7.06, features 13.09: once more, as in a restart; one that has said no is not asked again."""
    hop.once["greeting"] = greeting
    async with cache() as kept:
        assert (await deliver(kept, hop, make_mail(b"x"))).startswith(reply)
    assert hop.connections == connections
    assert len(hop.taken) == (1 if greeting == DROP else 0)


async def test_hop_that_never_greets(hop: Hop, make_mail: MakeMail) -> None:
    """B7.06: two tries, then the mail waits."""
    hop.answers["greeting"] = DROP
    async with cache() as kept:
        assert "during greeting" in await deliver(kept, hop, make_mail(b"x"))
    assert hop.connections == 2
