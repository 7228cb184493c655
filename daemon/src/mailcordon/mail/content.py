"""Access to the octets of a message, wherever the spool keeps them."""

from typing import Protocol


class Content(Protocol):
    """A stored message, immutable. The owner calls `close` once nobody uses the views any more."""

    @property
    def size(self) -> int:
        """Length in octets."""

    def view(self) -> memoryview:
        """All octets, CRLF line ends as received, dots unstuffed."""

    def fileno(self) -> int:
        """A file descriptor that reads the same octets from its start; usable for passing to another process."""

    def close(self) -> None:
        """Give up memory and descriptors; calling it again does nothing."""
