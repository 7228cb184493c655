"""Between the event loop, which must not wait for the log, and the handler that writes it."""

import logging
import logging.handlers
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mailcordon.run.log import ComplainsSeldom

QUEUE_LIMIT = 10_000
"""Entries of a worker that may wait for the log."""
GATHERING_TIME = 0.05
"""Seconds in which entries gather before they are written together."""
_END = None

Records = queue.SimpleQueue[logging.LogRecord | None]


class BoundedQueueHandler(logging.handlers.QueueHandler):
    """Hands records to the thread that writes them; those that it cannot keep up with are counted, not kept."""

    queue: Records
    _lost = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """The record goes through as it is: our formatter wants the exception, not a text of it."""
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        """Called by the event loop; never waits."""
        if self.queue.qsize() >= QUEUE_LIMIT:
            self._lost += 1
            return
        if self._lost:
            lost, self._lost = self._lost, 0
            text = "%d entries are lost, the log was too slow for them"
            self.queue.put_nowait(logging.LogRecord(__name__, logging.WARNING, __file__, 0, text, (lost,), None))
        self.queue.put_nowait(record)


class LogWriter:
    """The thread that writes what is in the queue.

    After it woke up it lets entries gather for a moment: to wake it up for each one would cost the event loop about as
    much as a quarter of the work on a message.
    """

    def __init__(self, records: Records, handler: ComplainsSeldom) -> None:
        self._records = records
        self._handler = handler
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is left; returns when all is written."""
        self._stopping.set()
        self._records.put(_END)
        self._thread.join()

    def _run(self) -> None:
        going_on = True
        while going_on and (first := self._records.get()) is not _END:
            self._stopping.wait(GATHERING_TIME)
            gathered = [first]
            with suppress(queue.Empty):
                while (record := self._records.get_nowait()) is not _END:
                    gathered.append(record)
                going_on = False
            self._handler.handle_all(gathered)


@contextmanager
def logging_to(handler: ComplainsSeldom, level: int, *, queued: bool, name: str | None = None) -> Iterator[None]:
    """Send everything from `level` up to `handler` while the context lasts: all there is, or what is logged by `name`.

    With `queued`, a thread of its own does the writing: a slow log must not hold up the event loop.
    """
    logger = logging.getLogger(name)
    writer = None
    front: logging.Handler = handler
    if queued:
        records: Records = queue.SimpleQueue()
        front = BoundedQueueHandler(records)
        writer = LogWriter(records, handler)
        writer.start()
    previous = logger.handlers[:], logger.level, logger.propagate
    logger.handlers[:] = [front]
    logger.setLevel(level)
    logger.propagate = False
    try:
        yield
    finally:
        logger.handlers[:], logger.level, logger.propagate = previous
        if writer is not None:
            writer.stop()
        handler.close()
