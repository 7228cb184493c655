"""Keeps plugins from reporting the same party again and again (features 6.11).

What was reported is kept in a small database, which all workers share and which outlives them.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from mailcordon.errors import HookError
from mailcordon.mail.feedback import FeedbackReport

_PATIENCE = 2.0
"""Seconds to wait for another worker that writes."""
_HOUR = 3600.0
_TABLES = """
CREATE TABLE IF NOT EXISTS report (id INTEGER PRIMARY KEY, reported_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS party (report_id INTEGER NOT NULL, name TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS party_name ON party (name);
"""


class ReportGuard:
    """Says whether a report may be sent. Every method may block: call it in a thread."""

    def __init__(self, path: Path, *, interval: float, per_hour: int) -> None:
        """`interval`: seconds between two reports about the same party."""
        self._path = path
        self._interval = interval
        self._per_hour = per_hour

    def admit(self, report: FeedbackReport) -> int:
        """Take note of a report that is about to be sent; the answer is for `withdraw`. Raises HookError when it must
        not be sent, also when that cannot be found out."""
        now = time.time()
        parties = parties_of(report)
        with self._transaction() as connection:
            connection.execute("DELETE FROM report WHERE reported_at < ?", (now - max(self._interval, _HOUR),))
            connection.execute("DELETE FROM party WHERE report_id NOT IN (SELECT id FROM report)")
            for party in parties:
                lately = connection.execute(
                    "SELECT 1 FROM party JOIN report ON report.id = report_id WHERE name = ? AND reported_at > ?",
                    (party, now - self._interval),
                ).fetchone()
                if lately:
                    raise HookError(f"{party} was reported within the last {self._interval} s")
            (count,) = connection.execute(
                "SELECT count(*) FROM report WHERE reported_at > ?", (now - _HOUR,)
            ).fetchone()
            if count >= self._per_hour:
                raise HookError(f"{count} reports were sent within the last hour")
            ticket = connection.execute("INSERT INTO report (reported_at) VALUES (?)", (now,)).lastrowid or 0
            connection.executemany(
                "INSERT INTO party (report_id, name) VALUES (?, ?)", [(ticket, party) for party in parties]
            )
        return ticket

    def withdraw(self, ticket: int) -> None:
        """The report could not be sent. Raises HookError when that cannot be noted."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM report WHERE id = ?", (ticket,))
            connection.execute("DELETE FROM party WHERE report_id = ?", (ticket,))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._path.parent.mkdir(mode=0o750, exist_ok=True)
            # `with connection` alone would take the write lock only at the first change, after the look.
            with closing(sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None)) as connection:
                connection.executescript(_TABLES)
                connection.execute("BEGIN IMMEDIATE")
                with connection:
                    yield connection
        except (sqlite3.Error, OSError) as error:
            raise HookError(f"{self._path}: {error}") from None


def parties_of(report: FeedbackReport) -> tuple[str, ...]:
    """Who is told, and who is accused: neither is to hear of it too often."""
    accused = (report.source_address, report.reported_domain)
    return tuple(name.lower() for name in (report.recipient, *accused) if name)
