"""The log: syslog, a file or standard error, in the form that log parsers for amavisd know (B8.01)."""

import errno
import logging
import logging.handlers
import os
import re
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import ClassVar, TextIO

from mailcordon.config.settings import Settings
from mailcordon.errors import StartupError
from mailcordon.log_levels import DETAIL, NOTICE

LINE_LIMIT = 980
SYSLOG_SOCKET = "/dev/log"
SEND_TIMEOUT = 1.0
"""Seconds that syslog may take for an entry."""
REST = 5.0
"""Seconds in which syslog is left alone after that."""
COMPLAINT_INTERVAL = 60.0
"""Seconds between two complaints about the log."""

_LOG_ID = re.compile(r"\([^()\s]+\) ")
_THRESHOLDS = {-3: logging.CRITICAL, -2: logging.ERROR, -1: logging.WARNING, 0: NOTICE, 1: logging.INFO, 2: DETAIL}
"""Python's threshold for a `log_level` of amavisd (features 16.05); 3 and more show everything."""


def threshold(log_level: int, *, to_terminal: bool = False) -> int:
    """The lowest Python level that is logged at amavisd's `log_level`; a terminal gets everything (features 1.03)."""
    if to_terminal:
        return logging.DEBUG
    return _THRESHOLDS.get(log_level, logging.DEBUG)


_PRIORITIES = {NOTICE: "NOTICE", DETAIL: "INFO"}
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


class ComplainsSeldom(logging.Handler):
    """A log that cannot be written must not become a flood of tracebacks elsewhere: one line a minute says why."""

    _complained_at: float | None = None

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say on standard error why the entry is lost; the mail goes on."""
        now = time.monotonic()
        if self._complained_at is None or now - self._complained_at >= COMPLAINT_INTERVAL:
            self._complained_at = now
            reason = sys.exc_info()[1]
            with suppress(OSError, ValueError):
                sys.stderr.write(f"mailcordon: cannot write the log, entries are lost: {reason}\n")

    def handle_all(self, records: Sequence[logging.LogRecord]) -> None:
        """Write these entries, in order."""
        for record in records:
            self.handle(record)


class TerminalHandler(ComplainsSeldom, logging.StreamHandler[TextIO]):
    """Writes to standard error."""


class FileHandler(ComplainsSeldom, logging.handlers.WatchedFileHandler):
    """Writes to a file, which is opened anew when it was moved away, so that logrotate needs no signal."""

    _is_torn = False
    """The last line has no end: the disk was full."""

    def handle_all(self, records: Sequence[logging.LogRecord]) -> None:
        """Write these entries in one piece: on a busy worker a write for each would take longer than making them.

        Not through the stream: it would cut the piece wherever its buffer is full, and another worker's lines come in.
        """
        with self.lock or nullcontext():
            try:
                self.reopenIfNeeded()
                self._append("".join([self.format(record) + self.terminator for record in records]).encode())
            except (OSError, ValueError):
                self.handleError(records[0])

    def _append(self, lines: bytes) -> None:
        if self.stream is None:
            raise ValueError("the log is closed")
        octets = b"\n" * self._is_torn + lines
        written = os.write(self.stream.fileno(), octets)
        self._is_torn = 0 < written < len(octets)
        if written < len(octets):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        """Close it; what still waits for room on a full disk is lost."""
        with suppress(OSError):
            super().close()


class SyslogHandler(ComplainsSeldom, logging.handlers.SysLogHandler):
    """Writes to the local syslog socket, be it the journal's, long lines in pieces. One that does not read loses
    entries."""

    priority_map: ClassVar[dict[str, str]] = {**logging.handlers.SysLogHandler.priority_map, "NOTICE": "notice"}

    def __init__(self, address: str, facility: int, ident: str) -> None:
        """Raises OSError when nobody is there."""
        logging.Handler.__init__(self)
        self.facility = facility
        self._address = address
        self._head = ident
        self.setFormatter(LineFormatter())
        self._channel = self._connect()
        self._rests_until = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        """Send the record as one or more datagrams."""
        level = _PRIORITIES.get(record.levelno, record.levelname)
        priority = self.encodePriority(self.facility, self.mapPriority(level))
        try:
            for line in self.lines(record):
                self._send(f"<{priority}>{self._head}{line}".encode())
        except OSError:
            self.handleError(record)

    def lines(self, record: logging.LogRecord) -> Iterator[str]:
        """What the datagrams hold."""
        return split_line(self.format(record))

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()
        logging.Handler.close(self)

    def _send(self, datagram: bytes) -> None:
        if time.monotonic() < self._rests_until:
            raise TimeoutError("syslog does not read")
        try:
            self._channel.send(datagram)
        except TimeoutError:
            # A second for each entry would be too long.
            self._rests_until = time.monotonic() + REST
            raise
        except OSError:
            # It was started anew.
            self._channel.close()
            self._channel = self._connect()
            self._channel.send(datagram)

    def _connect(self) -> socket.socket:
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        channel.settimeout(SEND_TIMEOUT)
        try:
            channel.connect(self._address)
        except OSError:
            channel.close()
            raise
        return channel


class TimestampFormatter(LineFormatter):
    """`Jan  9 12:46:47.927 amavis[pid]: ` before the line, for files and terminals (features 16.02)."""

    default_time_format = "%b %e %H:%M:%S"

    def __init__(self, ident: str) -> None:
        super().__init__()
        self._ident = ident
        self._second = 0
        self._stamp = ""

    def format(self, record: logging.LogRecord) -> str:
        """The line with its time and process."""
        second = int(record.created)
        if second != self._second:
            self._second, self._stamp = second, self.formatTime(record, self.default_time_format)
        return f"{self._stamp}.{int(record.msecs):03d} {self._ident}[{record.process}]: {super().format(record)}"


def make_handler(settings: Settings, *, to_terminal: bool) -> ComplainsSeldom:
    """The handler that `settings` ask for. Raises StartupError when the log cannot be opened."""
    if to_terminal or not (settings.do_syslog or settings.logfile):
        handler: ComplainsSeldom = TerminalHandler(sys.stderr)
        handler.setFormatter(TimestampFormatter(settings.syslog_ident))
        return handler
    if settings.do_syslog:
        return open_syslog(settings)
    try:
        handler = FileHandler(Path(settings.logfile), encoding="utf-8")
    except OSError as error:
        raise StartupError(f"logfile: {settings.logfile} cannot be written: {error.strerror}") from None
    handler.setFormatter(TimestampFormatter(settings.syslog_ident))
    return handler


def open_syslog(settings: Settings, kind: type[SyslogHandler] = SyslogHandler) -> SyslogHandler:
    """A handler of that kind, as the settings of syslog say. Raises StartupError."""
    facility = logging.handlers.SysLogHandler.facility_names.get(settings.syslog_facility.lower())
    if facility is None:
        raise StartupError(f"syslog_facility: {settings.syslog_facility!r} is not a syslog facility")
    try:
        return kind(SYSLOG_SOCKET, facility, f"{settings.syslog_ident}[{os.getpid()}]: ")
    except OSError as error:
        raise StartupError(
            f"syslog: {SYSLOG_SOCKET} cannot be reached: {error.strerror}; or set do_syslog = false"
        ) from None
