"""The client's address by Received fields (Contract B6.13)."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from receiving import Recorder, serving

from mailcordon.config.settings import Settings
from mailcordon.mail.header import HeaderSection
from mailcordon.receive.claimed_address import claimed_address

MakeSettings = Callable[..., Settings]
BY_POSTFIX = (
    "Received: from mx.sender.example (unknown [192.0.2.7])\r\n\tby gate.example.test (Postfix) with ESMTP id 4X\r\n"
)
BY_PICKUP = "Received: by gate.example.test (Postfix, from userid 1000)\r\n\tid 4X; Sun, 22 Nov 2026 12:00:00 +0000\r\n"


def claimed(*fields: str) -> str | None:
    return claimed_address(HeaderSection.of("".join(fields).encode("utf-8", "surrogateescape") + b"\r\nx\r\n"))


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        ([BY_POSTFIX], "192.0.2.7"),
        (["Subject: x\r\n", BY_POSTFIX], "192.0.2.7"),
        ([BY_PICKUP, BY_POSTFIX], "192.0.2.7"),
        (["Received: from x (x [IPv6:2001:DB8::7])\r\n by y; z\r\n"], "2001:db8::7"),
        (["Received: from [198.51.100.3] by y\r\n"], "198.51.100.3"),
        (["Received: from [999.0.2.7] (x [198.51.100.4]) by y\r\n"], "198.51.100.4"),
        (["RECEIVED: FROM by.example ([192.0.2.9]) BY y\r\n"], "192.0.2.9"),
    ],
)
def test_topmost_address_of_a_client(fields: list[str], address: str) -> None:
    """Contract B6.13."""
    assert claimed(*fields) == address


@pytest.mark.parametrize(
    "fields",
    [
        [],
        ["Subject: from [192.0.2.7]\r\n"],
        [BY_PICKUP, BY_PICKUP, BY_POSTFIX],
        ["Received: from x by y ([192.0.2.7])\r\n"],
        ["Received: from x (x [192.0.2.7.8]) by y\r\n"],
        ["Received: from 192.0.2.7 by y\r\n"],
        ["Received: from " + "x" * 2000 + " [192.0.2.7] by y\r\n"],
    ],
)
def test_nothing_is_made_up(fields: list[str]) -> None:
    """Contract B6.13: two fields are looked at, and in them what stands before `by`."""
    assert claimed(*fields) is None


@given(st.text(max_size=300))
def test_any_field(text: str) -> None:
    """Hostile header sections raise nothing."""
    claimed(f"Received: from {text}\r\n")


async def test_it_decides_nothing(make_settings: MakeSettings) -> None:
    """Contract B6.13, B4.03: an address in mynetworks that only a Received field names makes no mail our own; that of
    XFORWARD does, and has precedence."""
    settings = make_settings(mynetworks=["192.0.2.0/24"], policy_bank={"MYNETS": {}})
    handler = Recorder()
    message = (BY_POSTFIX + "Subject: x\r\n\r\nx\r\n").encode()
    async with serving(settings, handler) as running, running.client() as client:
        await client.ask("EHLO mx.example")
        assert (await client.send(message)).startswith("250")
        await client.ask("XFORWARD ADDR=192.0.2.8")
        assert (await client.send(message)).startswith("250")
    guessed, told = (mail.session for mail in handler.mails)
    assert (guessed.client.addr, guessed.client.claimed_addr) == (None, "192.0.2.7")
    assert (guessed.originating, guessed.policy_banks) == (False, ())
    assert (told.client.addr, told.client.claimed_addr) == ("192.0.2.8", None)
    assert (told.originating, told.policy_banks) == (True, ("MYNETS",))
