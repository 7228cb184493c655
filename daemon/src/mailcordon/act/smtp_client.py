"""One connection to a next hop, SMTP or LMTP (RFC 5321, RFC 2033, B7)."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from mailcordon.act.dot_stuffing import in_blocks, stuffed
from mailcordon.act.hop_reply import HopReply
from mailcordon.act.hop_stream import HopBrokenError, HopError, HopStream, connect
from mailcordon.act.outgoing import (
    Features,
    Outgoing,
    command_line,
    mail_command,
    recipient_command,
    xforward_commands,
)
from mailcordon.act.timeouts import Deadline, Timeouts
from mailcordon.act.tls import Security, TlsContexts
from mailcordon.config.next_hop import NextHop
from mailcordon.errors import ProtocolError
from mailcordon.mail.envelope import Client

_PIPELINE = 50
"""Commands sent before their replies are read: neither side's buffers can fill up."""
_BLOCK = 64 * 1024
_NO_NAME = "localhost"
"""Stands in a certificate for a hop on a unix socket."""


class HandshakeError(HopBrokenError):
    """No TLS came about although the hop had offered it."""


class NotGreetedError(HopBrokenError):
    """The hop hung up before it said anything."""


class Target(NamedTuple):
    """A hop and the way to it; kept sessions are for mail with the same target."""

    hop: NextHop
    security: Security = Security()


@dataclass(slots=True)
class Delivery:
    """What the hop said to one transaction."""

    replies: list[HopReply | None]
    """The reply that decides about each recipient, in their order; None when the conversation failed before it."""
    error: HopError | None = None
    message_begun: bool = False
    """Some of the message was sent: the hop might have taken it, whatever happened then."""


class _Command(NamedTuple):
    name: str
    octets: bytes
    seconds: float


@dataclass(slots=True)
class SmtpConnection:
    """A connection after its greeting and EHLO. Usable for one transaction at a time."""

    target: Target
    timeouts: Timeouts
    _stream: HopStream
    features: Features = field(default_factory=dict)
    opened_at: float = 0.0
    transactions: int = 0
    probed: bool = False
    """It was asked whether it is still alive before its present use."""
    encrypted: bool = False
    usable: bool = True
    """False after a failure: who holds it then calls `abort`."""
    _reset_first: bool = False
    _xforwarded: bool = False

    @classmethod
    async def open(
        cls, target: Target, hello_name: str, timeouts: Timeouts, deadline: Deadline, contexts: TlsContexts
    ) -> "SmtpConnection":
        """Connect and introduce ourselves, encrypted if the target asks for it. Raises HopError."""
        stream = await connect(target.hop, deadline.within(timeouts.connect))
        connection = cls(target, timeouts, stream, opened_at=asyncio.get_running_loop().time())
        try:
            await connection._greet(hello_name, deadline)
            await connection._protect(hello_name, deadline, contexts)
        except BaseException:
            connection.abort()
            raise
        return connection

    async def _greet(self, hello_name: str, deadline: Deadline) -> None:
        try:
            greeting = await self._stream.reply("greeting", deadline.within(self.timeouts.greeting))
        except HopBrokenError as error:
            if self._stream.is_silent:
                raise NotGreetedError(error.during, error.why) from error
            raise
        if not greeting.ok:
            raise HopBrokenError("greeting", str(greeting))
        await self._introduce(hello_name, deadline)

    async def _introduce(self, hello_name: str, deadline: Deadline) -> None:
        for verb in ("LHLO",) if self.target.hop.protocol == "lmtp" else ("EHLO", "HELO"):
            command = _Command(verb, command_line(f"{verb} {hello_name}"), deadline.within(self.timeouts.hello))
            reply = await self._ask(command)
            if reply.ok:
                self.features = _features(reply.lines) if verb != "HELO" else {}
                return
        raise HopBrokenError(verb, str(reply))

    async def _protect(self, hello_name: str, deadline: Deadline, contexts: TlsContexts) -> None:
        """STARTTLS as the target's security wants it (features 13.10)."""
        security = self.target.security
        if security.level == "none":
            return
        refusal = "not offered"
        if "STARTTLS" in self.features:
            reply = await self._ask(_Command("STARTTLS", b"STARTTLS\r\n", deadline.within(self.timeouts.starttls)))
            if reply.ok:
                await self._shake_hands(deadline, contexts, verify=security.verify)
                # What was said in the clear does not count any more (RFC 3207 4.2).
                await self._introduce(hello_name, deadline)
                return
            refusal = str(reply)
        if security.level == "encrypt":
            raise HopBrokenError("STARTTLS", f"{refusal}, and tls_security_level_out is encrypt")

    async def _shake_hands(self, deadline: Deadline, contexts: TlsContexts, *, verify: bool) -> None:
        context = await contexts.get(verify=verify)
        name = self.target.hop.host or _NO_NAME
        # An octet after the 220 would be taken for a reply inside TLS, whoever put it there (features 13.17).
        self._stream.expect_silence("STARTTLS")
        try:
            await self._stream.start_tls(context, name, deadline.within(self.timeouts.starttls))
        except HopError as error:
            raise HandshakeError(error.during, error.why) from error
        self.encrypted = True

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
        self._stream.expect_silence("data")
        delivery.message_begun = True
        for block in in_blocks(stuffed(outgoing.message.chunks()), _BLOCK):
            await self._stream.write("data", block, deadline.within(self.timeouts.block))

    async def _read_verdicts(self, accepted: Sequence[int], delivery: Delivery, deadline: Deadline) -> None:
        lmtp = self.target.hop.protocol == "lmtp"
        reply: HopReply | None = None
        for number in accepted:
            if reply is None or lmtp:
                reply = await self._stream.reply("end of data", deadline.within(self.timeouts.final))
                if not (reply.ok or reply.negative):
                    raise HopBrokenError("end of data", f"unexpected reply {reply}")
            delivery.replies[number] = reply

    @property
    def stale(self) -> bool:
        """Whether the hop has hung up or said good-bye meanwhile."""
        return not self._stream.is_idle

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

    def abort(self) -> None:
        """Close at once: what was not completed did not happen."""
        self.usable = False
        self._stream.abort()

    async def _ask(self, command: _Command) -> HopReply:
        return (await self._ask_all([command]))[0]

    async def _ask_all(self, commands: Sequence[_Command]) -> list[HopReply]:
        replies: list[HopReply] = []
        for start in range(0, len(commands), _PIPELINE):
            batch = commands[start : start + _PIPELINE]
            first = batch[0]
            self._stream.expect_silence(first.name)
            await self._stream.write(first.name, b"".join([command.octets for command in batch]), first.seconds)
            for command in batch:
                replies.append(await self._stream.reply(command.name, command.seconds))  # noqa: PERF401 - keeps its order
        return replies


def _features(lines: Sequence[str]) -> dict[str, str]:
    """EHLO keywords; the first line is the greeting."""
    words = (line.partition(" ") for line in lines[1:])
    return {keyword.upper(): parameters.strip() for keyword, _, parameters in words}
