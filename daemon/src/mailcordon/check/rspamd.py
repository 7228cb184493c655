"""Client for rspamd's normal worker (HTTP, /checkv2), or for its controller with a password."""

import re
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus

import httpx

from mailcordon.check.rspamd_reply import parse_reply
from mailcordon.config.types import SocketAddress
from mailcordon.errors import ProtocolError
from mailcordon.mail.finding import SpamScore
from mailcordon.mail.message import Mail

_MAX_REPLY = 1024 * 1024
_CHUNK = 64 * 1024
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]+")


class RspamdServer:
    """One rspamd."""

    def __init__(self, name: str, address: SocketAddress, *, password: str, timeout_seconds: float) -> None:
        """`name`: the entry's, as the source of scores. `password`: of the controller, empty for none."""
        self._name = name
        self._address = address
        self._password = password
        host = "localhost" if address.path is not None else _authority(address)
        # A session for each message: rspamd closes after each answer. No proxy of the environment gets our mail.
        self._client = httpx.AsyncClient(
            base_url=f"http://{host}",
            transport=httpx.AsyncHTTPTransport(uds=address.path),
            timeout=httpx.Timeout(timeout_seconds),
            trust_env=False,
        )

    @property
    def address(self) -> str:
        """Path of the socket, or host and port."""
        return str(self._address)

    async def score(self, mail: Mail, user: str) -> SpamScore:
        """Have the message rated. `user` is not used: rspamd knows recipients, and has settings of its own for them.

        Raises OSError, ProtocolError.
        """
        fields = [*_fields(mail), (b"Content-Length", b"%d" % mail.size)]
        if self._password:
            fields.append((b"Password", self._password.encode()))
        with mail.content.view() as view:
            octets, server = await self._request("POST", "/checkv2", fields, _pieces(view))
        return parse_reply(octets, self._name, f"{server} at {self._address}")

    async def ping(self) -> None:
        """Raises OSError, ProtocolError unless rspamd answers."""
        octets, _ = await self._request("GET", "/ping", [], None)
        if octets.strip() != b"pong":
            raise ProtocolError("answer is not that of rspamd")

    async def close(self) -> None:
        """Give up connections."""
        await self._client.aclose()

    async def _request(
        self, method: str, path: str, fields: list[tuple[bytes, bytes]], content: AsyncIterator[bytes] | None
    ) -> tuple[bytes, str]:
        """The answer's octets, and what the server calls itself."""
        received = bytearray()
        try:
            async with self._client.stream(method, path, headers=fields, content=content) as response:
                async for piece in response.aiter_bytes():
                    received += piece
                    if len(received) > _MAX_REPLY:
                        raise ProtocolError(f"answer of more than {_MAX_REPLY} octets")
                if response.status_code != HTTPStatus.OK:
                    raise ProtocolError(f"HTTP status {response.status_code} {response.reason_phrase}")
                return bytes(received), response.headers.get("Server", "rspamd")
        except httpx.HTTPError as error:
            raise ProtocolError(str(error) or type(error).__name__) from None


def _authority(address: SocketAddress) -> str:
    host = f"[{address.host}]" if ":" in str(address.host) else address.host
    return f"{host}:{address.port}"


async def _pieces(view: memoryview) -> AsyncIterator[bytes]:
    for start in range(0, len(view), _CHUNK):
        yield bytes(view[start : start + _CHUNK])


def _fields(mail: Mail) -> Iterator[tuple[bytes, bytes]]:
    """The envelope, and where the mail came from. Clients choose these values: none can make two fields of one."""
    session, client = mail.session, mail.session.client
    values = [
        ("From", mail.envelope.sender),
        *(("Rcpt", recipient.address) for recipient in mail.envelope.recipients),
        ("IP", client.addr or session.peer_addr),
        ("Helo", client.helo or session.helo),
        ("Hostname", client.name),
        ("Queue-Id", client.ident or mail.log_id),
        # Rules about mail from outside are not for authenticated users; a stranger's claim makes none.
        ("User", mail.envelope.auth if session.originating and mail.envelope.auth != "<>" else None),
        ("TLS-Cipher", session.cipher),
    ]
    for name, value in values:
        if value is not None and (value or name == "From"):
            yield name.encode("ascii"), _CONTROL.sub(b"?", value.encode("utf-8", "surrogateescape")).strip()
