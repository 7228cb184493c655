"""Client for p0f-analyzer, which collects what p0f prints and answers over UDP (B16.10, features 15.07)."""

import asyncio
import secrets
import socket

from mailcordon.errors import ProtocolError

_LONGEST_ANSWER = 2048
_FOREIGN_ANSWERS = 8
"""Datagrams that are no answer to this query, after which it is given up: reading them must not hold up the loop."""


async def ask_analyzer(host: str, port: int, address: str, client_port: int | None) -> str:
    """What the analyzer knows of the connection from there; empty if it knows nothing. `address`: without brackets.

    Waits until it is cancelled. Raises OSError, ProtocolError.
    """
    # Together with the longest address and port it fills the 64 octets of a query that the analyzer reads.
    nonce = secrets.token_hex(8)
    query = f"[{address}]" + (f":{client_port}" if client_port else "")
    loop = asyncio.get_running_loop()
    failure: OSError | None = None
    for family, _, _, _, target in await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM):
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            try:
                # Connected: nobody else's datagrams arrive, and that nobody listens there is an error at once.
                sock.connect(target)
                sock.send(f"{query} {nonce}".encode("ascii"))
                for _ in range(_FOREIGN_ANSWERS):
                    text = parse_answer(await loop.sock_recv(sock, _LONGEST_ANSWER), query, nonce)
                    if text is not None:
                        return text
            except OSError as error:
                failure = error
            else:
                raise ProtocolError("answers to other queries only")
    raise failure or OSError(f"{host} has no address")


def parse_answer(octets: bytes, query: str, nonce: str) -> str | None:
    """The text of an answer `<query> <nonce> <text>` CR LF; None if it is none, or one to another query."""
    head, end = f"{query} {nonce} ".encode("ascii"), b"\r\n"
    if not octets.startswith(head) or not octets.endswith(end) or len(octets) < len(head) + len(end):
        return None
    return octets[len(head) : -len(end)].decode("latin-1")
