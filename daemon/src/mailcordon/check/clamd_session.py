"""A session of commands with clamd on one connection (IDSESSION of clamd(8)): commands and answers are numbered."""

import os
import re
from collections.abc import Iterable

from mailcordon.check.connection import Connection
from mailcordon.check.scan_input import Item
from mailcordon.check.virus_names import printable
from mailcordon.errors import ProtocolError

SIZE_LIMIT = "INSTREAM size limit exceeded. ERROR"
"""The answer to octets that are more than StreamMaxLength; clamd closes the connection after it."""
_MAX_REPLY = 64 * 1024
_NUMBER = re.compile(rb"(\d{1,10}): ")


class ClamdSession:
    """Commands go over at once; answers come in the order in which clamd is done. OSError and ProtocolError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._given = 0
        self._answered = 0
        self.has_ended = False
        """clamd has said its last on this connection."""

    @classmethod
    async def begin(cls, connection: Connection) -> "ClamdSession":
        """Make a session of a new connection; closes it when that fails."""
        try:
            await connection.send(b"zIDSESSION\0")
        except BaseException:
            connection.close()
            raise
        return cls(connection)

    @property
    def is_reusable(self) -> bool:
        """Whether everything is answered, and clamd takes more commands."""
        return self._given == self._answered and not self.has_ended

    @property
    def is_idle(self) -> bool:
        """Whether the connection has stayed open since the last answer."""
        return self._connection.is_idle

    def close(self) -> None:
        """Give up the connection."""
        self._connection.close()

    def pass_descriptor(self, item: Item) -> int:
        """Give clamd the descriptor of an item; gives back the number of the command."""
        own = item.descriptor()
        try:
            # The NUL behind the command is the octet that clamd wants to carry the descriptor.
            self._connection.send_descriptor(b"zFILDES\0\0", own)
        finally:
            os.close(own)
        return self._count()

    async def stream(self, item: Item) -> int:
        """Send clamd the octets of an item; gives back the number of the command."""
        with item.chunks() as chunks:
            return await self.stream_octets(chunks)

    async def stream_octets(self, chunks: Iterable[memoryview | bytes]) -> int:
        """Send clamd octets that come in pieces; gives back the number of the command."""
        try:
            await self._connection.send(b"zINSTREAM\0")
            for chunk in chunks:
                await self._connection.send(len(chunk).to_bytes(4, "big"))
                await self._connection.send(chunk)
            await self._connection.send(bytes(4))
        except (BrokenPipeError, ConnectionResetError):
            pass  # clamd says why before it closes, e.g. that StreamMaxLength is exceeded; the answer is read next
        return self._count()

    async def ping(self) -> str:
        """The answer to PING."""
        await self._connection.send(b"zPING\0")
        self._count()
        return (await self.answer())[1]

    async def answer(self) -> tuple[int, str]:
        """The next answer: number of the command, and text that is safe in log lines and header fields."""
        octets = await self._connection.receive_until(b"\0", _MAX_REPLY)
        numbered = _NUMBER.match(octets)
        if numbered is None:  # a complaint before the connection ends
            raise ProtocolError(f"answered {_text(octets)!r}")
        self._answered += 1
        text = _text(octets[numbered.end() :])
        self.has_ended = text == SIZE_LIMIT
        return int(numbered[1]), text

    def _count(self) -> int:
        self._given += 1
        return self._given


def _text(octets: bytes) -> str:
    return printable(octets.decode("latin-1"))
