"""The header section of a message, by octets, and the edits that may be made to it.

Parsing never fails: what does not look like a field is kept as it is (design rule 3: bytes are sacred).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice, pairwise
from typing import NamedTuple

MAX_FIELDS = 10_000
"""Fields that are told apart; what follows is one with the last, so that a hostile header cannot eat the memory."""

MAX_SEARCHED = 1024 * 1024
"""Octets of the header section in which fields are looked for, for the same reason; real ones are 100 times smaller."""

# Both expressions begin with a fixed octet or anchor: an optional first one makes the search 30 times slower.
_EMPTY_LINE = re.compile(rb"\n\r?\n")
_FIELD_START = re.compile(rb"^([!-9;-~]+)[ \t]*:", re.MULTILINE)
_FOLDS = ((b"\r\n ", b" "), (b"\r\n\t", b"\t"), (b"\n ", b" "), (b"\n\t", b"\t"))


class HeaderField(NamedTuple):
    """One field: its name as written, and its body unfolded, without the line end."""

    name: str
    body: bytes
    start: int
    end: int
    """Offsets in the message, the line end included."""

    @property
    def text(self) -> str:
        """The body as text for display and matching; undecodable octets become escapes."""
        return self.body.decode("utf-8", "surrogateescape").strip()


class HeaderSection:
    """The fields of a message in order. `octets` end with the line end of the last field."""

    def __init__(self, octets: bytes, body_start: int) -> None:
        self.octets = octets
        self.body_start = body_start
        """Offset of the first octet of the body in the message."""

    @classmethod
    def of(cls, message: bytes | memoryview) -> "HeaderSection":
        """Find and hold the header section of `message`. A message without an empty line is all header."""
        # re works on any buffer, so that a large mapped file is not copied to find its header.
        for line_end in (b"\r\n", b"\n"):
            if message[: len(line_end)] == line_end:
                return cls(b"", len(line_end))
        match = _EMPTY_LINE.search(message)
        if match is None:
            return cls(bytes(message), len(message))
        return cls(bytes(message[: match.start() + 1]), match.end())

    @cached_property
    def fields(self) -> tuple[HeaderField, ...]:
        """All fields, top to bottom."""
        return tuple(self._split())

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The name of each field, in lower case."""
        return tuple(field.name.lower() for field in self.fields)

    def _split(self) -> Iterator[HeaderField]:
        starts = islice(_FIELD_START.finditer(self.octets, 0, MAX_SEARCHED), MAX_FIELDS + 1)
        for match, following in pairwise(chain(starts, [None])):
            if match is None:
                return
            end = following.start() if following else len(self.octets)
            body = self.octets[match.end() : end].rstrip(b"\r\n")
            if b"\n" in body:
                for fold, unfolded in _FOLDS:
                    body = body.replace(fold, unfolded)
            yield HeaderField(match.group(1).decode("ascii"), body, match.start(), end)

    def all(self, name: str) -> list[HeaderField]:
        """Every field of that name, top to bottom; names match without regard to case."""
        wanted = name.lower()
        if wanted not in self.names:
            return []
        return [field for field, present in zip(self.fields, self.names, strict=True) if present == wanted]

    def first(self, name: str) -> HeaderField | None:
        """The topmost field of that name."""
        wanted = name.lower()
        return self.fields[self.names.index(wanted)] if wanted in self.names else None

    def text(self, name: str) -> str | None:
        """Body of the topmost field of that name as text, None if there is none."""
        field = self.first(name)
        return field.text if field else None


@dataclass(frozen=True, slots=True)
class HeaderChange:
    """One change that a milter makes: the field `name` of that number, from 1, gets another body or goes (`body` None);
    with `is_new` a field is inserted so that it has the place `number` in the header section, from 0."""

    name: str
    number: int
    body: str | None
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class HeaderEdits:
    """How one recipient's copy differs from the original. Recipients with equal edits share a transaction (B7.07)."""

    prepend: tuple[tuple[str, str], ...] = ()
    """Name and body of the new fields, topmost first; bodies may hold `\\n` where they are to be folded."""
    remove: frozenset[str] = frozenset()
    """Lower-case names whose every occurrence goes."""
    subject_prefix: str | None = None
    """Text put in front of the subject."""
    authserv_id: str = ""
    """Authentication-Results of this server, or of one that cannot be read, go; empty: none does (RFC 8601 5)."""
    cut_long_lines: bool = False
    """What is beyond 998 octets of a line goes (B9.07)."""
    drop_blank_lines: bool = False
    """Folded lines of white space only go (B9.07)."""
