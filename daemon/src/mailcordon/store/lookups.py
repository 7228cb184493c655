"""What a data base knows of recipients: `users`, `policy`, `wblist`, `mailaddr` (contracts B2.16, B2.17, B3.15)."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

from sqlalchemy import Connection

from mailcordon.config.recipient_fields import Asked, Ratings, Row
from mailcordon.config.settings import Settings
from mailcordon.store.engine import Databases
from mailcordon.store.reader import Reader
from mailcordon.store.records import address_octets
from mailcordon.store.shape import address_value, columns_of, is_binary, mark_of
from mailcordon.store.statements import Statements

V = TypeVar("V")

MOST_ANSWERS = 10_000
"""Answers of each kind that are remembered; those that were not asked for the longest time go first."""
_IDS_OF_A_USER = "id"


class _Memory(Generic[V]):
    """Answers, for some time."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._answers: OrderedDict[Hashable, tuple[float, V]] = OrderedDict()

    def get(self, key: Hashable) -> V | None:
        """None for what is not known, or was known too long ago."""
        found = self._answers.get(key)
        if found is None or found[0] <= self._clock():
            return None
        self._answers.move_to_end(key)
        return found[1]

    def add(self, key: Hashable, answer: V) -> None:
        """Remember it."""
        if self._seconds:
            self._answers[key] = (self._clock() + self._seconds, answer)
            self._answers.move_to_end(key)
            if len(self._answers) > MOST_ANSWERS:
                self._answers.popitem(last=False)


class SqlFields:
    """A `FieldProvider`; one instance a worker."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._statements = Statements(settings.sql_clause)
        self._allow_8bit = settings.sql_allow_8bit_address
        self._asks_for_senders = bool(self._statements["sel_wblist"].placeholders)
        self._reader = Reader(
            Databases(settings.lookup_sql_dsn, timeout=settings.sql_timeout, read_only=True),
            timeout=settings.sql_timeout,
            name="sql-lookup",
        )
        self._rows: _Memory[Sequence[Row]] = _Memory(settings.lookup_sql_cache_ttl, clock)
        # An empty text stands for an answer that there is no entry: None would be no answer.
        self._ratings: _Memory[tuple[str, ...]] = _Memory(settings.lookup_sql_cache_ttl, clock)

    async def rows(self, recipients: Sequence[Asked]) -> Sequence[Sequence[Row]]:
        """See `FieldProvider`."""
        known = {asked: self._rows.get(asked) for asked in recipients}
        unknown = [asked for asked, rows in known.items() if rows is None]
        if unknown:
            answers = await self._reader.ask(lambda connection: [self._ask_rows(connection, one) for one in unknown])
            for asked, rows in zip(unknown, answers, strict=True):
                known[asked] = rows
                self._rows.add(asked, rows)
        return [known[asked] or () for asked in recipients]

    async def ratings(self, found: Sequence[Sequence[Row]], senders: Sequence[Asked]) -> Sequence[Ratings]:
        """See `FieldProvider`. The first user with an entry for the sender decides."""
        if not self._asks_for_senders:
            return [{}] * len(found)
        users = [tuple(dict.fromkeys(row[_IDS_OF_A_USER] for row in rows if row.get(_IDS_OF_A_USER))) for rows in found]
        wanted = dict.fromkeys((user, sender) for of_one in users for user in of_one for sender in senders)
        known = {question: self._ratings.get(question) for question in wanted}
        unknown = [question for question, answer in known.items() if answer is None]
        if unknown:
            answers = await self._reader.ask(
                lambda connection: [self._ask_rating(connection, user, sender) for user, sender in unknown]
            )
            for question, answer in zip(unknown, answers, strict=True):
                known[question] = answer
                self._ratings.add(question, answer)
        return [_first_of_each(known, of_one, senders) for of_one in users]

    def close(self) -> None:
        """End the threads. Blocks."""
        self._reader.close()

    def _ask_rows(self, connection: Connection, asked: Asked) -> Sequence[Row]:
        statement, values = self._statements["sel_policy"].bound(
            (), self._lists(connection, "users", asked), mark_of(connection)
        )
        result = connection.exec_driver_sql(statement, values)
        # A name that stands twice means its last column: `id` is the user's.
        names = tuple(result.keys())
        return tuple(dict(zip(names, row, strict=True)) for row in result)

    def _ask_rating(self, connection: Connection, user: object, sender: Asked) -> tuple[str, ...]:
        statement, values = self._statements["sel_wblist"].bound(
            (user,), self._lists(connection, "mailaddr", sender), mark_of(connection)
        )
        row = connection.exec_driver_sql(statement, values).first()
        if row is None:
            return ()
        word = row[0]
        return (word.decode("latin-1") if isinstance(word, bytes) else str("" if word is None else word),)

    def _lists(self, connection: Connection, table: str, asked: Asked) -> Mapping[str, Sequence[object]]:
        binary = self._is_binary(connection, table)
        sqlite = connection.dialect.name == "sqlite"

        def value(text: str) -> object:
            octets = address_octets(text, allow_8bit=self._allow_8bit)
            return address_value(octets, binary=binary, sqlite=sqlite)

        return {
            "%k": [value(key) for key in asked.keys],
            "%a": [value(asked.address)],
            "%l": [value(asked.local)],
            "%u": [value(asked.bare.lower())],
            "%e": [value(asked.extension)],
            "%d": [value(asked.domain)],
        }

    @staticmethod
    def _is_binary(connection: Connection, table: str) -> bool:
        """Whether addresses in that table are octets; looked up once for a connection (features 11.29, 11.31)."""
        known: dict[str, bool] = connection.info.setdefault("binary_addresses", {})
        if table not in known:
            columns = columns_of(connection, table)
            known[table] = is_binary(columns["email"]) if "email" in columns else False
        return known[table]


def _first_of_each(
    known: Mapping[tuple[object, Asked], tuple[str, ...] | None], users: Sequence[object], senders: Sequence[Asked]
) -> Ratings:
    ratings = {}
    for sender in senders:
        for user in users:
            if answer := known[user, sender]:
                ratings[sender.address] = answer[0]
                break
    return ratings
