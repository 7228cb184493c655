"""What a decoder is."""

from enum import Enum, auto
from pathlib import Path
from typing import Protocol

from mailcordon.unpack.decoding.sink import Sink


class Decoded(Enum):
    """What a decoder says of a file it was given (B13.02)."""

    DONE = auto()
    """Everything inside has come out; the container itself need not be scanned apart from the message."""
    KEEP = auto()
    """Opened, but it is worth scanning as a whole, too: self-extracting programs, documents."""
    NOT_APPLICABLE = auto()
    """Not what it looked like; another decoder may try."""


class Decoder(Protocol):
    """Opens one kind of container."""

    @property
    def name(self) -> str:
        """For log and counters (B17.05): the program or library."""

    @property
    def short_types(self) -> frozenset[str]:
        """Types of file that it is tried on."""

    def find(self) -> str | None:
        """Where its program or library is; None when this host has none. For the lines at start (features 7.01)."""

    def decode(self, file: Path, name: str, sink: Sink) -> Decoded:
        """Put what is inside of `file`, which was called `name`, into `sink`.

        Raises CannotDecodeError when it is broken or of a kind that this decoder does not know inside out, and
        LimitReachedError; members that came out before count all the same. After CannotDecodeError the next decoder
        for its types is tried, too; only when none of them says DONE or KEEP the error is reported.
        """
