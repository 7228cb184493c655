"""The log: syslog, a file or standard error, in the form that log parsers for amavisd know (B8.01)."""

import copy
import logging
import logging.handlers
import os
import queue
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from mailcordon.config.settings import Settings
from mailcordon.errors import StartupError
from mailcordon.log_levels import NOTICE

LINE_LIMIT = 980
SYSLOG_SOCKET = "/dev/log"

_LOG_ID = re.compile(r"\([^()\s]+\) ")
_THRESHOLDS = {-3: logging.CRITICAL, -2: logging.ERROR, -1: logging.WARNING, 0: NOTICE, 1: logging.INFO}
"""Python's threshold for a `log_level` of amavisd (features 16.05); 2 shows what 1 does, 3 and more everything."""


def threshold(log_level: int) -> int:
    """The lowest Python level that is logged at amavisd's `log_level`."""
    return logging.DEBUG if log_level > 2 else _THRESHOLDS[min(log_level, 1)]


_PRIORITIES = {NOTICE: "NOTICE"}
"""Level names that the syslog handler maps to a priority and that Python does not give itself."""


class LineFormatter(logging.Formatter):
    """`(am_id) text`, with `(!)` or `(!!)` before the text of warnings and worse."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line; a traceback is appended with its lines joined by `|`."""
        text = record.getMessage()
        if record.exc_info:
            text = f"{text}: {' | '.join(self.formatException(record.exc_info).splitlines())}"
        if record.levelno >= logging.WARNING:
            mark = "(!)" if record.levelno < logging.ERROR else "(!!)"
            log_id = _LOG_ID.match(text)
            end = log_id.end() if log_id else 0
            text = f"{text[:end]}{mark}{text[end:]}"
        # What comes from a message must not be able to start a log line of its own.
        return text.encode("unicode_escape").decode("ascii") if _unprintable(text) else text


def _unprintable(text: str) -> bool:
    return not (text.isascii() and text.isprintable())


def split_line(line: str) -> Iterator[str]:
    """A long line in pieces of at most LINE_LIMIT characters, marked with `...` where it was cut (B8.01)."""
    log_id = _LOG_ID.match(line)
    prefix = log_id.group() if log_id else ""
    rest = line[len(prefix) :]
    lead = ""
    while len(prefix) + len(lead) + len(rest) > LINE_LIMIT:
        room = LINE_LIMIT - len(prefix) - len(lead) - 3
        yield f"{prefix}{lead}{rest[:room]}..."
        rest, lead = rest[room:], "..."
    yield f"{prefix}{lead}{rest}"


class SyslogHandler(logging.handlers.SysLogHandler):
    """Writes to the local syslog socket, long lines in pieces."""

    priority_map: ClassVar[dict[str, str]] = {**logging.handlers.SysLogHandler.priority_map, "NOTICE": "notice"}

    def __init__(self, address: str, facility: int, ident: str) -> None:
        super().__init__(address, facility=facility)
        self.ident = ident
        self.append_nul = False
        self._lines = LineFormatter()

    def emit(self, record: logging.LogRecord) -> None:
        """Send the record as one or more datagrams."""
        for piece in split_line(self._lines.format(record)):
            line = copy.copy(record)
            line.levelname = _PRIORITIES.get(record.levelno, record.levelname)
            line.msg, line.args, line.exc_info, line.exc_text = piece, None, None, None
            super().emit(line)


class TimestampFormatter(LineFormatter):
    """`Jan  9 12:46:47.927 amavis[pid]: ` before the line, for files and terminals (features 16.02)."""

    default_time_format = "%b %e %H:%M:%S"

    def __init__(self, ident: str) -> None:
        super().__init__()
        self._ident = ident

    def format(self, record: logging.LogRecord) -> str:
        """The line with its time and process."""
        stamp = self.formatTime(record, self.default_time_format)
        return f"{stamp}.{int(record.msecs):03d} {self._ident}[{record.process}]: {super().format(record)}"


def make_handler(settings: Settings, *, to_terminal: bool) -> logging.Handler:
    """The handler that `settings` ask for. Raises StartupError when the log cannot be opened."""
    if to_terminal or not (settings.do_syslog or settings.logfile):
        handler: logging.Handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(TimestampFormatter(settings.syslog_ident))
        return handler
    if settings.do_syslog:
        return _syslog(settings)
    try:
        # Reopened when it was moved away, so that logrotate needs no signal.
        handler = logging.handlers.WatchedFileHandler(Path(settings.logfile), encoding="utf-8")
    except OSError as error:
        raise StartupError(f"logfile: {settings.logfile} cannot be written: {error.strerror}") from None
    handler.setFormatter(TimestampFormatter(settings.syslog_ident))
    return handler


def _syslog(settings: Settings) -> logging.Handler:
    facility = logging.handlers.SysLogHandler.facility_names.get(settings.syslog_facility.lower())
    if facility is None:
        raise StartupError(f"syslog_facility: {settings.syslog_facility!r} is not a syslog facility")
    try:
        return SyslogHandler(SYSLOG_SOCKET, facility, f"{settings.syslog_ident}[{os.getpid()}]: ")
    except OSError as error:
        raise StartupError(
            f"syslog: {SYSLOG_SOCKET} cannot be reached: {error.strerror}; or set do_syslog = false"
        ) from None


@contextmanager
def logging_to(handler: logging.Handler, level: int, *, queued: bool) -> Iterator[None]:
    """Send everything from `level` up to `handler` while the context lasts.

    With `queued`, a thread of its own does the writing: a slow log must not hold up the event loop.
    """
    root = logging.getLogger()
    listener = None
    front = handler
    if queued:
        records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
        front = logging.handlers.QueueHandler(records)
        # The record goes through as it is: our formatter wants the exception, not a text of it.
        front.prepare = lambda record: record  # type: ignore[method-assign]
        listener = logging.handlers.QueueListener(records, handler)
        listener.start()
    previous = root.handlers[:], root.level
    root.handlers[:] = [front]
    root.setLevel(level)
    try:
        yield
    finally:
        root.handlers[:], root.level = previous
        if listener is not None:
            listener.stop()
        handler.close()
