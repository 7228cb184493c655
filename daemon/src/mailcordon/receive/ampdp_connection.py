"""One AM.PDP connection: requests in, answers out, one after the other (B1.01, B1.02, B1.07)."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import cast

from mailcordon.config.policy_banks import Regime
from mailcordon.errors import ProtocolError
from mailcordon.receive.ampdp_codec import Attribute, RequestParser
from mailcordon.receive.ampdp_desk import PolicyDesk, failure
from mailcordon.receive.endpoint import Endpoint

log = logging.getLogger(__name__)

INPUT_LIMIT = 64 * 1024
"""Octets that may wait while a request is answered; more stay with the client."""
DRAIN_GRACE = 2.0
"""Seconds for a client to complete a request that it has begun, once the server drains."""
CLOSING_GRACE = 10.0
"""Seconds for the client to take the last answer."""


class PolicyConnection(asyncio.Protocol):
    """Moves octets between a transport and the desk. `gone` is called once nothing of the connection is left."""

    def __init__(
        self, desk: PolicyDesk, endpoint: Endpoint, regime: Regime, gone: Callable[["PolicyConnection"], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._desk = desk
        self._endpoint = endpoint
        self._regime = regime
        self._gone = gone
        self._parser = RequestParser()
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._turn: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._last_input = self._loop.time()
        self._end_of_input = False
        self._draining = False
        self._closing = False
        self._lost = False
        self._writing_paused = False

    # What the server calls

    @property
    def idle_since(self) -> float | None:
        """When the client said its last word; None while a request comes in or is answered."""
        return self._last_input if self._task is None and self._parser.idle and not self._closing else None

    def make_room(self) -> None:
        """Take leave of an idle client: others want to be served."""
        self._close()

    def drain(self) -> None:
        """Answer the request in progress, if any, then leave."""
        self._draining = True
        if self._task is None:
            if self._parser.idle:
                self._close()
            else:
                self._watch()

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The client speaks first."""
        self._transport = cast(asyncio.Transport, transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take what the client sent."""
        self._parser.feed(data)
        self._last_input = self._loop.time()
        self._advance()

    def eof_received(self) -> bool:
        """The client sends nothing more; it still gets its answers."""
        self._end_of_input = True
        self._advance()
        return True

    def pause_writing(self) -> None:
        """The client does not read its answers: take no further request."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """The client reads again."""
        self._writing_paused = False
        self._advance()

    def connection_lost(self, exc: Exception | None) -> None:
        """What is being done is done to its end."""
        self._lost = self._closing = True
        for handle in (self._timer, self._turn):
            if handle is not None:
                handle.cancel()
        if self._task is None:
            self._gone(self)

    # Requests

    def _advance(self) -> None:
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        if self._task is None and not self._closing and not self._writing_paused:
            try:
                request, more = self._parser.next_request()
            except ProtocolError as error:
                self._write(failure(str(error)))
                self._close()
                return
            if request is not None:
                self._task = self._loop.create_task(self._answer(request))
            elif more:
                self._turn = self._loop.call_soon(self._advance)
            elif self._end_of_input:
                self._close()
        self._regulate_reading()

    async def _answer(self, request: Sequence[Attribute]) -> None:
        try:
            answer = await self._desk.answer(request, self._regime, self._endpoint)
        finally:
            self._task = None
            if self._lost:
                self._gone(self)
        if self._lost:
            log.info("an AM.PDP client left before the answer to its request")
            return
        self._write(answer)
        self._last_input = self._loop.time()
        if self._draining:
            self._close()
        else:
            self._advance()

    # Output, time limits

    def _write(self, octets: bytes) -> None:
        if self._transport is not None:
            self._transport.write(octets)

    def _regulate_reading(self) -> None:
        if self._transport is None or self._closing:
            return
        if self._parser.waiting >= INPUT_LIMIT and (self._task is not None or self._writing_paused):
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _close(self) -> None:
        self._closing = True
        if self._transport is not None:
            self._transport.close()
            self._set_timer(self._loop.time() + CLOSING_GRACE, self._transport.abort)

    def _watch(self) -> None:
        """Leave when the client is silent for too long, look again when it could be (B1.07)."""
        if self._closing:
            return
        now = self._loop.time()
        patience: float = self._regime.settings.smtpd_timeout
        if self._draining:
            patience = min(patience, DRAIN_GRACE)
        due = now + patience if self._task is not None else self._last_input + patience
        if due > now:
            self._set_timer(due, self._watch)
        else:
            log.info("AM.PDP client silent for %g s, closing", patience)
            self._close()

    def _set_timer(self, when: float, action: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, action)
