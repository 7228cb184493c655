"""Client for SpamAssassin's spamd (SPAMC protocol 1.5). spamd closes after each answer, so connections are not kept."""

import os
import pwd

from mailcordon.check.connection import Connection, scanner_failures
from mailcordon.check.spamd_report import check_status, parse_report
from mailcordon.config.types import SocketAddress
from mailcordon.errors import ProtocolError
from mailcordon.mail.content import Content
from mailcordon.mail.finding import SpamScore

_MAX_REPLY = 256 * 1024


class SpamdClient:
    """One spamd."""

    def __init__(self, name: str, address: SocketAddress, timeout_seconds: float) -> None:
        self.name = name
        self._address = address
        self._timeout = timeout_seconds
        self._user = _account()

    @property
    def address(self) -> str:
        """Path of the socket, or host and port."""
        return str(self._address)

    async def score(self, head: bytes, content: Content) -> SpamScore:
        """Have the message rated, with the fields `head` on top. Raises ScannerError.

        A failure is tried once more: spamd replaces its children now and then. Running out of time is not, for another
        try would only add to the load that caused it.
        """
        async with scanner_failures(f"spamd at {self._address}", self._timeout):
            try:
                return await self._report(head, content)
            except (OSError, ProtocolError):
                return await self._report(head, content)

    async def ping(self) -> None:
        """Raises ScannerError unless spamd answers PING."""
        async with scanner_failures(f"spamd at {self._address}", self._timeout):
            answer = await self._exchange(b"PING SPAMC/1.5\r\n\r\n")
            check_status(answer.decode("latin-1").partition("\r\n")[0])

    async def _report(self, head: bytes, content: Content) -> SpamScore:
        # REPORT is the one command whose answer has the points of each test and does not send the message back.
        request = f"REPORT SPAMC/1.5\r\nContent-length: {len(head) + content.size}\r\nUser: {self._user}\r\n\r\n"
        with content.view() as view:
            return parse_report(await self._exchange(request.encode("ascii"), head, view), self.name)

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
