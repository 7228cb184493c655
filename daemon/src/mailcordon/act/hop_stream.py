"""The octets between us and a next hop: whole replies in, commands and messages out, each with its time limit.

Not asyncio's streams: a batch of pipelined commands costs one wait here, not one for each reply, and after STARTTLS
nothing that came before it is left in any buffer.
"""

import asyncio
import os
import ssl
from typing import cast

from mailcordon.act.hop_reply import HopReply, join_lines, only_line, parse_line
from mailcordon.config.next_hop import NextHop
from mailcordon.errors import ProtocolError, TemporaryError

_INPUT_LIMIT = 128 * 1024
"""Octets of replies that wait to be read; we never ask for so many at a time."""
_REPLY_LINES_LIMIT = 200
_SERVICE_CLOSING = 421


class HopError(TemporaryError):
    """The conversation with the next hop failed, `during` which command and why."""

    def __init__(self, during: str, why: str) -> None:
        self.during = during
        self.why = why
        super().__init__(f"{why} during {during}")


class HopUnreachableError(HopError):
    """No connection."""


class HopTimeoutError(HopError):
    """The hop was silent for too long."""


class HopBrokenError(HopError):
    """The hop hung up, closes the service, or said something that is no SMTP."""


class HopStream(asyncio.Protocol):
    """One connection. Used by one task at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._input = bytearray()
        self._lines: list[str] = []
        self._code = 0
        self._heard = False
        self._writing_paused = False
        self._ended: str | None = None
        """Why there will be no more octets."""
        self._waiter: asyncio.Future[None] | None = None

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        # uvloop's transport only behaves like asyncio's without being its subclass.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Keep what came until somebody asks for a reply."""
        self._heard = True
        self._input += data
        if len(self._input) > _INPUT_LIMIT:
            self._input.clear()
            self._end("more octets than any reply has")
            self._transport.abort()
        self._wake()

    def pause_writing(self) -> None:
        """The hop does not keep pace."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """The hop has caught up."""
        self._writing_paused = False
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """What came before can still be read."""
        self._end(getattr(exc, "strerror", None) or "connection closed by the other side")
        self._wake()

    # What the client calls

    @property
    def is_idle(self) -> bool:
        """Whether the connection stands, and the hop has said nothing that nobody asked for."""
        return self._ended is None and not self._input and not self._lines

    @property
    def is_silent(self) -> bool:
        """Whether the hop has never said anything."""
        return not self._heard

    async def reply(self, during: str, seconds: float) -> HopReply:
        """The next reply. Raises HopError when there is none, when it is no SMTP, and when it says 421."""
        return (await self.replies(1, during, seconds))[0]

    async def replies(self, number: int, during: str, seconds: float) -> list[HopReply]:
        """The next replies, so many, with `seconds` for each one to come. Raises HopError as `reply` does."""
        replies = self._take(number, during)
        while len(replies) < number:
            until = self._loop.time() + seconds
            timer = self._loop.call_at(until, self._wake)
            more: list[HopReply] = []
            try:
                while not more:
                    if self._ended is not None:
                        raise HopBrokenError(during, self._ended)
                    if self._loop.time() >= until:
                        raise HopTimeoutError(during, "no reply")
                    await self._next_event()
                    more = self._take(number - len(replies), during)
            finally:
                timer.cancel()
            replies += more
        return replies

    async def write(self, during: str, octets: bytes, seconds: float) -> None:
        """Send, and wait until the hop has room for more. Raises HopError."""
        if self._ended is None:
            self._transport.write(octets)
        if self._writing_paused and self._ended is None:
            until = self._loop.time() + seconds
            timer = self._loop.call_at(until, self._wake)
            try:
                while self._writing_paused and self._ended is None:
                    if self._loop.time() >= until:
                        raise HopTimeoutError(during, "no progress")
                    await self._next_event()
            finally:
                timer.cancel()
        if self._ended is not None:
            raise HopBrokenError(during, self._ended)

    def expect_silence(self, during: str) -> None:
        """Before something is asked: a reply that is there already would be taken for the answer."""
        if self._input or self._lines:
            raise HopBrokenError(during, "reply that nobody asked for")

    async def start_tls(self, context: ssl.SSLContext, server_name: str | None, seconds: float) -> None:
        """Encrypt from here on. Raises HopError; the connection is of no use then. `expect_silence` comes before."""
        try:
            transport = await self._loop.start_tls(
                self._transport, self, context, server_hostname=server_name, ssl_handshake_timeout=seconds
            )
        except ssl.SSLCertVerificationError as error:
            raise HopBrokenError("STARTTLS", f"certificate not accepted: {error.verify_message}") from error
        except ssl.SSLError as error:
            raise HopBrokenError("STARTTLS", f"TLS handshake failed: {error.reason or 'no reason given'}") from error
        except OSError as error:
            raise HopBrokenError("STARTTLS", f"TLS handshake failed: {_words(error)}") from error
        if transport is None:
            raise HopBrokenError("STARTTLS", "connection closed by the other side")
        self._transport = transport

    def abort(self) -> None:
        """Close at once."""
        self._end("connection closed")
        self._transport.abort()

    # Inside

    def _take(self, most: int, during: str) -> list[HopReply]:
        """The next replies as far as they are here, in one pass: to many recipients there are as many."""
        replies: list[HopReply] = []
        octets, start = bytes(self._input), 0
        try:
            while len(replies) < most and (end := octets.find(b"\n", start) + 1):
                line = octets[start:end]
                start = end
                reply = (None if self._lines else only_line(line)) or self._continued(line, during)
                if reply is not None:
                    if reply.code == _SERVICE_CLOSING:
                        raise HopBrokenError(during, str(reply))
                    replies.append(reply)
        except ProtocolError as error:
            raise HopBrokenError(during, str(error)) from error
        finally:
            del self._input[:start]
        return replies

    def _continued(self, line: bytes, during: str) -> HopReply | None:
        """A line of a reply of several; the reply with its last one."""
        code, more, text = parse_line(line)
        if self._lines and code != self._code:
            raise HopBrokenError(during, f"reply with two codes: {self._code} and {code}")
        self._code = code
        self._lines.append(text)
        if not more:
            lines, self._lines = self._lines, []
            return join_lines(code, lines)
        if len(self._lines) >= _REPLY_LINES_LIMIT:
            raise HopBrokenError(during, "reply without end")
        return None

    async def _next_event(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _end(self, why: str) -> None:
        if self._ended is None:
            self._ended = why


async def connect(hop: NextHop, seconds: float) -> HopStream:
    """Connect by TCP or to a unix socket. Raises HopTimeoutError and HopUnreachableError."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            if hop.path:
                _, stream = await loop.create_unix_connection(HopStream, hop.path)
            else:
                _, stream = await loop.create_connection(HopStream, hop.host or "", hop.port or 0)
    except TimeoutError as error:
        raise HopTimeoutError("connect", "no answer") from error
    except (OSError, UnicodeError) as error:
        raise HopUnreachableError("connect", _words(error)) from error
    return stream


def _words(error: Exception) -> str:
    """What the system said: asyncio puts words of its own into `strerror`."""
    number = getattr(error, "errno", None)
    return os.strerror(number) if number and number > 0 else str(error) or type(error).__name__
