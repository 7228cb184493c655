"""Client for SpamAssassin's spamd (SPAMC protocol 1.5). spamd closes after each answer, so connections are not kept."""

import os
import pwd

from mailcordon.check.connection import Connection
from mailcordon.check.scanner_fields import scanner_fields
from mailcordon.check.spamd_report import check_status, parse_report
from mailcordon.config.types import SocketAddress
from mailcordon.mail.finding import SpamScore
from mailcordon.mail.message import Mail

_MAX_REPLY = 256 * 1024


class SpamdServer:
    """One spamd."""

    def __init__(self, name: str, address: SocketAddress) -> None:
        """`name`: the entry's, as the source of scores."""
        self._name = name
        self._address = address
        self._account = _account()

    @property
    def address(self) -> str:
        """Path of the socket, or host and port."""
        return str(self._address)

    async def score(self, mail: Mail, user: str) -> SpamScore:
        """Have the message rated, with the fields of B9.08 on top. Raises OSError, ProtocolError."""
        head = scanner_fields(mail)
        # REPORT is the one command whose answer has the points of each test and does not send the message back.
        request = (
            f"REPORT SPAMC/1.5\r\nContent-length: {len(head) + mail.content.size}\r\n"
            f"User: {user or self._account}\r\n\r\n"
        )
        with mail.content.view() as view:
            return parse_report(await self._exchange(request.encode(), head, view), self._name)

    async def ping(self) -> None:
        """Raises OSError, ProtocolError unless spamd answers PING."""
        answer = await self._exchange(b"PING SPAMC/1.5\r\n\r\n")
        check_status(answer.decode("latin-1").partition("\r\n")[0])

    async def close(self) -> None:
        """Nothing to do."""

    async def _exchange(self, *octets: bytes | memoryview) -> bytes:
        connection = await Connection.open(self._address)
        try:
            for piece in octets:
                await connection.send(piece)
            connection.end_of_sending()
            return await connection.receive_all(_MAX_REPLY)
        finally:
            connection.close()


def _account() -> str:
    """Name of the account we run under; spamd logs it and, if told to, reads its preferences."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return "nobody"
