"""The tree of parts of a message."""

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Part:
    """One node of the MIME tree: byte offsets into the message, never a copy of its body.

    The root is the message itself. `start` is the first octet of the part's header section, `body_start` the first of
    its body, `end` the octet after its last one (the line break before a boundary belongs to the boundary, RFC 2046
    5.1.1).
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
    disposition: str | None = None
    children: list["Part"] = field(default_factory=list)

    def walk(self) -> Iterator["Part"]:
        """This part and all below it, depth first, without recursion (nesting is under the sender's control)."""
        stack = [self]
        while stack:
            part = stack.pop()
            yield part
            stack.extend(reversed(part.children))
