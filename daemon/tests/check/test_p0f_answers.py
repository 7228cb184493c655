"""Answers about clients: those that p0f and its analyzer may give, and all others (B16.10, features 18.16)."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcordon.check.os_fingerprint import Fingerprints
from mailcordon.check.p0f_analyzer import ask_analyzer, parse_answer
from mailcordon.check.p0f_socket import ANSWER
from mailcordon.check.p0f_socket import parse_answer as parse_socket_answer
from mailcordon.config.settings import Settings
from mailcordon.errors import ProtocolError
from mailcordon.mail.envelope import Client, Session
from mailcordon.mail.message import Mail
from mailcordon.mail.os_fingerprint import LONGEST, one_line
from samples import plain

MakeSettings = Callable[..., Settings]
MakeMail = Callable[..., Mail]
Answers = Callable[[bytes], Iterable[bytes]]
NONCE = "0123456789abcdef"
QUERY = "[192.0.2.7]:4711"
SESSION = Session(client=Client(addr="192.0.2.7", port=4711))


async def asked(settings: Settings, mail: Mail) -> str | None:
    """The answer of whom the settings name."""
    task = Fingerprints(timeout_seconds=30).ask(mail, settings)
    assert task is not None
    return await task


class Answerer(asyncio.DatagramProtocol):
    """Takes queries and gives the answers that a test makes of them."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for answer in self._answers(data):
            self._transport.sendto(answer, addr)


@asynccontextmanager
async def answering(answers: Answers) -> AsyncIterator[int]:
    """The UDP port of such a server."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: Answerer(answers), local_addr=("127.0.0.1", 0))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        (lambda query: [query + b" Linux 3.x\r\n"], "Linux 3.x"),
        (lambda query: [query[:-1] + b" late\r\n", b"[192.0.2.8]:4711 " + query, query + b" Linux\r\n"], "Linux"),
        (lambda query: [query + b" cut", query + b"\r\n", b"", query + b" whole\r\n"], "whole"),
        (lambda query: [query + b" a\r\nX-Injected: b\r\n"], "a??X-Injected: b"),
        (lambda query: [query + b" \x00\x1b[2J\xe4\xff\r\n"], "??[2J??"),
        (lambda query: [query + b" " + b"x" * 1900 + b"\r\n"], "x" * LONGEST),
        (lambda query: [query + b" " + b"y" * 5000 + b"\r\n", query + b" short\r\n"], "short"),
        (lambda query: [b"x"] * 100 + [query + b" too late\r\n"], None),
        (lambda query: [query + b"   \r\n"], None),
    ],
    ids=["good", "foreign", "truncated", "injection", "not ASCII", "long", "longer", "flood", "blank"],
)
async def test_hostile_answers(
    answers: Answers, found: str | None, make_mail: MakeMail, make_settings: MakeSettings
) -> None:
    """Contract B16.10: only an answer with query and nonce counts, and what it says is one line of printable text."""
    async with answering(answers) as port:
        settings = make_settings(os_fingerprint_method=f"p0f:127.0.0.1:{port}")
        assert await asked(settings, make_mail(plain(), session=SESSION)) == found


async def test_query_fits_what_the_analyzer_reads() -> None:
    """Contract B16.10: `[<ip>]:<port> <nonce>` in 64 octets, however long address and port are; another nonce each."""
    queries: list[bytes] = []

    def answers(query: bytes) -> list[bytes]:
        queries.append(query)
        return [query + b" Linux\r\n"]

    longest = "2001:db81:1111:2222:3333:4444:5555:6666"
    async with answering(answers) as port:
        assert [await ask_analyzer("127.0.0.1", port, longest, 65535) for _ in range(2)] == ["Linux"] * 2
    first, second = queries
    assert first.startswith(f"[{longest}]:65535 ".encode())
    assert len(first) <= 64
    assert first != second


@pytest.mark.parametrize("spoken", [b"", b"\x02F0P", bytes(ANSWER.size), b"220 mail.example ESMTP\r\n" * 20])
async def test_other_servers_at_the_socket(
    spoken: bytes, tmp_path: Path, make_mail: MakeMail, make_settings: MakeSettings, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing, half an answer, one that says that the query was bad, and something else."""

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(spoken)
        writer.close()

    server = await asyncio.start_unix_server(serve, tmp_path / "socket")
    async with server:
        settings = make_settings(os_fingerprint_method=f"p0f:{tmp_path}/socket")
        assert await asked(settings, make_mail(plain(), session=SESSION)) is None
    assert "FAILED - " in caplog.text


def answer(**values: object) -> bytes:
    """An answer of p0f version 3."""
    known = {
        "magic": 0x50304602,
        "status": 0x10,
        "distance": 9,
        "quality": 0,
        "name": b"Windows",
        "version": b"7 or 8",
        "link": b"DSL",
        **values,
    }
    return ANSWER.pack(
        *(known["magic"], known["status"], 1, 2, 3, 4, 5, 6, 7, known["distance"], 0, known["quality"]),
        *(known["name"], known["version"], b"", b"", known["link"], b""),
    )


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({}, "Windows 7 or 8; dist: 9; link: DSL; params: none"),
        ({"quality": 1}, "Windows 7 or 8; dist: 9; link: DSL; params: fuzzy"),
        ({"quality": 2}, "Windows 7 or 8; dist: 9; link: DSL; params: generic"),
        ({"quality": 3, "version": b""}, "Windows; dist: 9; link: DSL; params: generic fuzzy"),
        ({"distance": -1, "link": b"", "quality": 99}, "Windows 7 or 8"),
        ({"name": b"", "version": b""}, "???; dist: 9; link: DSL"),
        ({"name": b"\0left over", "version": b"x" * 32}, "???; dist: 9; link: DSL"),
        ({"name": b"n" * 32, "version": b"v" * 32, "link": b""}, f"{'n' * 32} {'v' * 32}; dist: 9; params: none"),
        ({"status": 0x20}, ""),
    ],
)
def test_texts_of_the_socket(values: dict[str, object], text: str) -> None:
    """Features 15.08, 18.16."""
    assert parse_socket_answer(answer(**values)) == text


@pytest.mark.parametrize(
    "octets", [answer(magic=0x50304601), answer(status=0), answer(status=0x30), answer()[:-1], b""]
)
def test_no_answers_of_the_socket(octets: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_socket_answer(octets)


@given(st.binary(max_size=300))
def test_any_datagram(octets: bytes) -> None:
    """Whatever comes is no answer unless it begins with the query; with it, its text is one printable line."""
    if not octets.startswith(f"{QUERY} {NONCE} ".encode()):
        assert parse_answer(octets, QUERY, NONCE) is None
    text = parse_answer(f"{QUERY} {NONCE} ".encode() + octets + b"\r\n", QUERY, NONCE)
    assert text is not None
    shown = one_line(text)
    assert len(shown) <= LONGEST
    assert shown == shown.strip()
    assert all(" " <= character <= "~" for character in shown)


@given(st.binary(min_size=ANSWER.size - 8, max_size=ANSWER.size - 8))
def test_any_host(octets: bytes) -> None:
    """Whatever stands in an answer's fields, its text has one line and begins with a system."""
    shown = one_line(parse_socket_answer(struct.pack("=II", 0x50304602, 0x10) + octets))
    assert len(shown) <= LONGEST
    assert all(" " <= character <= "~" for character in shown)
