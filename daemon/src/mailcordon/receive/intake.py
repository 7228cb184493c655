"""What the connections of a server share: places, ids, and the way of a complete message to the pipeline and back."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

from mailcordon.config.policy_banks import PolicyBanks
from mailcordon.config.settings import Settings
from mailcordon.errors import TemporaryError
from mailcordon.mail.content import Content
from mailcordon.mail.envelope import Envelope, Session
from mailcordon.mail.header import HeaderSection
from mailcordon.mail.ids import LogIds, new_mail_id
from mailcordon.mail.message import Mail
from mailcordon.mail.reply import Reply
from mailcordon.mail.timing import Timing
from mailcordon.mail.verdict import Outcome
from mailcordon.receive.authentication import Authenticator
from mailcordon.receive.claimed_address import claimed_address
from mailcordon.receive.reception import Reception
from mailcordon.receive.replies import processing_failed, storage_full
from mailcordon.receive.slots import Slots
from mailcordon.receive.spool import Spool

log = logging.getLogger(__name__)

Handler = Callable[[Mail], Awaitable[Outcome]]
"""Takes a message through the pipeline. The content is closed when it returns."""


class Intake:
    """Turns receptions into `Mail`, awaits the handler, and says what to answer. Holds no connections."""

    def __init__(self, banks: PolicyBanks, handler: Handler, log_ids: LogIds) -> None:
        self.banks = banks
        self.slots = Slots(banks.base.max_messages_per_worker, banks.base.max_bytes_per_worker)
        self.authenticator = Authenticator()
        self._handler = handler
        self._log_ids = log_ids
        self.in_progress: dict[str, Timing] = {}
        """The messages being received or handled, by log id."""

    def new_reception(self, settings: Settings) -> Reception:
        """Begin to receive a message under these settings; it has its log id from now on."""
        spool = Spool(settings.TEMPBASE, settings.spool_memory_limit)
        log_id = self._log_ids.new()
        self.in_progress[log_id] = Timing()
        return Reception(
            log_id,
            spool,
            settings.size_limit_for_all,
            bare_newlines=settings.smtpd_forbid_bare_newline,
        )

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
        self.in_progress.pop(reception.log_id, None)
        if reception.in_file:
            await asyncio.to_thread(reception.discard)
        else:
            reception.discard()

    async def _process(self, reception: Reception, envelope: Envelope, session: Session) -> list[Reply]:
        lmtp = session.protocol == "LMTP"
        copies = len(envelope.recipients) if lmtp else 1
        refusal = reception.refusal
        if refusal is not None:
            log.info("(%s) refused: %s", reception.log_id, refusal)
            return [refusal] * copies
        try:
            outcome = await self._outcome(reception, envelope, session)
        except TemporaryError as error:
            reason = f"{error.where} FAILED: {error}"
            return [self._failed(reception.log_id, reason, full=error.storage_full)] * copies
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
        return await self._taken(reception.log_id, content, header, envelope, session)

    async def examine(
        self, log_id: str, content: Content, envelope: Envelope, session: Session, *, client_delivers: bool
    ) -> Outcome | Reply:
        """Hand on a message that did not come by SMTP; a temporary reply says why that failed. Closes `content`."""
        self.in_progress[log_id] = Timing()
        try:
            header = await asyncio.to_thread(_header_of, content)
            return await self._taken(log_id, content, header, envelope, session, client_delivers=client_delivers)
        except TemporaryError as error:
            return self._failed(log_id, f"{error.where} FAILED: {error}", full=error.storage_full)
        except Exception as error:
            log.exception("(%s) unexpected error", log_id)
            return processing_failed(log_id, f"internal error FAILED: {type(error).__name__}")
        finally:
            self.in_progress.pop(log_id, None)

    def new_log_id(self) -> str:
        """For a message that is about to come by another way than a reception."""
        return self._log_ids.new()

    async def _taken(
        self,
        log_id: str,
        content: Content,
        header: HeaderSection,
        envelope: Envelope,
        session: Session,
        *,
        client_delivers: bool = False,
    ) -> Outcome:
        try:
            if session.client.addr is None and (claimed := claimed_address(header)):
                session = replace(session, client=replace(session.client, claimed_addr=claimed))
            mail = Mail(
                log_id=log_id,
                mail_id=new_mail_id(self.banks.base.mail_id_size_bits),
                received_at=datetime.now(UTC).astimezone(),
                session=session,
                envelope=envelope,
                header=header,
                content=content,
                client_delivers=client_delivers,
                timing=self.in_progress.get(log_id),
            )
            mail.lap("receive")
            return await self._handle(mail)
        finally:
            content.close()

    async def _handle(self, mail: Mail) -> Outcome:
        limit = self.banks.of(mail.session).child_timeout
        try:
            async with asyncio.timeout(limit) as deadline:
                return await self._handler(mail)
        except TimeoutError as error:
            if deadline.expired():
                raise TemporaryError(f"not done within {limit} s") from error
            raise

    @staticmethod
    def _failed(log_id: str, reason: str, *, full: bool = False) -> Reply:
        log.warning("(%s) not taken, the client keeps it: %s", log_id, reason)
        return storage_full(log_id, reason) if full else processing_failed(log_id, reason)


def _open(reception: Reception) -> tuple[Content, HeaderSection]:
    content = reception.seal()
    return content, _header_of(content)


def _header_of(content: Content) -> HeaderSection:
    """Closes the content when it cannot be read."""
    try:
        with content.view() as view:
            return HeaderSection.of(view)
    except BaseException:
        content.close()
        raise
