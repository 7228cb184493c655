"""What the quarantine asks of a data base."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

SQL_KIND = "Q"
"""quar_type code of a copy in SQL (B2.10)."""


class SqlCopies(Protocol):
    """The place of one message in a data base."""

    async def keep(self, chunks: Callable[[], Iterable[bytes]]) -> str:
        """Store the copy of the message and make it durable; gives its name in the log, `mail_id[tag]` (B10.08).

        `chunks` gives its octets, and may be called again, from any thread, until this returns or raises.
        Raises QuarantineError when the copy is not safe.
        """


class StoredRow(Protocol):
    """What a data base says of one message in it."""

    @property
    def secret_id(self) -> str:
        """Authorises a release."""


class SqlQuarantine(Protocol):
    """The copies of all messages in a data base. Everything raises StoreError."""

    async def tags(self, mail_id: str) -> list[str]:
        """The partition tags of all messages with that id; several are ambiguous (features 11.19)."""

    async def message(self, tag: str, mail_id: str) -> StoredRow | None:
        """The one message with this tag and id."""

    async def copy(self, tag: str, mail_id: str, write: Callable[[bytes], Any]) -> int:
        """Give the octets of the copy to `write`, in another thread; their number, 0 for no copy."""
