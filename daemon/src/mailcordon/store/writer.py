"""The one thread of a worker that writes to the data base: what has come up meanwhile goes into one transaction.

It is the only one that waits for the data base. The mail path awaits futures, as long as it wants to.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from mailcordon.errors import StoreError
from mailcordon.log_levels import NOTICE
from mailcordon.store.counters import StoreCounters
from mailcordon.store.engine import Databases, hang_up, is_lost, may_pass, reason
from mailcordon.store.pending import REFUSED, Pending, PendingFile
from mailcordon.store.records import Record
from mailcordon.store.shape import Shape
from mailcordon.store.task_queue import Signal, TaskQueue
from mailcordon.store.tasks import Abandon, Finish, Keep, Reserve, Task
from mailcordon.store.transactions import ATTEMPTS, RowTakenError, Transactions, lock_for_writing

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 15.0
"""Seconds without an attempt after the data base could not be reached: from the first to the last value, doubled."""
LOOK_FOR_FILES = 10.0
"""Seconds between looks for records that wait in files: other workers leave them, too."""
_REPLAYED_AT_A_TIME = 64

MakeTransactions = Callable[[Shape], Transactions]


class Writer:
    """Takes tasks from any thread."""

    def __init__(self, databases: Databases, transactions: MakeTransactions, pending: Pending) -> None:
        self.counters = StoreCounters()
        self._databases = databases
        self._make_transactions = transactions
        self._pending = pending
        self._tasks = TaskQueue()
        self._connection: Connection | None = None
        self._transactions: Transactions | None = None
        self._problem = ""
        self._was_down = False
        self._pause = FIRST_PAUSE
        self._again_at = 0.0
        self._files_at = 0.0
        self._unkept: list[Record] = []
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="sql-writer", daemon=True)

    def start(self) -> None:
        """Begin; the data base need not be there."""
        self._thread.start()

    def add(self, task: Task) -> None:
        """Have it done, after what was added before. Never blocks."""
        self._tasks.put(task)

    def hurry(self, task: Reserve) -> None:
        """Somebody waits for this one, which was added before. Never blocks."""
        self._tasks.hurry(task)

    @property
    def problem(self) -> str:
        """Why the data base is taken for dead at the moment; empty while it is not."""
        return self._problem

    @property
    def may_lose(self) -> bool:
        """Whether there are records that neither the data base nor a file has taken; more must not come up."""
        return bool(self._unkept)

    def interrupt(self, why: str) -> None:
        """The data base has been silent for too long: it is taken for dead, and what waits for it gets an error.

        Never blocks.
        """
        self._problem = self._problem or why
        connection = self._connection
        if connection is not None:
            hang_up(connection)
        # It may have come to an end by itself just before: then nothing else wakes the writer up.
        self._tasks.put(Signal.LOOK)

    def close(self, timeout: float) -> None:
        """Do what was added, and end. Blocks; after `timeout` seconds without an answer the rest goes into files."""
        self._closing = True
        self._tasks.put(Signal.END)
        self._thread.join(timeout)
        if self._thread.is_alive():
            self.interrupt(f"no answer within {timeout:g} s")
            self._thread.join(timeout)
        if self._thread.is_alive():
            log.error("the data base does not let go; records of this worker may be lost")

    def _run(self) -> None:
        # Before there is mail: what is wrong is told at the start, and the first message need not wait.
        self._connect()
        while True:
            tasks, is_last = self._tasks.take(self._idle_time())
            try:
                self._do(tasks)
                if not is_last:
                    self._look_for_files()
            except Exception:
                # Whatever it was, nobody must wait for a thread that is gone.
                log.exception("unexpected error in the writer of the data base")
                self._fail(tasks, "internal error")
                self._disconnect()
            if is_last:
                self._disconnect()
                return

    def _idle_time(self) -> float:
        now = time.monotonic()
        next_look = self._again_at if self._problem else self._files_at
        return min(LOOK_FOR_FILES, max(0.0, next_look - now))

    def _do(self, tasks: list[Task]) -> None:
        # Who has given up waiting gets no row.
        tasks = [task for task in tasks if not isinstance(task, (Reserve, Keep)) or _is_wanted(task.done)]
        if self._unkept:
            self._keep_in_file([])
        if not tasks and not self._problem:
            return
        if not self._connect():
            self._fail(tasks, self._problem)
            return
        if tasks:
            self._write(tasks)

    def _connect(self) -> bool:
        if self._connection is not None:
            if not self._problem:
                return True
            # It was interrupted. It may have lived through that, but nobody knows, and the problem must not stay.
            self._disconnect()
        if self._problem and time.monotonic() < self._again_at and not self._closing:
            return False
        try:
            connection = self._databases.connect()
            try:
                with connection.begin():
                    shape = Shape.of(connection)
            except BaseException:
                connection.close()
                raise
        except (SQLAlchemyError, StoreError, OSError) as error:
            self._is_down(reason(error))
            return False
        self._connection = connection
        self._transactions = self._make_transactions(shape)
        # The pause stays until something was written: a data base on a full disk answers, too.
        self._problem = ""
        self._files_at = 0.0
        return True

    def _is_down(self, why: str) -> None:
        if self._problem != why:
            log.error("cannot write to the data base: %s", why)
        self._problem, self._was_down = why, True
        self._again_at = time.monotonic() + self._pause
        self._pause = min(LONGEST_PAUSE, 2 * self._pause)

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.invalidate()
                connection.close()
            except Exception as error:  # noqa: BLE001 - it is given up in any case
                log.debug("while closing a connection: %s", error)

    def _write(self, tasks: list[Task]) -> None:
        try:
            names = self._in_transaction(lambda work, connection: work.all(connection, tasks))
        except (SQLAlchemyError, StoreError, OSError) as error:
            if is_lost(error) and not isinstance(error, StoreError):
                # Whether it was committed is not known: each task finds out for itself, on a new connection.
                self._connection_lost(error)
            elif not isinstance(error, (IntegrityError, StoreError)):
                log.info("transaction of %d messages failed, now one by one: %s", len(tasks), reason(error))
            for task in tasks:
                self._write_one(task)
            return
        for task, name in zip(tasks, names, strict=True):
            self._succeed(task, name)

    def _write_one(self, task: Task) -> None:
        """Carefully, again after what passes by itself. The task never knows of it."""
        error: Exception = StoreError("not tried")
        for attempt in range(ATTEMPTS):
            if not self._connect():
                self._fail([task], self._problem)
                return
            try:
                name = self._in_transaction(lambda work, connection: work.one(connection, task))
            except RowTakenError as taken:
                error = taken
                break
            except (SQLAlchemyError, StoreError, OSError) as failure:
                error = failure
                if is_lost(failure) and not isinstance(failure, StoreError):
                    self._connection_lost(failure)
                elif not isinstance(failure, IntegrityError) and not may_pass(failure):
                    break
                if attempt:
                    # Locks go, and a row of somebody else is seen at the second look.
                    time.sleep(0.02 * attempt)
            else:
                self._succeed(task, name)
                return
        self._give_up(task, error)

    def _give_up(self, task: Task, error: Exception) -> None:
        why = reason(error)
        if may_pass(error) or (is_lost(error) and not isinstance(error, RowTakenError)):
            self._disconnect()
            self._is_down(why)
            self._fail([task], why)
        elif isinstance(task, Finish):
            self._refused(task, error)
        else:
            self._fail([task], why)

    def _refused(self, task: Finish, error: Exception) -> None:
        """The data base will never take it as it is."""
        plain = Finish(task.record.in_ascii(), task.is_reserved)
        mail_id = task.record.beginning.mail_id
        try:
            if isinstance(error, DBAPIError):
                self._in_transaction(lambda work, connection: work.one(connection, plain))
                self.counters.messages += 1
                log.log(NOTICE, "%s: the data base takes ASCII only: %s", mail_id, reason(error))
                return
        except (SQLAlchemyError, StoreError, OSError) as second:
            error = second
        self.counters.refused += 1
        log.error("%s: the data base refuses the record of this message: %s", mail_id, reason(error))
        try:
            self._pending.add([task.record], REFUSED)
        except StoreError as problem:
            log.error("%s: %s", mail_id, problem)  # noqa: TRY400 - the text says it all

    def _in_transaction(self, work: Callable[[Transactions, Connection], Any]) -> Any:
        connection, transactions = self._connection, self._transactions
        if connection is None or transactions is None:
            raise StoreError(self._problem or "not connected")
        with connection.begin():
            lock_for_writing(connection)
            result = work(transactions, connection)
        self.counters.transactions += 1
        self._pause = FIRST_PAUSE
        if self._was_down:
            self._was_down = False
            log.log(NOTICE, "the data base takes records again")
        return result

    def _connection_lost(self, error: BaseException) -> None:
        self.counters.lost_connections += 1
        log.log(NOTICE, "connection to the data base lost: %s", reason(error))
        self._disconnect()

    def _succeed(self, task: Task, name: str | None) -> None:
        match task:
            case Reserve(done=done):
                done.set_result(name or "")
            case Keep(done=done):
                done.set_result(None)
            case Finish():
                self.counters.messages += 1

    def _fail(self, tasks: Sequence[Task], why: str) -> None:
        finished = []
        for task in tasks:
            match task:
                case Reserve(done=done) | Keep(done=done):
                    if not done.done():
                        done.set_exception(StoreError(why))
                case Finish(record):
                    finished.append(record)
                case Abandon():
                    pass  # an unfinished row; a purge takes it
        if finished:
            self._keep_in_file(finished)

    def _keep_in_file(self, records: Sequence[Record]) -> None:
        records = [*self._unkept, *records]
        try:
            self._pending.add(records)
        except StoreError as error:
            if not self._unkept:
                log.error("%s", error)  # noqa: TRY400 - the text says it all
            self._unkept = records
            return
        self.counters.spooled += len(records)
        self._unkept = []

    def _look_for_files(self) -> None:
        if time.monotonic() < (self._again_at if self._problem else self._files_at):
            return
        file = self._pending.oldest()
        if file is None:
            self._files_at = time.monotonic() + LOOK_FOR_FILES
            return
        try:
            if self._connect() and self._replay(file):
                file.remove()
        finally:
            file.close()

    def _replay(self, file: PendingFile) -> bool:
        """Write what is in it; false when the data base fails before the end."""
        tasks: list[Task] = [Finish(record, is_reserved=False) for record in file.records()]
        for start in range(0, len(tasks), _REPLAYED_AT_A_TIME):
            some = tasks[start : start + _REPLAYED_AT_A_TIME]
            try:
                # Not `all`: most of them have an unfinished row already.
                self._in_transaction(partial(_one_by_one, some))
            except (SQLAlchemyError, StoreError, OSError) as error:
                if is_lost(error) and not isinstance(error, StoreError):
                    self._connection_lost(error)
                before = self.counters.spooled
                for task in some:
                    self._write_one(task)
                if self.counters.spooled != before:
                    # Those are in a file of their own again, the others need not be written twice.
                    remaining = [
                        task.record for task in tasks[start + _REPLAYED_AT_A_TIME :] if isinstance(task, Finish)
                    ]
                    if remaining:
                        self._keep_in_file(remaining)
                    return not self._unkept
            else:
                self.counters.messages += len(some)
            self.counters.replayed += len(some)
        log.log(NOTICE, "wrote %d messages of %s to the data base", len(tasks), file.path.name)
        return True


def _one_by_one(tasks: Sequence[Task], work: Transactions, connection: Connection) -> None:
    for task in tasks:
        work.one(connection, task)


def _is_wanted(done: "Future[Any]") -> bool:
    return done.set_running_or_notify_cancel()
