"""What the mail path asks the writer for."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field

from mailcordon.store.records import Beginning, Record


@dataclass(slots=True)
class Reserve:
    """Make the row of a message, so that its id is its own."""

    beginning: Beginning
    done: "Future[str]" = field(default_factory=Future)
    """The mail_id that it has got."""
    is_awaited: bool = False
    """Somebody waits; without that it may wait for others, to share their transaction."""


@dataclass(slots=True)
class Keep:
    """Store a copy of a message in `quarantine`, and its row in `msgs` if that is not there yet (B2.29)."""

    beginning: Beginning
    chunks: Callable[[], Iterable[bytes]]
    """Of any size; may be asked for more than once."""
    done: "Future[None]" = field(default_factory=Future)


@dataclass(slots=True)
class Finish:
    """Write what became of a message. Nobody waits: what cannot be written now waits in a file."""

    record: Record
    is_reserved: bool
    """Its row is there already."""


@dataclass(slots=True)
class Abandon:
    """Remove the row of a message that the client keeps for an unexpected reason."""

    beginning: Beginning


Task = Reserve | Keep | Finish | Abandon
