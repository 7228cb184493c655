"""The mail log and the quarantine in SQL, as the mail path sees them: it never waits longer than it wants to."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace

from mailcordon.config.partition_tag import partition_tag, with_tag
from mailcordon.config.settings import Settings
from mailcordon.errors import QuarantineError, StoreError
from mailcordon.mail.finding import Findings
from mailcordon.mail.ids import new_mail_id
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import Outcome
from mailcordon.store.counters import StoreCounters
from mailcordon.store.engine import Databases
from mailcordon.store.message_record import beginning_of, record_of
from mailcordon.store.pending import Pending
from mailcordon.store.quarantine_reader import QuarantineReader
from mailcordon.store.shape import Shape
from mailcordon.store.statements import Statements
from mailcordon.store.tasks import Abandon, Finish, Keep, Reserve
from mailcordon.store.transactions import Transactions
from mailcordon.store.writer import Writer

log = logging.getLogger(__name__)

_SLOWEST = 1_000_000
"""Octets in a second that a data base takes, or it counts as dead."""


class Store:
    """The data base of one worker for messages; `storage_sql_dsn` says where it is."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._statements = Statements(settings.sql_clause)
        self._writer = Writer(
            Databases(settings.storage_sql_dsn, timeout=settings.sql_timeout),
            self._transactions,
            Pending(settings.sql_pending_directory),
        )

        self.quarantine_reader = QuarantineReader(
            Databases(settings.storage_sql_dsn, timeout=settings.sql_timeout, read_only=True),
            self._statements,
            timeout=settings.sql_timeout,
        )
        """Finds what is in quarantine, and reads it; connects when it is asked for the first time."""

    def start(self) -> None:
        """Begin to write; the data base need not be there yet."""
        self._writer.start()

    @property
    def counters(self) -> StoreCounters:
        """What was written, and what was not."""
        return self._writer.counters

    def begin(self, mail: Mail, settings: Settings) -> "Reservation":
        """A message has come. Its row is on its way to the data base when this returns; see `Reservation.settle`."""
        return Reservation(self._writer, self._settings, mail, settings)

    async def close(self) -> None:
        """Write what is still to be written, or put it into a file."""
        await asyncio.to_thread(self._writer.close, self._settings.sql_timeout)
        await asyncio.to_thread(self.quarantine_reader.close)
        log.debug("sql: %s", ", ".join(f"{name} {count}" for name, count in self.counters.by_name().items()))

    def _transactions(self, shape: Shape) -> Transactions:
        settings = self._settings
        return Transactions(
            self._statements,
            shape,
            allow_8bit=settings.sql_allow_8bit_address,
            chunk_size=settings.sql_quarantine_chunksize_max,
            count_retry=self._count_retry,
            id_bits=settings.mail_id_size_bits,
        )

    def _count_retry(self) -> None:
        self._writer.counters.gen_mail_id_retries += 1


class Reservation:
    """One message's place in the data base, from its reception to its end."""

    def __init__(self, writer: Writer, base: Settings, mail: Mail, settings: Settings) -> None:
        self._writer = writer
        self._timeout = base.sql_timeout
        self._may_wait_in_file = base.storage_sql_failure == "spool"
        self._keeps_all = settings.sql_store_info_for_all_msgs
        tag = partition_tag(settings, mail.received_at)
        self._beginning = beginning_of(mail, settings, tag, secret_id=new_mail_id())
        self._is_reserved = False
        self._task: Reserve | None = None
        self._problem = writer.problem
        if self._keeps_all and not self._problem:
            self._task = Reserve(self._beginning)
            writer.add(self._task)

    async def settle(self, mail: Mail) -> Mail:
        """Wait for the row; the message comes back with the id that is its own now (B2.27).

        Raises StoreError when the data base does not take it and `storage_sql_failure` says that it has to.
        """
        try:
            if self._task is not None:
                mail_id = await self._answer(self._task)
                self._is_reserved = True
                if mail_id != mail.mail_id:
                    log.info("(%s) mail_id %s was taken, now %s", mail.log_id, mail.mail_id, mail_id)
                    self._beginning = self._beginning.renamed(mail_id)
                    return replace(mail, mail_id=mail_id)
            elif self._keeps_all:
                raise StoreError(self._problem)  # noqa: TRY301 - as if it had been asked
        except StoreError as error:
            self._task = None
            if not self._may_wait_in_file:
                raise
            if self._writer.may_lose:
                raise StoreError(f"{error}; and the directory for what waits is not writable") from error
            log.info("(%s) goes on without the data base: %s", mail.log_id, error)
        return mail

    async def keep(self, chunks: Callable[[], Iterable[bytes]]) -> str:
        """See `SqlCopies`."""
        problem = self._writer.problem
        if problem:
            raise QuarantineError(f"the data base does not take it: {problem}")
        task = Keep(self._beginning, chunks)
        self._writer.add(task)
        try:
            # The writer reads the message, which is closed once we return.
            await self._to_the_end(asyncio.wrap_future(task.done))
        except StoreError as error:
            raise QuarantineError(f"the data base does not take it: {error}") from error
        self._is_reserved = True
        return with_tag(self._beginning.mail_id, self._beginning.partition_tag)

    def finish(self, mail: Mail, settings: Settings, findings: Findings, outcome: Outcome) -> None:
        """The message is done with, and this is what became of it. Never waits, never fails (design rule 1)."""
        if not self._keeps_all and not outcome.quarantine:
            return
        try:
            record = record_of(self._beginning, mail, settings, findings, outcome)
        except Exception:
            log.exception("(%s) cannot make the record for the data base", mail.log_id)
            return
        self._writer.add(Finish(record, self._is_reserved))

    def abandon(self) -> None:
        """The client keeps the message and brings it again: there will be another row then."""
        if self._task is not None:
            # Done or not: if the writer has it in hands, the row is removed after it was made.
            self._task.done.cancel()
            self._writer.add(Abandon(self._beginning))

    async def _answer(self, task: Reserve) -> str:
        if task.done.done():
            # The usual case: it was written during the checks, together with others.
            return task.done.result()
        self._writer.hurry(task)
        try:
            async with asyncio.timeout(self._timeout):
                return await asyncio.wrap_future(task.done)
        except TimeoutError:
            raise StoreError(self._interrupted(self._timeout)) from None

    async def _to_the_end(self, waiting: "asyncio.Future[None]") -> None:
        """Wait for a copy, and in any case until the writer has let go of the message."""
        limit = self._timeout + self._beginning.size / _SLOWEST
        try:
            await self._end_of(waiting, limit)
        except asyncio.CancelledError:
            await self._end_of(waiting, limit)
            raise
        waiting.result()

    async def _end_of(self, waiting: "asyncio.Future[None]", limit: float) -> None:
        done, _ = await asyncio.wait([waiting], timeout=limit)
        if not done:
            self._interrupted(limit)
            await asyncio.wait([waiting])

    def _interrupted(self, limit: float) -> str:
        why = f"no answer within {limit:g} s"
        self._writer.interrupt(why)
        return why
