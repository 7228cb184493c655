"""What goes to a decoder process and what comes back: small values, no octets of mail (their form: `wire`)."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Quota:
    """What unpacking one message may cost altogether (B13.03)."""

    levels: int
    """Parts, containers and members inside each other, the message itself not counted (MAXLEVELS)."""
    files: int
    """Parts and members of the message (MAXFILES)."""
    octets: int
    """Of everything unpacked."""
    seconds: float
    """From the start of the job."""


@dataclass(frozen=True, slots=True)
class PartFile:
    """The decoded body of a part of the message, to be looked at and opened."""

    location: str
    file: Path
    names: tuple[str, ...]
    content_type: str


@dataclass(frozen=True, slots=True)
class Job:
    """All parts of one message that need a decoder."""

    directory: Path
    """Belongs to this message alone; members are written here under numbered names (B13.06)."""
    parts: tuple[PartFile, ...]
    quota: Quota
    memory: int
    """Octets of address space for each process that works on it."""
    switched_off: frozenset[str] = frozenset()
    """Short types that are not to be opened (features 5.48)."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a file is found to be."""

    location: str
    short_types: tuple[str, ...]
    full_type: str
    attributes: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """Something that came out of a part or of another member."""

    location: str
    """The location of what it came from, a dot and its number there."""
    name: str
    """As the container has it; never used as a path."""
    size: int
    file: Path | None
    """None where there are no octets: directories, links, encrypted members."""
    content_type: str = ""
    """Where the container declares one (TNEF, OLE); else empty."""
    attributes: str = ""


class ProblemKind(Enum):
    """Why something could not be looked at; each is a minor category of UNCHECKED (B13.04, B13.05)."""

    ENCRYPTED = "encrypted"
    OVER_LIMITS = "over limits"
    UNREADABLE = "unreadable"
    AMBIGUOUS = "ambiguous"
    """Mail programs may see other contents than we do."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What could not be looked at, and why."""

    kind: ProblemKind
    location: str
    text: str
    """For log and findings, one line without octets of the mail."""


@dataclass(frozen=True, slots=True)
class OpenedBy:
    """A decoder has opened something."""

    location: str
    decoder: str
    """Its name, for counters (OpsDecBy..., B17.05)."""
    keep: bool
    """The container is worth scanning as a whole, too."""


Record = Looked | Member | Problem | OpenedBy
"""What a decoder process tells as soon as it knows it: when it comes to a bad end, all that it told counts."""


@dataclass(frozen=True, slots=True)
class Opened:
    """Everything that came out of a job."""

    looked: tuple[Looked, ...] = ()
    """One entry for each part of the job and each member with octets, members behind what they came from."""
    members: tuple[Member, ...] = ()
    """Each behind what it came from."""
    problems: tuple[Problem, ...] = ()
    opened: tuple[OpenedBy, ...] = ()

    @classmethod
    def of(cls, records: Iterable[Record]) -> "Opened":
        """Sort what a decoder process told."""
        known = tuple(records)
        return cls(
            looked=tuple(record for record in known if isinstance(record, Looked)),
            members=tuple(record for record in known if isinstance(record, Member)),
            problems=tuple(dict.fromkeys(record for record in known if isinstance(record, Problem))),
            opened=tuple(record for record in known if isinstance(record, OpenedBy)),
        )
