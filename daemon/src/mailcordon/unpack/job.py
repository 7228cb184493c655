"""What goes to a decoder process and what comes back: small values that can be pickled, no octets of mail."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Quota:
    """What unpacking one message may cost altogether (B13.03)."""

    levels: int
    """Containers inside each other, counted from the message (MAXLEVELS)."""
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
    level: int
    """How many parts it is inside of."""


@dataclass(frozen=True, slots=True)
class Job:
    """All parts of one message that need a decoder."""

    directory: Path
    """Belongs to this message alone; members are written here under numbered names (B13.06)."""
    parts: tuple[PartFile, ...]
    quota: Quota


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


@dataclass(frozen=True, slots=True)
class Problem:
    """What could not be looked at, and why."""

    kind: ProblemKind
    location: str
    text: str
    """For log and findings, one line without octets of the mail."""


@dataclass(frozen=True, slots=True)
class Opened:
    """Everything that came out of a job."""

    looked: tuple[Looked, ...] = ()
    """One entry for each part of the job and each member with octets, members behind what they came from."""
    members: tuple[Member, ...] = ()
    problems: tuple[Problem, ...] = ()
    decoders: tuple[str, ...] = ()
    """Names of the decoders that opened something, one for each time (counters OpsDecBy..., B17.05)."""
