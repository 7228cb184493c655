"""More mail than a worker has room for: it waits with the client, or is asked to come back. Nothing piles up."""

import asyncio
import os
from collections.abc import Callable

import pytest
from receiving import MESSAGE, SEND, Recorder, held_back, serving, until

from mailcordon.config.settings import Settings
from mailcordon.receive import time_limits

MakeSettings = Callable[..., Settings]
START = "MAIL FROM:<a@b.example> SIZE={}\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"


async def test_octets_announced_are_bounded(make_settings: MakeSettings, gate: asyncio.Event) -> None:
    """B6.02 (SIZE): a message that finds no room waits for its 354; a small one behind it does not overtake it."""
    handler = held_back(gate)
    settings = make_settings(max_bytes_per_worker=1000)
    async with serving(settings, handler) as running, running.client() as first, running.client() as second:
        first.write(START.format(600).encode() + b"x" * 600 + b"\r\n.\r\n")
        await until(lambda: len(handler.mails) == 1)
        second.write(START.format(600).encode())
        await second.replies(2)
        async with running.client() as third:
            third.write(SEND)
            await third.replies(2)
            await asyncio.sleep(0.2)
            assert running.server.messages_in_flight == 1
            gate.set()
            for client in (second, third):
                assert (await client.reply()).startswith("354")
                client.write(MESSAGE + b".\r\n")
                assert (await client.reply()).startswith("250 2.6.0")
    assert running.server._intake.slots.octets_in_use == 0


@pytest.mark.parametrize("memory_limit", [1 << 20, 1000], ids=["memory", "file"])
async def test_octets_not_announced_are_bounded(
    make_settings: MakeSettings, gate: asyncio.Event, memory_limit: int
) -> None:
    """A message that grows beyond the room of all is not kept: 452 at its end; alone it goes through."""
    handler = held_back(gate)
    settings = make_settings(max_bytes_per_worker=100_000, spool_memory_limit=memory_limit)
    async with serving(settings, handler) as running, running.client() as first, running.client() as second:
        first.write(SEND + b"x" * 60_000 + b"\r\n.\r\n")
        await until(lambda: len(handler.mails) == 1)
        refused = await second.send(b"y" * 300_000 + b"\r\n")
        assert refused == (
            "452 4.3.1 Insufficient system storage, id=04711-02, spool FAILED: "
            "too many octets at a time, see max_bytes_per_worker"
        )
        gate.set()
        assert (await first.replies(4))[-1].startswith("250 2.6.0")
        assert (await second.send(b"y" * 300_000 + b"\r\n")).startswith("250 2.6.0")
    assert [len(octets) for octets in handler.octets] == [60_002, 300_002]
    assert running.server._intake.slots.octets_in_use == 0
    assert not list(settings.TEMPBASE.iterdir())


async def test_who_waits_too_long_for_a_place_is_asked_to_come_back(
    make_settings: MakeSettings, gate: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 5321 4.5.3.2.4: an answer to DATA before the client gives up; the connection and the next mail are fine."""
    monkeypatch.setattr(time_limits, "PLACE_PATIENCE", 0.3)
    handler = held_back(gate)
    settings = make_settings(max_messages_per_worker=1)
    async with serving(settings, handler) as running, running.client() as first, running.client() as second:
        first.write(SEND + MESSAGE + b".\r\n")
        await until(lambda: len(handler.mails) == 1)
        second.write(SEND)
        assert (await second.replies(3))[-1] == ("452 4.3.1 Error: too many messages at a time, try again later")
        gate.set()
        assert (await first.replies(4))[-1].startswith("250 2.6.0")
        assert (await second.send()).startswith("250 2.6.0")


async def test_memory_for_scanners_runs_out(make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Design rule 1: no room for the anonymous file that scanners get is a 452, and the next message goes through."""

    def no_memory(_name: str, _flags: int) -> int:
        raise OSError(12, os.strerror(12))

    async def take_descriptor(mail: object) -> object:
        mail.content.fileno()  # type: ignore[attr-defined]
        return await Recorder()(mail)  # type: ignore[arg-type]

    handler = Recorder(take_descriptor)  # type: ignore[arg-type]
    async with serving(make_settings(), handler) as running, running.client() as client:
        with monkeypatch.context() as broken:
            broken.setattr(os, "memfd_create", no_memory)
            assert (await client.send()).startswith("452 4.3.1 Insufficient system storage, id=04711-01, ")
        assert (await client.send()).startswith("250 2.6.0")
