"""One connection to a next hop, SMTP or LMTP (RFC 5321, RFC 2033, B7)."""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
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
    recipient_commands,
    xforward_commands,
)
from mailcordon.act.timeouts import Deadline, Timeouts
from mailcordon.act.tls import Security, TlsContexts
from mailcordon.config.next_hop import NextHop
from mailcordon.errors import ProtocolError
from mailcordon.mail.envelope import Client

_PIPELINE = 100
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


class _Commands(NamedTuple):
    """Commands of one kind, to each of which there is a reply."""

    name: str
    lines: Sequence[bytes]
    seconds: float
    """For each reply."""


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
            line = command_line(f"{verb} {hello_name}")
            reply = await self._ask(verb, line, deadline.within(self.timeouts.hello))
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
            reply = await self._ask("STARTTLS", b"STARTTLS\r\n", deadline.within(self.timeouts.starttls))
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
        sender, recipients = self._envelope(outgoing, deadline)
        data = _Commands("DATA", [b"DATA\r\n"], deadline.within(self.timeouts.data))
        # Only a clean end of the message leaves a session that is ready for the next one.
        self._reset_first = True
        go_ahead: HopReply | None = None
        if "PIPELINING" in self.features:
            replies = await self._ask_all([*preamble, sender, recipients, data])
            go_ahead = replies.pop()
            replies = replies[sum(len(commands.lines) for commands in preamble) :]
        else:
            await self._ask_all(preamble, at_once=1)
            replies = await self._ask_all([sender], at_once=1)
            if replies[0].ok:
                replies += await self._ask_all([recipients], at_once=1)
        accepted = self._judge_envelope(replies, delivery)
        if not accepted:
            if go_ahead is not None and not go_ahead.negative:
                # It waits for a message that nobody there should get.
                self.usable = False
            return
        if go_ahead is None:
            go_ahead = (await self._ask_all([data]))[0]
        if go_ahead.code != 354:
            if not go_ahead.negative:
                raise HopBrokenError("DATA", f"unexpected reply {go_ahead}")
            for number in accepted:
                delivery.replies[number] = go_ahead
            return
        await self._send_message(outgoing, delivery, deadline)
        await self._read_verdicts(accepted, delivery, deadline)
        self._reset_first = False

    def _preamble(self, outgoing: Outgoing, deadline: Deadline) -> list[_Commands]:
        commands = []
        if self._reset_first:
            commands.append(_Commands("RSET", [b"RSET\r\n"], deadline.within(self.timeouts.reset)))
        client = outgoing.client
        if client is None and self._xforwarded:
            client = Client()
        if client is not None:
            lines = xforward_commands(client, self.features)
            commands.append(_Commands("XFORWARD", lines, deadline.within(self.timeouts.command)))
            self._xforwarded = outgoing.client is not None
        return commands

    def _envelope(self, outgoing: Outgoing, deadline: Deadline) -> tuple[_Commands, _Commands]:
        timeout = deadline.within(self.timeouts.command)
        return (
            _Commands("MAIL", [mail_command(outgoing, self.features)], timeout),
            _Commands("RCPT", recipient_commands(outgoing.envelope.recipients, self.features), timeout),
        )

    @staticmethod
    def _judge_envelope(replies: Sequence[HopReply], delivery: Delivery) -> list[int]:
        """Numbers of the accepted recipients; the others get their reply."""
        sender, *recipients = replies
        if not sender.ok:
            if not sender.negative:
                raise HopBrokenError("MAIL", f"unexpected reply {sender}")
            delivery.replies[:] = [sender] * len(delivery.replies)
            return []
        accepted = []
        for number, reply in enumerate(recipients):
            if reply.ok:
                accepted.append(number)
            elif reply.negative:
                delivery.replies[number] = reply
            else:
                raise HopBrokenError("RCPT", f"unexpected reply {reply}")
        return accepted

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
            return (await self._ask("NOOP", b"NOOP\r\n", self.timeouts.noop)).ok
        except HopError:
            return False

    async def quit(self) -> None:
        """Take leave politely, then close."""
        with contextlib.suppress(HopError):
            await self._ask("QUIT", b"QUIT\r\n", self.timeouts.quit)
        self.abort()

    def abort(self) -> None:
        """Close at once: what was not completed did not happen."""
        self.usable = False
        self._stream.abort()

    async def _ask(self, name: str, line: bytes, seconds: float) -> HopReply:
        return (await self._ask_all([_Commands(name, [line], seconds)]))[0]

    async def _ask_all(self, groups: Sequence[_Commands], *, at_once: int = _PIPELINE) -> list[HopReply]:
        """A reply to each command, in order; at most `at_once` commands are sent before their replies are read."""
        replies: list[HopReply] = []
        for batch in _batches(groups, at_once):
            first = batch[0]
            self._stream.expect_silence(first.name)
            octets = b"".join([line for commands in batch for line in commands.lines])
            await self._stream.write(first.name, octets, first.seconds)
            for commands in batch:
                replies += await self._stream.replies(len(commands.lines), commands.name, commands.seconds)
        return replies


def _batches(groups: Sequence[_Commands], most: int) -> Iterator[list[_Commands]]:
    """The same commands, `most` of them at a time."""
    batch: list[_Commands] = []
    room = most
    for group in groups:
        lines = group.lines
        while lines:
            now, lines = lines[:room], lines[room:]
            batch.append(_Commands(group.name, now, group.seconds))
            room -= len(now)
            if not room:
                yield batch
                batch, room = [], most
    if batch:
        yield batch


def _features(lines: Sequence[str]) -> dict[str, str]:
    """EHLO keywords; the first line is the greeting."""
    words = (line.partition(" ") for line in lines[1:])
    return {keyword.upper(): parameters.strip() for keyword, _, parameters in words}
