"""The tree of parts of a message."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

UNDECIPHERABLE = "U"
ENCRYPTED = "C"
DIRECTORY = "D"
SPECIAL = "S"
LINK = "L"
BROKEN = "B"


@dataclass(slots=True, eq=False)
class Part:
    """One node of the tree of parts: byte offsets into the message, never a copy of its body.

    The root is the message itself. `start` is the first octet of the part's header section, `body_start` the first of
    its body, `end` the octet after its last one (the line break before a boundary belongs to the boundary, RFC 2046
    5.1.1). What came out of an archive or document is a part, too, below the one it came from; as it has no place in
    the message, its offsets are all 0 and `is_member` tells it apart.
    """

    location: str
    """Path from the root as in IMAP: `1`, `1.2`, `1.2.1`."""
    start: int
    body_start: int
    end: int
    content_type: str = "text/plain"
    """Declared type in lower case, without parameters."""
    encoding: str = "7bit"
    """Declared content transfer encoding in lower case."""
    charset: str | None = None
    names: tuple[str, ...] = ()
    """Declared file names, decoded, the one of Content-Disposition first."""
    raw_names: tuple[str, ...] = ()
    """The same names as they were declared, where that is something else (B12.06); ISO 8859-1."""
    disposition: str | None = None
    is_member: bool = False
    """It was unpacked from the part above."""
    short_types: tuple[str, ...] = ()
    """What its content is, as short types without dot (`exe`, `exe-ms`, `zip`; B12.07); empty where nobody looked."""
    full_type: str = ""
    """libmagic's description of its content."""
    attributes: str = ""
    """Letters of B12.03: U undecipherable, C encrypted, D directory, S special, L link, B broken."""
    size: int | None = None
    """Octets without transfer encoding; None where nobody decoded it."""
    file: Path | None = None
    """Where its decoded octets lie while the message is handled; None where nobody needed them in a file."""
    is_doubtful: bool = False
    """Of the root: something in the message could not be looked at, or readers may see other parts in it than we do."""
    children: list["Part"] = field(default_factory=list)

    def walk(self) -> Iterator["Part"]:
        """This part and all below it, depth first, without recursion (nesting is under the sender's control)."""
        stack = [self]
        while stack:
            part = stack.pop()
            yield part
            stack.extend(reversed(part.children))
