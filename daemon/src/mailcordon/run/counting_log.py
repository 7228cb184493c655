"""Counts log entries (B17.05: LogEntries...)."""

import logging

from mailcordon.log_levels import DETAIL, NOTICE
from mailcordon.run.counter_file import CounterFile

_NAMES = {
    logging.CRITICAL: ("Crit", "-3"),
    logging.ERROR: ("Err", "-2"),
    logging.WARNING: ("Warning", "-1"),
    NOTICE: ("Notice", "0"),
    logging.INFO: ("Info", "1"),
    DETAIL: ("Info", "2"),
    logging.DEBUG: ("Debug", "3"),
}
"""By Python's level: syslog's priority and amavisd's level (features 16.05)."""


class CountingHandler(logging.Handler):
    """Counts what is logged, by priority and by level."""

    def __init__(self, counters: CounterFile) -> None:
        super().__init__()
        self._counts = counters.counts
        # Other threads log, too, and must not change which names there are.
        for priority, level in _NAMES.values():
            for name in _counters_of(priority, level):
                self._counts[name] += 0

    def emit(self, record: logging.LogRecord) -> None:
        """Count one entry."""
        for name in _counters_of(*_NAMES.get(record.levelno, _NAMES[logging.DEBUG])):
            self._counts[name] += 1


def _counters_of(priority: str, level: str) -> tuple[str, ...]:
    names = ("LogEntries", f"LogEntries{priority}")
    return names if level.startswith("-") else (*names, f"LogEntriesLevel{level}")
