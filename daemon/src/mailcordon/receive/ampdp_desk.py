"""Answers AM.PDP requests, each by its kind (B1.06, B1.08, B1.23, B1.35, B1.37)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from mailcordon.config.policy_banks import Regime
from mailcordon.errors import ProtocolError
from mailcordon.mail.release import ReleaseRequest
from mailcordon.mail.reply import Reply
from mailcordon.receive.ampdp_check import check
from mailcordon.receive.ampdp_codec import Attribute, encode_response
from mailcordon.receive.ampdp_request import (
    INCOMPLETE,
    Attributes,
    CheckRequest,
    check_request,
    is_check,
    release_kind,
    release_request,
)
from mailcordon.receive.endpoint import Endpoint
from mailcordon.receive.intake import Intake

log = logging.getLogger(__name__)

ReleaseHandler = Callable[[ReleaseRequest, Regime], Awaitable[Sequence[Reply]]]
"""Answers a request about a mail in quarantine: a reply for each recipient. Raises nothing."""

EXIT_TEMPFAIL = "75"
_ACCESS_POLICY = "smtpd_access_policy"
_DUNNO = b"action=DUNNO\n\n"
"""Postfix's own protocol, whose lines end with LF."""


class PolicyDesk:
    """What the AM.PDP connections of a worker share."""

    def __init__(self, intake: Intake, release: ReleaseHandler) -> None:
        self.intake = intake
        self._release = release

    async def answer(self, request: Sequence[Attribute], regime: Regime, endpoint: Endpoint) -> bytes:
        """The octets of the answer to one request, whatever it holds."""
        try:
            return await self._carry_out(Attributes(request), regime, endpoint)
        except ProtocolError as error:
            return failure(str(error))
        except Exception as error:
            log.exception("unexpected error in an AM.PDP request")
            return failure(f"internal error {type(error).__name__}")

    async def _carry_out(self, attributes: Attributes, regime: Regime, endpoint: Endpoint) -> bytes:
        if attributes.kind.lower() == _ACCESS_POLICY:
            return _DUNNO
        kind = release_kind(attributes)
        if kind is not None:
            return await self._released(release_request(kind, attributes), regime)
        if regime.settings.release_only:
            raise ProtocolError(f"request {attributes.kind!r} is not allowed here")
        if is_check(attributes):
            return await self._checked(check_request(attributes), regime, endpoint)
        raise ProtocolError(f"request {attributes.kind!r} is unknown")

    async def _checked(self, request: CheckRequest, regime: Regime, endpoint: Endpoint) -> bytes:
        await self._place()
        try:
            return encode_response(await check(request, regime, endpoint, self.intake))
        finally:
            self.intake.slots.release()

    async def _released(self, request: ReleaseRequest, regime: Regime) -> bytes:
        await self._place()
        try:
            replies = await self._release(request, regime)
        finally:
            self.intake.slots.release()
        return encode_response([set_reply(reply) for reply in replies])

    async def _place(self) -> None:
        """Wait for a place among the messages that the worker handles at a time."""
        slots = self.intake.slots
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def grant() -> None:
            if granted.cancelled():
                slots.release()
            else:
                granted.set_result(None)

        if slots.take(grant):
            return
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                slots.release()
            raise


def set_reply(reply: Reply) -> tuple[str, ...]:
    """The attribute with an SMTP reply."""
    return ("setreply", str(reply.code), reply.enhanced or f"{reply.code // 100}.0.0", reply.text)


def failure(reason: str) -> bytes:
    """The answer to a request that cannot be carried out (B1.06)."""
    log.warning("AM.PDP request failed: %s", reason)
    return encode_response(
        [
            set_reply(Reply(450, "4.5.0", reason if reason == INCOMPLETE else f"Failure: {reason}")),
            ("return_value", "tempfail"),
            ("exit_code", EXIT_TEMPFAIL),
        ]
    )
