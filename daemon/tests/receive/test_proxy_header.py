"""PROXY headers of load balancers (Contract B6.11)."""

import asyncio
import ipaddress
import logging
import socket
import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from receiving import MESSAGE, SEND, Recorder, serving

from mailcordon.config.settings import Settings
from mailcordon.errors import ProtocolError
from mailcordon.receive import time_limits
from mailcordon.receive.proxy_header import LENGTH_LIMIT, ProxyHeader, parse

MakeSettings = Callable[..., Settings]
SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def binary(client: str, *, command: int = 1, family: int | None = None, kind: int = 1, extra: bytes = b"") -> bytes:
    """A version 2 header."""
    address = ipaddress.ip_address(client)
    family = (1 if address.version == 4 else 2) if family is None else family
    body = address.packed * 2 + struct.pack(">HH", 4711, 10024) + extra
    return SIGNATURE + struct.pack(">BBH", 0x20 | command, family << 4 | kind, len(body)) + body


GOOD = [
    (b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 10024\r\n", "192.0.2.7"),
    (b"PROXY TCP6 2001:DB8::7 ::1 4711 10024\r\n", "2001:db8::7"),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", None),
    (binary("192.0.2.7"), "192.0.2.7"),
    (binary("2001:db8::7"), "2001:db8::7"),
    (binary("192.0.2.7", extra=b"\x04\x00\x00"), "192.0.2.7"),
    (binary("192.0.2.7", command=0), None),
    (binary("192.0.2.7", command=0, family=0, kind=0), None),
    (SIGNATURE + b"\x20\x00\x00\x00", None),
    (binary("192.0.2.7", family=3), None),
]


@pytest.mark.parametrize(("header", "address"), GOOD)
def test_good_headers_in_any_pieces(header: bytes, address: str | None) -> None:
    """Contract B6.11: nothing is said before the header is complete, and nothing of what follows belongs to it."""
    for end in range(len(header)):
        assert parse(header[:end]) is None
    assert parse(header) == parse(bytearray(header) + b"EHLO x\r\n") == ProxyHeader(len(header), address)


@pytest.mark.parametrize(
    "octets",
    [
        b"EHLO mx.example\r\n",
        b"PROXY\r\n",
        b"PROXY TCP4 192.0.2.7 127.0.0.1 4711\r\n",
        b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 10024 1\r\n",
        b"PROXY TCP4 192.0.2.7  127.0.0.1 4711 10024\r\n",
        b"PROXY TCP4 2001:db8::7 ::1 4711 10024\r\n",
        b"PROXY TCP6 192.0.2.7 127.0.0.1 4711 10024\r\n",
        b"PROXY TCP4 192.0.2.999 127.0.0.1 4711 10024\r\n",
        b"PROXY TCP4 192.0.2.7 nowhere 4711 10024\r\n",
        b"PROXY TCP4 192.0.2.7 127.0.0.1 65536 10024\r\n",
        b"PROXY TCP4 192.0.2.7 127.0.0.1 -1 10024\r\n",
        b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 10024\n" + b"x" * 100,
        b"PROXY UDP4 192.0.2.7 127.0.0.1 4711 10024\r\n",
        b"PROXY \xff\r\n",
        b"PROXY UNKNOWN " + b"x" * 100,
        SIGNATURE + b"\x11\x11\x00\x0c" + b"\0" * 12,
        SIGNATURE + b"\x22\x11\x00\x0c" + b"\0" * 12,
        SIGNATURE + b"\x21\x11\x00\x0b" + b"\0" * 11,
        SIGNATURE + b"\x21\x21\x00\x0c" + b"\0" * 12,
        SIGNATURE + struct.pack(">BBH", 0x21, 0x11, LENGTH_LIMIT + 1),
        binary("192.0.2.7", kind=2),
    ],
)
def test_bad_headers(octets: bytes) -> None:
    """Contract B6.11: whatever is not such a header to the letter is refused."""
    with pytest.raises(ProtocolError):
        parse(octets)


@given(st.sampled_from([b"PROXY ", SIGNATURE, b""]), st.binary(max_size=300))
def test_any_octets(start: bytes, octets: bytes) -> None:
    """Hostile headers raise ProtocolError only, and none takes more than there is."""
    try:
        header = parse(start + octets)
    except ProtocolError:
        return
    assert header is None or header.length <= len(start + octets)


@pytest.mark.parametrize("pieces", [1, 7])
@pytest.mark.parametrize(("header", "address"), GOOD)
async def test_mail_through_a_balancer(
    make_settings: MakeSettings, header: bytes, address: str | None, pieces: int
) -> None:
    """Contract B6.11: the greeting comes after the header, and the client's address is that of the header."""
    handler = Recorder()
    settings = make_settings(haproxy_target_enabled=True)
    async with serving(settings, handler) as running, running.client(greeted=False) as client:
        for start in range(0, len(header), pieces):
            client.write(header[start : start + pieces])
            await client.writer.drain()
            await asyncio.sleep(0)
        assert (await client.reply()).startswith("220 [127.0.0.1]")
        assert (await client.send()).startswith("250")
    assert handler.mails[0].session.peer_addr == (address or "127.0.0.1")


async def test_header_with_mail_behind_it(make_settings: MakeSettings) -> None:
    """Contract B6.11: a client that pipelines behind the header is served."""
    handler = Recorder()
    async with (
        serving(make_settings(haproxy_target_enabled=True), handler) as running,
        running.client(greeted=False) as client,
    ):
        client.write(GOOD[0][0] + SEND + MESSAGE + b".\r\n")
        assert [reply[:3] for reply in await client.replies(5)] == ["220", "250", "250", "354", "250"]


async def test_only_where_it_is_enabled(make_settings: MakeSettings) -> None:
    """Contract B6.11, B4.07: by the bank of a port. Elsewhere such a header is an unknown command."""
    handler = Recorder()
    with socket.create_server(("127.0.0.1", 0)) as balanced:
        port = balanced.getsockname()[1]
        settings = make_settings(
            interface_policy={str(port): "BALANCED"}, policy_bank={"BALANCED": {"haproxy_target_enabled": True}}
        )
        async with serving(settings, handler) as running, running.client() as client:
            assert (await client.ask("PROXY TCP4 192.0.2.7 127.0.0.1 4711 10024")).startswith("500 5.5.2")
            assert (await client.send()).startswith("250")
    assert handler.mails[0].session.peer_addr == "127.0.0.1"


@pytest.mark.parametrize("said", [b"EHLO mx.example\r\n", SIGNATURE + b"\xff" * 200])
async def test_client_without_a_header_is_dropped(
    make_settings: MakeSettings, caplog: pytest.LogCaptureFixture, said: bytes
) -> None:
    """Contract B6.11: without a word, but in our log; an address could be made up otherwise."""
    caplog.set_level(logging.INFO)
    async with (
        serving(make_settings(haproxy_target_enabled=True), Recorder()) as running,
        running.client(greeted=False) as client,
    ):
        client.write(said)
        assert await client.closed()
    assert "connection from 127.0.0.1 dropped" in caplog.text


@pytest.mark.parametrize("said", [b"", b"PROXY TCP4 192"])
async def test_silent_balancer(make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    """A connection that never shows its header does not stay."""
    monkeypatch.setattr(time_limits, "PROXY_HEADER_PATIENCE", 0.2)
    async with (
        serving(make_settings(haproxy_target_enabled=True), Recorder()) as running,
        running.client(greeted=False) as client,
    ):
        client.write(said)
        assert (await client.reply()).startswith("421 4.4.2")
        assert await client.closed()


async def test_balancer_must_be_allowed(make_settings: MakeSettings) -> None:
    """Contract B6.11: inet_acl asks for the address of the balancer; what it says later opens no door."""
    settings = make_settings(haproxy_target_enabled=True, inet_acl=["192.0.2.7"])
    async with serving(settings, Recorder()) as running, running.client(greeted=False) as client:
        client.write(GOOD[0][0])
        assert await client.closed()
