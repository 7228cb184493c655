"""Asks a data base from threads of its own, each with its own connection (contracts B2.26, B2.30)."""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from mailcordon.errors import StoreError
from mailcordon.store.engine import Databases, hang_up, is_lost, reason

log = logging.getLogger(__name__)

T = TypeVar("T")

THREADS = 2


class Reader:
    """Runs questions; a lost connection is opened again and the question asked once more."""

    def __init__(self, databases: Databases, *, timeout: float, name: str) -> None:
        """`timeout`: seconds that a question may take as a whole."""
        self._databases = databases
        self._timeout = timeout
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix=name)
        self._own = threading.local()
        self._open: set[Connection] = set()

    async def ask(self, question: Callable[[Connection], T], *, limit: float | None = None) -> T:
        """What `question` gives on a connection. Raises StoreError, also when there is no answer in time: `limit`
        seconds, else those of all questions."""
        limit = limit or self._timeout
        running = asyncio.get_running_loop().run_in_executor(self._executor, self.ask_now, question)
        try:
            async with asyncio.timeout(limit):
                return await asyncio.shield(running)
        except TimeoutError:
            running.add_done_callback(_forget)
            for connection in list(self._open):
                hang_up(connection)
            raise StoreError(f"no answer within {limit:g} s") from None

    def ask_now(self, question: Callable[[Connection], T]) -> T:
        """The same, blocking. Raises StoreError."""
        for attempt in (1, 2):
            try:
                connection = self._connection()
                with connection.begin():
                    return question(connection)
            except (SQLAlchemyError, OSError) as error:
                self._drop()
                if attempt == 2 or not is_lost(error):
                    raise StoreError(reason(error)) from error
                log.info("connection to the data base lost, once more: %s", reason(error))
        raise AssertionError  # the loop returns or raises

    def close(self) -> None:
        """End the threads. Blocks."""
        for connection in list(self._open):
            hang_up(connection)
        self._executor.shutdown(wait=True)
        for connection in list(self._open):
            connection.close()
        self._open.clear()

    def _connection(self) -> Connection:
        connection: Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._databases.connect()
            self._own.connection = connection
            self._open.add(connection)
        return connection

    def _drop(self) -> None:
        connection: Connection | None = getattr(self._own, "connection", None)
        self._own.connection = None
        if connection is not None:
            self._open.discard(connection)
            try:
                connection.invalidate()
                connection.close()
            except Exception as error:  # noqa: BLE001 - it is given up in any case
                log.debug("while closing a connection: %s", error)


def _forget(future: "asyncio.Future[T]") -> None:
    if not future.cancelled():
        future.exception()
