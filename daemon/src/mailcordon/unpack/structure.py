"""What unpacking takes and gives."""

from dataclasses import dataclass

from mailcordon.mail.finding import Finding
from mailcordon.mail.part import Part


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of the MIME structure is followed. What lies beyond stays one undivided part and is reported."""

    levels: int = 100
    """Parts inside each other, the message itself included."""
    parts: int = 10_000
    """Parts of the message, the message itself included."""
    uuencode: bool = False
    """A decoder opens parts that are declared as uuencoded (features 7.05); else they are reported."""


@dataclass(frozen=True, slots=True)
class Structure:
    """The tree of parts, and what there is to say about the structure itself."""

    root: Part
    findings: tuple[Finding, ...]
    """UNCHECKED,2 where a limit was reached (B13.04), UNCHECKED,3 where readers may see other parts (B13.05)."""
