"""What the quarantine asks of a data base."""

from collections.abc import Callable, Iterable
from typing import Protocol

SQL_KIND = "Q"
"""quar_type code of a copy in SQL (B2.10)."""


class SqlCopies(Protocol):
    """The place of one message in a data base."""

    async def keep(self, chunks: Callable[[], Iterable[bytes]]) -> str:
        """Store the copy of the message and make it durable; gives its name in the log, `mail_id[tag]` (B10.08).

        `chunks` gives its octets, and may be called again, from any thread, until this returns or raises.
        Raises QuarantineError when the copy is not safe.
        """
