"""Who has written to whom, as the mail log knows it (contracts B2.23, B16.01 to B16.03; features 11.09, 11.15)."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import Connection

from mailcordon.config.settings import Settings
from mailcordon.config.sql_clause import ClauseName
from mailcordon.errors import StoreError
from mailcordon.mail.penpal import Letter, Question
from mailcordon.store.addresses import as_octets
from mailcordon.store.engine import Databases
from mailcordon.store.reader import Reader
from mailcordon.store.records import LENGTH, address, address_octets
from mailcordon.store.shape import Shape, printable
from mailcordon.store.statements import Statements

log = logging.getLogger(__name__)

MOST_RECIPIENTS = 100
"""Of a message, of whom is asked: the work for one message is bounded."""
MOST_TAGS = 60
"""Partition tags, the newest ones, of which an administrator's own statement is asked: more than weeks in a year."""
PAUSE = 10.0
"""Seconds for which nobody asks after a failure, so that a dead data base does not hold up every message."""
_UNKNOWN = 0
"""The id of no address."""

Ids = Mapping[object, int]
"""Of one address, by partition tag."""


@dataclass(frozen=True, slots=True)
class _Answer:
    letter: Letter | None
    counted: tuple[str, ...]


class SqlPenPals:
    """Asks the data base of the mail log; one instance a worker. See `PenPals`."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._statements = Statements(settings.sql_clause)
        self._allow_8bit = settings.sql_allow_8bit_address
        self._case_sensitive = settings.localpart_is_case_sensitive
        self._clock = clock
        self._silent_until = 0.0
        self._counts: Counter[str] = Counter()
        seconds = settings.penpals_timeout
        self._reader = Reader(
            Databases(settings.storage_sql_dsn, timeout=seconds, read_only=True), timeout=seconds, name="sql-penpals"
        )

    @property
    def counts(self) -> dict[str, int]:
        """See `PenPals`."""
        return dict(self._counts)

    async def letters(
        self, question: Question, recipients: Sequence[str], *, log_id: str
    ) -> Sequence[Letter | None] | None:
        """See `PenPals`. Of more than MOST_RECIPIENTS recipients the rest counts as such who have never written."""
        if self._clock() < self._silent_until:
            self._counts["PenPalsAttemptFails"] += 1
            return None
        asked = recipients[:MOST_RECIPIENTS]
        try:
            answers = await self._reader.ask(lambda connection: self._answers(connection, question, asked))
        except StoreError as error:
            self._silent_until = self._clock() + PAUSE
            self._counts["PenPalsAttemptFails"] += 1
            log.warning("(%s) penpals: unknown, no question for %g s: %s", log_id, PAUSE, error)
            return None
        for answer in answers:
            self._counts.update(answer.counted)
        return [*(answer.letter for answer in answers), *[None] * (len(recipients) - len(asked))]

    async def close(self) -> None:
        """End the threads and connections."""
        await asyncio.to_thread(self._reader.close)

    def _answers(self, connection: Connection, question: Question, recipients: Sequence[str]) -> list[_Answer]:
        shape = _shape_of(connection)
        wanted = {address: self._octets(address) for address in (question.correspondent, *recipients) if address}
        ids = self._ids(connection, shape, set(wanted.values()))
        question = Question(question.correspondent, tuple(_as_stored(question.message_ids)))
        theirs = ids.get(wanted.get(question.correspondent, b""), {})
        return [
            self._answer(connection, shape, question, ids.get(wanted.get(recipient, b""), {}), theirs)
            for recipient in recipients
        ]

    def _answer(self, connection: Connection, shape: Shape, question: Question, own: Ids, theirs: Ids) -> _Answer:
        """`own`: ids of the recipient, who may have written; `theirs`: of him who writes now."""
        counted = ["PenPalsAttempts"]
        if question.correspondent:
            counted.append("PenPalsAttemptsRid")
            row = self._newest(connection, shape, "sel_penpals", own, theirs)
            if row is not None:
                counted += ["PenPalsHits", "PenPalsHitsRid"]
                return _Answer(_letter(row), tuple(counted))
        if question.message_ids:
            counted.append("PenPalsAttemptsMid")
            row = self._newest(connection, shape, "sel_penpals_msgid", own, theirs, question.message_ids)
            if row is not None:
                is_same = len(row) > 4 and row[4] in theirs.values()
                counted += ["PenPalsHits", "PenPalsHitsMidRid" if is_same else "PenPalsHitsMid"]
                return _Answer(_letter(row, default_message_id=question.message_ids[0]), tuple(counted))
        return _Answer(None, (*counted, "PenPalsMisses"))

    def _newest(
        self,
        connection: Connection,
        shape: Shape,
        name: ClauseName,
        own: Ids,
        theirs: Ids,
        message_ids: Sequence[str] = (),
    ) -> Sequence[object] | None:
        """The row of the latest message, those to the same correspondent before others."""
        if not own or not (theirs or message_ids):
            return None
        clause = self._statements[name]
        if self._statements.is_ours(name):
            lists = {"%s": [*own.values()], "%r": [*theirs.values()] or [_UNKNOWN], "%m": message_ids}
            statement, values = clause.bound((), lists, shape.mark)
            return connection.exec_driver_sql(statement, values).first()
        found: list[Sequence[object]] = []
        for tag in islice(sorted(own, key=own.__getitem__, reverse=True), MOST_TAGS):
            if tag in theirs or message_ids:
                pair = (own[tag], theirs.get(tag, _UNKNOWN))
                statement, values = clause.bound(pair, {"%m": message_ids}, shape.mark)
                row = connection.exec_driver_sql(statement, values).first()
                if row is not None:
                    found.append(row)
        same = [row for row in found if len(row) > 4 and row[4] in theirs.values()]
        return max(same or found, key=lambda row: _number(row[0]), default=None)

    def _ids(
        self, connection: Connection, shape: Shape, addresses: Collection[bytes]
    ) -> dict[bytes, dict[object, int]]:
        ids: dict[bytes, dict[object, int]] = {}
        if addresses:
            marks = ", ".join([shape.mark] * len(addresses))
            rows = connection.exec_driver_sql(
                f"SELECT email, partition_tag, id FROM maddr WHERE email IN ({marks})",  # noqa: S608
                tuple(shape.address(octets) for octets in addresses),
            )
            for email, tag, number in rows:
                ids.setdefault(as_octets(email), {})[tag] = int(number)
        return ids

    def _octets(self, text: str) -> bytes:
        return address_octets(address(text, case_sensitive=self._case_sensitive), allow_8bit=self._allow_8bit)


def _shape_of(connection: Connection) -> Shape:
    """Looked up once for a connection."""
    shape: Shape | None = connection.info.get("shape")
    if shape is None:
        shape = connection.info["shape"] = Shape.of(connection)
        if connection.dialect.name == "postgresql":
            # A plan for the average sender takes a hundred times as long for one who sends much.
            connection.exec_driver_sql("SET plan_cache_mode = force_custom_plan")
    return shape


def _as_stored(message_ids: Iterable[str]) -> Iterator[str]:
    return (printable(message_id, LENGTH) for message_id in message_ids)


def _letter(row: Sequence[object], default_message_id: str = "") -> Letter:
    message_id = row[3] if len(row) > 3 else default_message_id
    return Letter(_number(row[0]), _text(row[1]), _text(message_id))


def _number(value: object) -> int:
    return value if isinstance(value, int) else int(_text(value))


def _text(value: object) -> str:
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).decode("utf-8", "replace")
    return str(value)
