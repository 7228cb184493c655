"""What the connections of a server share: places, ids, and the way of a complete message to the pipeline and back."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from mailcordon.config.settings import Settings
from mailcordon.errors import SpoolError, TemporaryError
from mailcordon.mail.content import Content
from mailcordon.mail.envelope import Envelope, Session
from mailcordon.mail.header import HeaderSection
from mailcordon.mail.ids import LogIds, new_mail_id
from mailcordon.mail.message import Mail
from mailcordon.mail.reply import Reply
from mailcordon.mail.verdict import Outcome
from mailcordon.receive.reception import Reception
from mailcordon.receive.replies import processing_failed, too_big
from mailcordon.receive.slots import Slots
from mailcordon.receive.spool import Spool

log = logging.getLogger(__name__)

Handler = Callable[[Mail], Awaitable[Outcome]]
"""Takes a message through the pipeline. The content is closed when it returns."""


class Intake:
    """Turns receptions into `Mail`, awaits the handler, and says what to answer. Holds no connections."""

    def __init__(self, settings: Settings, handler: Handler, log_ids: LogIds) -> None:
        self.settings = settings
        self.slots = Slots(settings.max_messages_per_worker)
        self._handler = handler
        self._log_ids = log_ids

    def new_reception(self) -> Reception:
        """Begin to receive a message; it has its log id from now on."""
        settings = self.settings
        spool = Spool(settings.TEMPBASE, settings.spool_memory_limit)
        return Reception(self._log_ids.new(), spool, settings.message_size_limit)

    async def process(self, reception: Reception, envelope: Envelope, session: Session) -> list[Reply]:
        """Hand a completely received message on; gives the one reply, or for LMTP one for each recipient, in order.

        A 2xx comes from the handler's outcome and from nowhere else (design rule 1).
        """
        try:
            return await self._process(reception, envelope, session)
        finally:
            await self.discard(reception)

    async def discard(self, reception: Reception) -> None:
        """Drop what is stored of a message."""
        if reception.in_file:
            await asyncio.to_thread(reception.discard)
        else:
            reception.discard()

    async def _process(self, reception: Reception, envelope: Envelope, session: Session) -> list[Reply]:
        lmtp = session.protocol == "LMTP"
        copies = len(envelope.recipients) if lmtp else 1
        if reception.too_big:
            reply = too_big(reception.size)
            log.info("(%s) refused: %s", reception.log_id, reply)
            return [reply] * copies
        try:
            outcome = await self._outcome(reception, envelope, session)
        except SpoolError as error:
            return [self._failed(reception.log_id, f"spool FAILED: {error}")] * copies
        except TemporaryError as error:
            return [self._failed(reception.log_id, str(error))] * copies
        except Exception as error:
            log.exception("(%s) unexpected error", reception.log_id)
            return [processing_failed(reception.log_id, f"internal error FAILED: {type(error).__name__}")] * copies
        if not lmtp:
            return [outcome.reply]
        if len(outcome.recipients) != copies:
            reason = f"internal error FAILED: {len(outcome.recipients)} results for {copies} recipients"
            return [self._failed(reception.log_id, reason)] * copies
        return [recipient.reply for recipient in outcome.recipients]

    async def _outcome(self, reception: Reception, envelope: Envelope, session: Session) -> Outcome:
        if reception.in_file:
            content, header = await asyncio.to_thread(_open, reception)
        else:
            content, header = _open(reception)
        try:
            mail = Mail(
                log_id=reception.log_id,
                mail_id=new_mail_id(self.settings.mail_id_size_bits),
                received_at=datetime.now(UTC).astimezone(),
                session=session,
                envelope=envelope,
                header=header,
                content=content,
            )
            return await self._handle(mail)
        finally:
            content.close()

    async def _handle(self, mail: Mail) -> Outcome:
        limit = self.settings.child_timeout
        try:
            async with asyncio.timeout(limit) as deadline:
                return await self._handler(mail)
        except TimeoutError as error:
            if deadline.expired():
                raise TemporaryError(f"not done within {limit} s") from error
            raise

    @staticmethod
    def _failed(log_id: str, reason: str) -> Reply:
        log.warning("(%s) not taken, the client keeps it: %s", log_id, reason)
        return processing_failed(log_id, reason)


def _open(reception: Reception) -> tuple[Content, HeaderSection]:
    content = reception.seal()
    try:
        with content.view() as view:
            return content, HeaderSection.of(view)
    except BaseException:
        content.close()
        raise
