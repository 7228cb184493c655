"""Client for the unix socket of p0f version 3 (features 15.08, 18.16).

A query is 21 octets: the number 0x50304601, the kind of address - 4 or 6 -, and 16 octets that begin with the address.
The answer is 232 octets: the number 0x50304602, a status, and what is known of the host. Numbers are in the byte order
of the machine. p0f serves twenty connections at a time, unless its option -S says otherwise, and lets others wait.
"""

import asyncio
import struct
from ipaddress import IPv4Address, IPv6Address

from mailcordon.check.connection import Connection
from mailcordon.config.types import SocketAddress
from mailcordon.errors import ProtocolError
from mailcordon.mail.os_fingerprint import UNKNOWN

QUERY = struct.Struct("=IB16s")
ANSWER = struct.Struct("=II7IhBB32s32s32s32s32s32s")
"""Status after the first number. Then times when the host was first and last seen, its connections, how long it is up,
when that wraps around, when it last looked like several hosts, when its system last changed; its distance; whether it
lies about its software; quality of the match; names of system, its version, a browser, its version, link and language.
"""
QUERY_MAGIC = 0x50304601
ANSWER_MAGIC = 0x50304602
BAD_QUERY, OK, NO_MATCH = 0x00, 0x10, 0x20

_QUALITIES = {0: "none", 1: "fuzzy", 2: "generic", 3: "generic fuzzy"}
"""How sure p0f is of the system, in the words of its own log."""


class P0fSocket:
    """One p0f; a worker asks it one question at a time, so that all workers together fit into its connections."""

    def __init__(self, path: str) -> None:
        self._address = SocketAddress(path=path)
        self._turn = asyncio.Lock()

    async def ask(self, address: IPv4Address | IPv6Address) -> str:
        """What p0f knows of the host; empty if nothing. Waits until it is cancelled. Raises OSError, ProtocolError."""
        async with self._turn:
            connection = await Connection.open(self._address)
            try:
                await connection.send(QUERY.pack(QUERY_MAGIC, address.version, address.packed))
                answer = await connection.receive_exactly(ANSWER.size)
            finally:
                connection.close()
        return parse_answer(answer)


def parse_answer(octets: bytes) -> str:
    """What an answer says, in the form of p0f-analyzer's texts. Raises ProtocolError."""
    if len(octets) != ANSWER.size:
        raise ProtocolError(f"answer of {len(octets)} octets")
    magic, status, *numbers = ANSWER.unpack(octets)
    if magic != ANSWER_MAGIC or status not in (OK, NO_MATCH):
        raise ProtocolError(f"not the answer of p0f version 3: {octets[:8].hex()}")
    if status == NO_MATCH:
        return ""
    distance, _, quality, name, version, _, _, link, _ = numbers[7:]
    system = f"{_text(name)} {_text(version)}".strip() if _text(name) else UNKNOWN
    facts = {
        "dist": "" if distance < 0 else str(distance),
        "link": _text(link),
        "params": _QUALITIES.get(quality, "") if _text(name) else "",
    }
    return "; ".join([system, *(f"{key}: {value}" for key, value in facts.items() if value)])


def _text(octets: bytes) -> str:
    return octets.partition(b"\0")[0].decode("latin-1")
