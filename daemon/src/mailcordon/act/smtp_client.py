"""One connection to a next hop, SMTP or LMTP (RFC 5321, RFC 2033, B7)."""

import asyncio
import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from mailcordon.act.dot_stuffing import in_blocks, stuffed
from mailcordon.act.hop_reply import HopReply, join_lines, parse_line
from mailcordon.act.outgoing import (
    Features,
    Outgoing,
    command_line,
    mail_command,
    recipient_command,
    xforward_commands,
)
from mailcordon.act.timeouts import Deadline, Timeouts
from mailcordon.config.types import NextHop
from mailcordon.errors import ProtocolError, TemporaryError
from mailcordon.mail.envelope import Client

_PIPELINE = 50
"""Commands sent before their replies are read: neither side's buffers can fill up."""
_BLOCK = 64 * 1024
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


@dataclass(slots=True)
class Delivery:
    """What the hop said to one transaction."""

    replies: list[HopReply | None]
    """The reply that decides about each recipient, in their order; None when the conversation failed before it."""
    error: HopError | None = None
    message_begun: bool = False
    """Some of the message was sent: the hop might have taken it, whatever happened then."""


@dataclass(frozen=True, slots=True)
class _Command:
    name: str
    octets: bytes
    seconds: float


@dataclass(slots=True)
class SmtpConnection:
    """A connection after its greeting and EHLO. Usable for one transaction at a time."""

    hop: NextHop
    timeouts: Timeouts
    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter
    features: Features = field(default_factory=dict)
    opened_at: float = 0.0
    transactions: int = 0
    usable: bool = True
    """False after a failure: who holds it then calls `abort`."""
    _reset_first: bool = False
    _xforwarded: bool = False

    @classmethod
    async def open(cls, hop: NextHop, hello_name: str, timeouts: Timeouts, deadline: Deadline) -> "SmtpConnection":
        """Connect and introduce ourselves. Raises HopError."""
        try:
            async with asyncio.timeout(deadline.within(timeouts.connect)):
                if hop.path:
                    reader, writer = await asyncio.open_unix_connection(hop.path)
                else:
                    reader, writer = await asyncio.open_connection(hop.host, hop.port)
        except TimeoutError as error:
            raise HopTimeoutError("connect", "no answer") from error
        except OSError as error:
            # asyncio puts its own words into `strerror`; the number tells what the system said.
            why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
            raise HopUnreachableError("connect", why) from error
        connection = cls(hop, timeouts, reader, writer, opened_at=asyncio.get_running_loop().time())
        try:
            await connection._greet(hello_name, deadline)
        except BaseException:
            connection.abort()
            raise
        return connection

    async def _greet(self, hello_name: str, deadline: Deadline) -> None:
        greeting = await self._reply("greeting", deadline.within(self.timeouts.greeting))
        if not greeting.ok:
            raise HopBrokenError("greeting", str(greeting))
        for verb in ("LHLO",) if self.hop.protocol == "lmtp" else ("EHLO", "HELO"):
            command = _Command(verb, command_line(f"{verb} {hello_name}"), deadline.within(self.timeouts.hello))
            reply = await self._ask(command)
            if reply.ok:
                if verb != "HELO":
                    self.features = _features(reply.lines)
                return
        raise HopBrokenError(verb, str(reply))

    async def send(self, outgoing: Outgoing, deadline: Deadline) -> Delivery:
        """One transaction. Never raises HopError: the delivery tells how far it came."""
        delivery = Delivery([None] * len(outgoing.envelope.recipients))
        self.transactions += 1
        try:
            await self._transact(outgoing, delivery, deadline)
        except HopError as error:
            delivery.error = error
            self.usable = False
        except ProtocolError as error:
            delivery.error = HopBrokenError("MAIL", str(error))
            self.usable = False
        return delivery

    async def _transact(self, outgoing: Outgoing, delivery: Delivery, deadline: Deadline) -> None:
        preamble = self._preamble(outgoing, deadline)
        envelope = self._envelope(outgoing, deadline)
        data = _Command("DATA", b"DATA\r\n", deadline.within(self.timeouts.data))
        # Only a clean end of the message leaves a session that is ready for the next one.
        self._reset_first = True
        go_ahead: HopReply | None = None
        if "PIPELINING" in self.features:
            replies = await self._ask_all([*preamble, *envelope, data])
            go_ahead = replies.pop()
            replies = replies[len(preamble) :]
        else:
            for command in preamble:
                await self._ask(command)
            replies = [await self._ask(envelope[0])]
            if replies[0].ok:
                replies += [await self._ask(command) for command in envelope[1:]]
        accepted = self._judge_envelope(replies, delivery)
        if not accepted:
            if go_ahead is not None and not go_ahead.negative:
                # It waits for a message that nobody there should get.
                self.usable = False
            return
        if go_ahead is None:
            go_ahead = await self._ask(data)
        if go_ahead.code != 354:
            if not go_ahead.negative:
                raise HopBrokenError("DATA", f"unexpected reply {go_ahead}")
            for number in accepted:
                delivery.replies[number] = go_ahead
            return
        await self._send_message(outgoing, delivery, deadline)
        await self._read_verdicts(accepted, delivery, deadline)
        self._reset_first = False

    def _preamble(self, outgoing: Outgoing, deadline: Deadline) -> list[_Command]:
        commands = []
        if self._reset_first:
            commands.append(_Command("RSET", b"RSET\r\n", deadline.within(self.timeouts.reset)))
        client = outgoing.client
        if client is None and self._xforwarded:
            client = Client()
        if client is not None:
            timeout = deadline.within(self.timeouts.command)
            commands += [_Command("XFORWARD", line, timeout) for line in xforward_commands(client, self.features)]
            self._xforwarded = outgoing.client is not None
        return commands

    def _envelope(self, outgoing: Outgoing, deadline: Deadline) -> list[_Command]:
        timeout = deadline.within(self.timeouts.command)
        return [
            _Command("MAIL", mail_command(outgoing, self.features), timeout),
            *(
                _Command("RCPT", recipient_command(recipient, self.features), timeout)
                for recipient in outgoing.envelope.recipients
            ),
        ]

    @staticmethod
    def _judge_envelope(replies: Sequence[HopReply], delivery: Delivery) -> list[int]:
        """Numbers of the accepted recipients; the others get their reply."""
        sender, *recipients = replies
        if not sender.ok:
            if not sender.negative:
                raise HopBrokenError("MAIL", f"unexpected reply {sender}")
            delivery.replies[:] = [sender] * len(delivery.replies)
            return []
        for number, reply in enumerate(recipients):
            if reply.negative:
                delivery.replies[number] = reply
            elif not reply.ok:
                raise HopBrokenError("RCPT", f"unexpected reply {reply}")
        return [number for number, reply in enumerate(recipients) if reply.ok]

    async def _send_message(self, outgoing: Outgoing, delivery: Delivery, deadline: Deadline) -> None:
        delivery.message_begun = True
        for block in in_blocks(stuffed(outgoing.message.chunks()), _BLOCK):
            await self._write("data", block, deadline.within(self.timeouts.block))

    async def _read_verdicts(self, accepted: Sequence[int], delivery: Delivery, deadline: Deadline) -> None:
        lmtp = self.hop.protocol == "lmtp"
        reply: HopReply | None = None
        for number in accepted:
            if reply is None or lmtp:
                reply = await self._reply("end of data", deadline.within(self.timeouts.final))
                if not (reply.ok or reply.negative):
                    raise HopBrokenError("end of data", f"unexpected reply {reply}")
            delivery.replies[number] = reply

    @property
    def stale(self) -> bool:
        """Whether the hop has hung up meanwhile."""
        return self._reader.at_eof() or self._reader.exception() is not None or self._writer.is_closing()

    async def probe(self) -> bool:
        """NOOP: whether the hop still talks to us."""
        try:
            return (await self._ask(_Command("NOOP", b"NOOP\r\n", self.timeouts.noop))).ok
        except HopError:
            return False

    async def quit(self) -> None:
        """Take leave politely, then close."""
        with contextlib.suppress(HopError):
            await self._ask(_Command("QUIT", b"QUIT\r\n", self.timeouts.quit))
        self.abort()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    def abort(self) -> None:
        """Close at once: what was not completed did not happen."""
        self.usable = False
        self._writer.transport.abort()

    async def _ask(self, command: _Command) -> HopReply:
        return (await self._ask_all([command]))[0]

    async def _ask_all(self, commands: Sequence[_Command]) -> list[HopReply]:
        replies: list[HopReply] = []
        for start in range(0, len(commands), _PIPELINE):
            batch = commands[start : start + _PIPELINE]
            await self._write(batch[0].name, b"".join(command.octets for command in batch), batch[0].seconds)
            for command in batch:
                replies.append(await self._reply(command.name, command.seconds))  # noqa: PERF401 - keeps its order
        return replies

    async def _write(self, during: str, octets: bytes, seconds: float) -> None:
        try:
            self._writer.write(octets)
            async with asyncio.timeout(seconds):
                await self._writer.drain()
        except TimeoutError as error:
            raise HopTimeoutError(during, "no progress") from error
        except OSError as error:
            raise HopBrokenError(during, error.strerror or "connection lost") from error

    async def _reply(self, during: str, seconds: float) -> HopReply:
        lines: list[str] = []
        expected_code = 0
        try:
            async with asyncio.timeout(seconds):
                while True:
                    line = await self._reader.readline()
                    if not line.endswith(b"\n"):
                        raise HopBrokenError(during, "connection closed by the other side")
                    code, more, text = parse_line(line)
                    if code != expected_code:
                        if expected_code:
                            raise HopBrokenError(during, f"reply with two codes: {expected_code} and {code}")
                        expected_code = code
                    lines.append(text)
                    if not more:
                        break
                    if len(lines) >= _REPLY_LINES_LIMIT:
                        raise HopBrokenError(during, "reply without end")
        except TimeoutError as error:
            raise HopTimeoutError(during, "no reply") from error
        except (ProtocolError, ValueError) as error:
            raise HopBrokenError(during, str(error)) from error
        except OSError as error:
            raise HopBrokenError(during, error.strerror or "connection lost") from error
        reply = join_lines(code, lines)
        if code == _SERVICE_CLOSING:
            raise HopBrokenError(during, str(reply))
        return reply


def _features(lines: Sequence[str]) -> dict[str, str]:
    """EHLO keywords; the first line is the greeting."""
    words = (line.partition(" ") for line in lines[1:])
    return {keyword.upper(): parameters.strip() for keyword, _, parameters in words}
