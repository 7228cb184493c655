"""One connection of the server: octets in, replies out, time limits, backpressure."""

import asyncio
import logging
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, cast

from mailcordon.errors import OverloadError, ProtocolError
from mailcordon.log_levels import NOTICE
from mailcordon.mail.reply import Reply
from mailcordon.receive import proxy_header, replies, tls
from mailcordon.receive.command_input import CommandInput
from mailcordon.receive.endpoint import Endpoint
from mailcordon.receive.intake import Intake
from mailcordon.receive.phase import AWAITS_CLIENT, Phase
from mailcordon.receive.reception import Reception
from mailcordon.receive.replies import render
from mailcordon.receive.session import Answer, SmtpSession, Step
from mailcordon.receive.time_limits import TimeLimits

log = logging.getLogger(__name__)

INPUT_LIMIT = 64 * 1024
"""Octets that may wait while the connection is busy; more stay with the client."""
COMMANDS_PER_TURN = 100
"""Pipelined commands answered before other connections have their turn."""


class SmtpConnection(asyncio.Protocol):
    """Moves octets between a transport and its `SmtpSession`, and messages to the `Intake`.

    `gone` is called with the connection once it is lost and no task of it runs any more.
    """

    def __init__(
        self,
        intake: Intake,
        endpoint: Endpoint,
        gone: Callable[["SmtpConnection"], None],
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        """`tls_context` is needed where the settings offer STARTTLS."""
        self._loop = asyncio.get_running_loop()
        self._intake = intake
        self._endpoint = endpoint
        self._tls_context = tls_context
        self._session = SmtpSession(intake.banks, endpoint)
        self._commands = CommandInput(self._session)
        self._gone = gone
        self._transport: asyncio.Transport | None = None
        self._phase = Phase.COMMANDS
        self._input = bytearray()
        self._output: list[bytes] = []
        self._end_of_input = False
        self._reading_paused = False
        self._writing_paused = False
        self._lost = False
        self._messages = 0
        self._reception: Reception | None = None
        self._reserved = 0
        """Octets that the message holds of the worker's."""
        self._task: asyncio.Task[None] | None = None
        self._limits = TimeLimits(self._loop)
        self._turn: asyncio.Handle | None = None

    # What the server calls

    @property
    def idle_since(self) -> float | None:
        """When the client said its last word (the loop's time); None while it is in a transaction, or we are busy."""
        idle = self._phase in {Phase.PROXY_HEADER, Phase.COMMANDS} and not self._session.in_transaction
        return self._limits.last_input if idle else None

    def make_room(self) -> None:
        """Take leave of an idle client: others want to be served."""
        self._leave(replies.MAKING_ROOM)

    def drain(self) -> None:
        """Finish the transaction in progress, if any, then leave with 421; a client between two mails gets it now."""
        self._limits.draining = True
        if self._phase is Phase.WAITING:
            self._intake.slots.withdraw(self._slot_granted)
            self._leave(replies.SHUTTING_DOWN)
        elif self._phase is Phase.COMMANDS and self._messages and not self._session.in_transaction:
            self._leave(replies.SHUTTING_DOWN)
        elif self._phase is not Phase.CLOSED:
            self._watch()

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        # A stream's transport is one; uvloop's only behaves like asyncio's without being its subclass.
        self._transport = cast(asyncio.Transport, transport)
        if self._session.settings.haproxy_target_enabled:
            self._phase = Phase.PROXY_HEADER
        else:
            self._transport.write(self._session.greeting())
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take what the client sent, and answer as far as possible."""
        if self._phase is not Phase.COMMANDS:
            self._limits.heard()
        self._input += data
        self._advance()

    def eof_received(self) -> bool:
        """The client sends nothing more; it still gets the replies to what it has sent."""
        self._end_of_input = True
        self._advance()
        # Under TLS there is no half: the transport closes whatever we say, and logs a complaint.
        return not self._session.encrypted

    def pause_writing(self) -> None:
        """The client does not read its replies: take nothing more from it."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """The client reads again."""
        self._writing_paused = False
        self._advance()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give up what is not complete. A complete message stays on its way."""
        if self._lost:
            return
        if self._phase is Phase.WAITING:
            self._intake.slots.withdraw(self._slot_granted)
        elif self._phase is Phase.DATA and self._reception is not None:
            self._run(self._abandon(self._reception))
        self._lost = True
        self._phase = Phase.CLOSED
        self._input.clear()
        self._limits.cancel_timer()
        if self._turn is not None:
            self._turn.cancel()
        self._end_if_gone()

    # Input

    def _advance(self) -> None:
        """Work through the input until it ends or has to wait, then write all replies at once (RFC 2920)."""
        self._turn = None
        turns = COMMANDS_PER_TURN
        while self._input and not self._writing_paused:
            if self._phase is Phase.COMMANDS:
                if turns <= 0:
                    self._turn = self._loop.call_soon(self._advance)
                    break
                taken = self._commands.take(self._input)
                if taken is None:
                    break
                turns -= taken.turns
                if taken.is_whole:
                    # A piece of a line does not count: a client that drips one would have the connection for ever.
                    self._limits.heard()
                if taken.answer is not None:
                    self._act(taken.answer)
            elif self._phase is Phase.DATA and self._reception is not None:
                self._receive(self._reception)
            elif self._phase is not Phase.PROXY_HEADER or not self._take_proxy_header():
                break
        self._flush_output()
        self._regulate_reading()
        stuck = self._turn is None and not self._writing_paused
        if self._end_of_input and stuck and self._phase in AWAITS_CLIENT:
            self._close()

    def _act(self, answer: Answer) -> None:
        if answer.octets:
            self._output.append(answer.octets)
        if answer.step is Step.RECEIVE_DATA:
            self._reserved = self._session.announced_size
            if self._intake.slots.take(self._slot_granted, self._reserved):
                self._begin_data()
            else:
                self._phase = Phase.WAITING
                self._limits.waits()
                self._watch()
        elif answer.step is Step.START_TLS:
            self._start_tls()
        elif answer.step is Step.AUTHENTICATE:
            self._run(self._authenticate())
        elif answer.step is Step.CLOSE:
            self._close()

    def _take_proxy_header(self) -> bool:
        """Believe the load balancer, which inet_acl has let in; False when more of its header is needed (B6.11)."""
        try:
            header = proxy_header.parse(self._input)
        except ProtocolError as error:
            log.log(NOTICE, "connection from %s dropped: %s", self._endpoint.client, error)
            self._close()
            return False
        if header is None:
            return False
        del self._input[: header.length]
        if header.client_addr is not None:
            self._endpoint = replace(self._endpoint, peer_addr=header.client_addr)
            self._session = SmtpSession(self._intake.banks, self._endpoint)
            self._commands = CommandInput(self._session)
        self._output.append(self._session.greeting())
        self._phase = Phase.COMMANDS
        self._limits.heard()
        self._watch()
        return True

    # TLS

    def _start_tls(self) -> None:
        transport, context = self._transport, self._tls_context
        if transport is None or context is None:
            raise RuntimeError("STARTTLS was offered without a certificate")
        if self._input:
            # Said in clear, perhaps by somebody on the way, to be obeyed as if it had come encrypted (features 13.17).
            log.warning("STARTTLS pipelining violation attempt of client %s, sanitized", self._endpoint.client)
            self._input.clear()
        self._flush_output()
        transport.pause_reading()
        self._run(self._encrypt(transport, context))
        self._phase = Phase.HANDSHAKE

    async def _encrypt(self, transport: asyncio.Transport, context: ssl.SSLContext) -> None:
        encrypted = await tls.upgrade(transport, self, context, self._endpoint.client)
        if encrypted is None:
            # Event loops do not always say so themselves.
            self.connection_lost(None)
        elif not self._lost:
            self._transport = encrypted
            self._reading_paused = False
            self._session.tls_started(encrypted.get_extra_info("cipher")[0])
            self._resume(Phase.COMMANDS)

    async def _authenticate(self) -> None:
        session = self._session
        accepted = await self._intake.authenticator.accepts(session.settings, session.credentials)
        answer = session.authenticated(accepted=accepted)
        if not self._lost:
            self._phase = Phase.COMMANDS
            self._act(answer)
            self._limits.heard()
            self._advance()

    # Data

    def _slot_granted(self) -> None:
        self._begin_data()
        self._advance()

    def _begin_data(self) -> None:
        self._phase = Phase.DATA
        self._limits.data_begins()
        self._reception = self._intake.new_reception(self._session.settings)
        self._output.append(render(replies.START_DATA))
        if self._limits.expects_nothing_before(self._due()):
            self._watch()

    def _receive(self, reception: Reception) -> None:
        octets, self._input = self._input, bytearray()
        rest = reception.feed(octets)
        more = reception.size - self._reserved
        if more > 0 and reception.keeps:
            if self._intake.slots.grow(more):
                self._reserved += more
            else:
                reception.refuse(OverloadError("too many octets at a time, see max_bytes_per_worker"))
        if rest is not None:
            self._input += rest
            self._run(self._finish(reception))
        elif reception.wants_flush:
            self._run(self._flush(reception))

    async def _flush(self, reception: Reception) -> None:
        await asyncio.to_thread(reception.flush)
        if self._lost:
            await self._abandon(reception)
        else:
            self._resume(Phase.DATA)

    async def _finish(self, reception: Reception) -> None:
        # Ends with `_resume`, which may begin the next message: nothing of this one may be left to do then.
        session = self._session
        answers = await self._intake.process(reception, session.envelope(), session.describe())
        self._messages += 1
        session.message_done(accepted=any(answer.ok for answer in answers))
        self._free_slot()
        if self._lost:
            told = ", ".join(sorted({str(answer.code) for answer in answers}))
            log.info("(%s) the client left before the reply %s", reception.log_id, told)
        else:
            self._output += [render(answer) for answer in answers]
            if self._limits.draining:
                self._leave(replies.SHUTTING_DOWN)
            else:
                self._resume(Phase.COMMANDS)

    async def _abandon(self, reception: Reception) -> None:
        log.info("(%s) the client left within its message, %d octets dropped", reception.log_id, reception.size)
        await self._intake.discard(reception)
        self._free_slot()

    def _free_slot(self) -> None:
        if self._reception is not None:
            self._reception = None
            self._intake.slots.release(self._reserved)

    def _resume(self, phase: Phase) -> None:
        self._phase = phase
        self._limits.heard()
        self._advance()

    # Tasks

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._phase = Phase.BUSY
        self._task = self._loop.create_task(work)
        self._task.add_done_callback(self._ran)

    def _ran(self, task: asyncio.Task[None]) -> None:
        if task is self._task:
            self._task = None
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("unexpected error on a connection, closing it", exc_info=error)
        if (error is not None or task.cancelled()) and self._transport is not None:
            # No reply: the client keeps its message.
            self._free_slot()
            self._transport.abort()
        self._end_if_gone()

    def _end_if_gone(self) -> None:
        if self._lost and self._task is None:
            self._gone(self)

    # Output

    def _flush_output(self) -> None:
        if self._output and self._transport is not None:
            self._transport.write(b"".join(self._output))
        self._output.clear()

    def _regulate_reading(self) -> None:
        if self._phase in {Phase.CLOSED, Phase.HANDSHAKE} or self._transport is None:
            return
        pause = self._writing_paused or len(self._input) >= INPUT_LIMIT
        if pause != self._reading_paused:
            self._reading_paused = pause
            if pause:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def _leave(self, reply: Reply) -> None:
        self._output.append(render(reply))
        self._close()

    def _close(self) -> None:
        """Write what is to be written, then close; a message that is not complete is given up."""
        self._flush_output()
        incomplete = self._reception if self._phase is Phase.DATA else None
        if incomplete is not None:
            self._run(self._abandon(incomplete))
        self._phase = Phase.CLOSED
        self._input.clear()
        if self._transport is not None:
            self._transport.close()
            self._limits.set_closing_timer(self._transport.abort)

    # Time limits

    def _watch(self) -> None:
        """Leave when the client is too slow, look again when it could be."""
        due = self._due()
        if due > self._loop.time():
            self._limits.set_timer(due, self._watch)
        elif self._phase is Phase.WAITING:
            self._refuse_place()
        else:
            self._leave(replies.SHUTTING_DOWN if self._limits.draining else replies.TIMEOUT)

    def _due(self) -> float:
        return self._limits.due(self._phase, self._session.settings, self._reception)

    def _refuse_place(self) -> None:
        """Say so before the client gives up on us without knowing why (RFC 5321 4.5.3.2.4: after two minutes)."""
        self._intake.slots.withdraw(self._slot_granted)
        self._output.append(render(replies.TOO_BUSY))
        self._session.end_transaction()
        self._resume(Phase.COMMANDS)
        self._watch()
