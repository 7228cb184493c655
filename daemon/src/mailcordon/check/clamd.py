"""Client for clamd (clamd(8), section COMMANDS; contract B14.02).

Connections are kept: IDSESSION makes clamd answer many commands on one. On a unix socket the message goes over as a
descriptor (FILDES), so that clamd needs no access to the spool; on TCP its octets do (INSTREAM). One request at a time
is under way on a connection; concurrent scans take further connections.
"""

import os
import re

from mailcordon.check.connection import Connection, scanner_failures
from mailcordon.config.types import SocketAddress
from mailcordon.errors import ProtocolError
from mailcordon.mail.category import UNCHECKED_ENCRYPTED, UNCHECKED_OVER_LIMITS, Category, Major
from mailcordon.mail.content import Content
from mailcordon.mail.finding import Finding

MAX_IDLE_CONNECTIONS = 8
"""Kept open when nothing is to be scanned; each one is a descriptor in clamd."""
_MAX_REPLY = 64 * 1024
_STREAM_CHUNK = 256 * 1024

_NUMBER = re.compile(rb"\d+: ")
_SIZE_LIMIT = "INSTREAM size limit exceeded. ERROR"
_DETECTION_INFO = re.compile(r"\([0-9a-f]{32,64}:\d+\)$")
"""`(md5:size)` that `ExtendedDetectionInfo yes` adds to a name."""


class ClamdClient:
    """One clamd. Closed connections, also those that clamd's restart left behind, are replaced without an error."""

    def __init__(self, name: str, address: SocketAddress, timeout_seconds: float) -> None:
        self.name = name
        self._address = address
        self._timeout = timeout_seconds
        self._idle: list[Connection] = []

    @property
    def address(self) -> str:
        """Path of the socket, or host and port."""
        return str(self._address)

    async def scan(self, content: Content) -> tuple[Finding, ...]:
        """Have the raw message scanned. Raises ScannerError: not reachable, no answer in time, or an error of clamd."""
        async with scanner_failures(f"clamd at {self._address}", self._timeout):
            return self._findings(await self._ask(content))

    async def ping(self) -> None:
        """Raises ScannerError unless clamd answers PING."""
        async with scanner_failures(f"clamd at {self._address}", self._timeout):
            answer = await self._ask(None)
            if answer != "PONG":
                raise ProtocolError(f"answered PING with {answer!r}")

    async def close(self) -> None:
        """Close the idle connections; those in use close themselves when their scans are cancelled."""
        while self._idle:
            self._idle.pop().close()

    async def _ask(self, content: Content | None) -> str:
        """Answer to a scan of `content`, or to PING if there is none."""
        kept = self._take_idle()
        if kept is not None:
            try:
                return await self._ask_on(kept, content)
            except (OSError, ProtocolError):
                pass  # clamd went away between two messages: says nothing about the clamd that runs now
        return await self._ask_on(await self._connect(), content)

    def _take_idle(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_idle:
                return connection
            connection.close()
        return None

    async def _connect(self) -> Connection:
        connection = await Connection.open(self._address)
        try:
            await connection.send(b"zIDSESSION\0")
        except BaseException:
            connection.close()
            raise
        return connection

    async def _ask_on(self, connection: Connection, content: Content | None) -> str:
        try:
            if content is None:
                await connection.send(b"zPING\0")
            elif self._address.path is not None:
                self._pass_descriptor(connection, content.fileno())
            else:
                await self._stream(connection, content)
            text = _without_number(await connection.receive_until(b"\0", _MAX_REPLY))
        except BaseException:
            connection.close()
            raise
        if text == _SIZE_LIMIT or len(self._idle) >= MAX_IDLE_CONNECTIONS:  # clamd closes after the former
            connection.close()
        else:
            self._idle.append(connection)
        return text

    @staticmethod
    def _pass_descriptor(connection: Connection, descriptor: int) -> None:
        # A descriptor of its own, since clamd moves the offset that a passed one shares with ours and with those of
        # other scanners; and one for reading only, so that nobody but us can change the message.
        own = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            # The NUL behind the command is the octet that clamd wants to carry the descriptor.
            connection.send_descriptor(b"zFILDES\0\0", own)
        finally:
            os.close(own)

    @staticmethod
    async def _stream(connection: Connection, content: Content) -> None:
        try:
            await connection.send(b"zINSTREAM\0")
            with content.view() as view:
                for start in range(0, len(view), _STREAM_CHUNK):
                    with view[start : start + _STREAM_CHUNK] as chunk:
                        await connection.send(len(chunk).to_bytes(4, "big"))
                        await connection.send(chunk)
            await connection.send(bytes(4))
        except (BrokenPipeError, ConnectionResetError):
            pass  # clamd says why before it closes, e.g. that StreamMaxLength is exceeded; the answer is read next

    def _findings(self, answer: str) -> tuple[Finding, ...]:
        """Read `fd[10]: OK`, `stream: NAME FOUND`, `... ERROR`. Raises ProtocolError for all but the first two."""
        if answer == _SIZE_LIMIT:
            return (self._finding(UNCHECKED_OVER_LIMITS, "StreamMaxLength of clamd exceeded"),)
        _, _, result = answer.partition(": ")
        if result == "OK":
            return ()
        if result.endswith(" FOUND"):
            return (self._classified(_DETECTION_INFO.sub("", result.removesuffix(" FOUND"))),)
        raise ProtocolError(f"answered {answer!r}")

    def _classified(self, name: str) -> Finding:
        # clamd reports what it could not look into in the form of a detection (features 2.75, 2.76).
        if name.startswith("Heuristics.Limits.Exceeded"):
            return self._finding(UNCHECKED_OVER_LIMITS, name)
        if name.startswith("Heuristics.Encrypted"):
            return self._finding(UNCHECKED_ENCRYPTED, name)
        return Finding(Category(Major.VIRUS), name, self.name)

    def _finding(self, minor: int, name: str) -> Finding:
        return Finding(Category(Major.UNCHECKED, minor), name, self.name)


def _without_number(answer: bytes) -> str:
    """Answers in a session are numbered; what has no number is a complaint before the connection ends."""
    numbered = _NUMBER.match(answer)
    if numbered is None:
        raise ProtocolError(f"answered {_printable(answer)!r}")
    return _printable(answer[numbered.end() :])


def _printable(octets: bytes) -> str:
    """An answer as text that is safe in log lines and header fields."""
    return "".join(character if " " <= character <= "~" else "?" for character in octets.decode("latin-1")).strip()
