"""The MIME structure of a message as byte offsets (RFC 2046), found in one pass.

Boundaries are looked for among all open ones at once, so that the cost grows with the size of the message only, however
deep it is nested. Nothing recurses and no body is copied.

Where readers may understand the structure in different ways, one of them is followed and a finding says so (B13.05,
CVE-2024-28054): what another reader sees was not looked at.
"""

import re
from dataclasses import dataclass

from mailcordon.mail.category import (
    UNCHECKED_AMBIGUOUS,
    UNCHECKED_ENCRYPTED,
    UNCHECKED_OVER_LIMITS,
    Category,
    Major,
)
from mailcordon.mail.finding import Finding
from mailcordon.mail.part import ENCRYPTED, UNDECIPHERABLE, Part
from mailcordon.unpack.encrypted import is_encrypted
from mailcordon.unpack.fields import ContentFields, read_content_fields
from mailcordon.unpack.header_lines import header_problem
from mailcordon.unpack.hidden_delimiters import behind_bare_cr, behind_quoted_printable, starts_with_any
from mailcordon.unpack.structure import Limits, Structure
from mailcordon.unpack.transfer import BASE64, IDENTITY, QUOTED_PRINTABLE, UUENCODED, is_pure_base64

SOURCE = "mime"

# The line end is matched without what follows it, which may be a line end or delimiter that counts again. The literal
# first octet lets `re` skip fast.
_DELIMITER = re.compile(rb"\n(?=--([^\n]++))")
_DELIMITER_OR_EMPTY_LINE = re.compile(rb"\n(?:(?=(\r?\n))|(?=--([^\n]++)))")

_EMBEDDED_MESSAGES = frozenset({"message/rfc822", "message/global", "message/news"})
_ENCODED_MESSAGE = re.compile(rb"\s*+[^:\s]++\s")
_MBOX_LINE = re.compile(rb">?From [^\n]*+\n")
_ENCODED_CONTAINER = "container with a content transfer encoding"
_UNCHECKED = 0
"""Minor category of what cannot be looked at for other reasons."""


def split(octets: memoryview, limits: Limits | None = None) -> Structure:
    """Split a message into its parts. Any octets will do; what is no MIME is one part of plain text."""
    return _Splitter(octets, limits or Limits()).run()


@dataclass(slots=True)
class _Open:
    """A part that is being read, and the boundary that separates its children."""

    part: Part
    default_type: str
    is_message: bool
    """It is a message of its own, not a part of a multipart."""
    boundary: bytes | None = None
    is_encoded_message: bool = False
    """What it holds is to be read after decoding only."""


class _Splitter:
    def __init__(self, octets: memoryview, limits: Limits) -> None:
        self._octets = octets
        self._limits = limits
        self._path: list[_Open] = []
        """The open parts from the root down to the one being read."""
        self._boundaries: dict[bytes, int] = {}
        """Boundaries that count now, and the depth in the path of the multipart they belong to."""
        self._lengths: list[int] | None = None
        """Of these boundaries, rising; None when that must be found out anew."""
        self._seen_boundaries: set[bytes] = set()
        self._quoted_from: int | None = None
        """Start of the first container that claims to be quoted-printable."""
        self._findings: dict[str, Finding] = {}
        self._parts = 0
        self._is_cut = False
        """A limit was reached."""

    def run(self) -> Structure:
        """One pass over the message: alternately a header section and a body up to the next delimiter."""
        root = self._open(0, "text/plain", is_message=True)
        at: int | None = 0
        while at is not None:
            at = self._read_header(at)
            if at is not None:
                at = self._find_delimiter(at)
        self._close_down_to(0, len(self._octets))
        self._look_for_hidden_delimiters(root)
        return Structure(root, tuple(self._findings.values()))

    def _open(self, start: int, default_type: str, *, is_message: bool = False) -> Part:
        if self._path:
            parent = self._path[-1].part
            part = Part(f"{parent.location}.{len(parent.children) + 1}", start, start, start)
            parent.children.append(part)
        else:
            part = Part("1", start, start, start)
        self._path.append(_Open(part, default_type, is_message))
        self._parts += 1
        return part

    def _read_header(self, at: int) -> int | None:
        """Read the header section of the part just opened; `at` is where its first line starts.

        Returns a line start from which to look for the next delimiter, None at the end of the message.
        """
        while (stop := self._end_of_header(at)) is not None:
            at, complete = stop
            if not complete:
                self._describe(max(self._end_before(at - 1), self._path[-1].part.start))
                return at
            if not self._enter(at):
                return at
        self._describe(len(self._octets))
        return None

    def _end_of_header(self, at: int) -> tuple[int, bool] | None:
        """Offset of the body and True, or of the delimiter line that comes first and False; None: all is header."""
        if at == 0 and (first := bytes(self._octets[:2])).startswith((b"\n", b"\r\n")):
            return (1 if first.startswith(b"\n") else 2), True
        for match in _DELIMITER_OR_EMPTY_LINE.finditer(self._octets, max(at - 1, 0)):
            if match.group(1) is not None:
                return match.end(1), True
            if self._depth_of(match.group(2)) is not None:
                return match.end(), False
        return None

    def _describe(self, body_start: int) -> ContentFields:
        """Fill in what the header section of the part being read says; it ends at `body_start`."""
        current = self._path[-1]
        part = current.part
        part.body_start = body_start
        fields = read_content_fields(self._octets, part.start, body_start, current.default_type)
        part.content_type, part.encoding, part.charset = fields.content_type, fields.encoding, fields.charset
        part.names, part.raw_names, part.disposition = fields.names, fields.raw_names, fields.disposition
        for problem in fields.ambiguous:
            self._report(UNCHECKED_AMBIGUOUS, problem)
        if fields.too_long:
            self._report(UNCHECKED_OVER_LIMITS, "Maximum length of a header field exceeded")
        # Where a message is one plain text, it does not matter what its header section is like.
        if not current.is_message or part.content_type != "text/plain" or part.encoding not in IDENTITY:
            unsound = header_problem(self._octets, self._first_field(current), body_start)
            if unsound:
                self._report(UNCHECKED_AMBIGUOUS, unsound)
        return fields

    def _first_field(self, current: _Open) -> int:
        """Where the header section starts, but for the line with which mailboxes separate their messages."""
        match = _MBOX_LINE.match(self._octets, current.part.start) if current.is_message else None
        return match.end() if match else current.part.start

    def _enter(self, body_start: int) -> bool:
        """Begin the body of the part being read. True: it is a message of its own, whose header starts here."""
        fields = self._describe(body_start)
        current = self._path[-1]
        if fields.encoding in UUENCODED and not self._limits.uuencode:
            self._cannot_read("uuencode as content transfer encoding")
        if fields.content_type == "message/partial":
            self._cannot_read("message/partial: what is missing is in other messages")
        if fields.content_type in _EMBEDDED_MESSAGES and self._is_readable_message(current, fields.encoding):
            if self._within_limits():
                self._open(body_start, "text/plain", is_message=True)
                return True
        elif fields.boundary is not None and self._within_limits():
            self._begin_multipart(current, fields.boundary, fields.encoding)
        return False

    def _is_readable_message(self, current: _Open, encoding: str) -> bool:
        """Whether an embedded message is read as it stands. RFC 2046 5.2.1 allows nothing else, some senders do it."""
        body_start = current.part.body_start
        if encoding == QUOTED_PRINTABLE:
            self._report(UNCHECKED_AMBIGUOUS, _ENCODED_CONTAINER)
            current.is_encoded_message = True
        elif encoding == BASE64 and _ENCODED_MESSAGE.match(self._octets, body_start):
            current.is_encoded_message = True
        elif encoding == BASE64:
            self._report(UNCHECKED_AMBIGUOUS, _ENCODED_CONTAINER)
        elif encoding in UUENCODED:
            current.is_encoded_message = True
        return not current.is_encoded_message

    def _begin_multipart(self, current: _Open, boundary: bytes, encoding: str) -> None:
        """Its parts are read as they stand, as RFC 2046 5.1 wants it, whatever encoding it claims to have."""
        if encoding == QUOTED_PRINTABLE:
            self._quoted_from = self._quoted_from or current.part.body_start
        elif encoding == BASE64 or encoding in UUENCODED:
            self._report(UNCHECKED_AMBIGUOUS, _ENCODED_CONTAINER)
        current.boundary = boundary
        self._seen_boundaries.add(boundary)
        if boundary in self._boundaries:
            # The outer multipart keeps the boundary, as in most readers; others give the lines to the inner one.
            self._report(UNCHECKED_AMBIGUOUS, "boundary used at two levels")
        else:
            self._boundaries[boundary] = len(self._path) - 1
            self._lengths = None

    def _within_limits(self) -> bool:
        if len(self._path) >= self._limits.levels:
            problem = f"Maximum decoding depth ({self._limits.levels}) exceeded"
        elif self._parts >= self._limits.parts:
            problem = f"Maximum number of files ({self._limits.parts}) exceeded"
        else:
            return True
        self._is_cut = True
        self._report(UNCHECKED_OVER_LIMITS, problem)
        return False

    def _find_delimiter(self, at: int) -> int | None:
        """From a line start on find the next delimiter and open the part behind it; returns where its header starts."""
        if not self._seen_boundaries or (self._is_cut and not self._boundaries):
            return None
        for match in _DELIMITER.finditer(self._octets, max(at - 1, 0)):
            line = match.group(1)
            depth = self._depth_of(line)
            if depth is None:
                continue
            self._close_down_to(depth + 1, self._end_before(match.start()))
            after = match.end(1) + 1
            if not self._is_closing(line):
                return self._open_next(after)
            # Only an epilogue is left of this multipart; an outer one goes on behind it.
            self._drop(self._path[depth].boundary or b"")
        return None

    def _open_next(self, start: int) -> int | None:
        if start > len(self._octets) or not self._within_limits():
            self._boundaries.clear()
            return None
        parent = self._path[-1].part
        self._open(start, "message/rfc822" if parent.content_type == "multipart/digest" else "text/plain")
        return start

    def _depth_of(self, line: bytes) -> int | None:
        """Whose delimiter a line is that starts with `--`; `line` is what follows, without the line feed."""
        stripped = line.rstrip(b" \t\r")
        depth = self._boundaries.get(stripped)
        if depth is None:
            depth = self._boundaries.get(stripped.removesuffix(b"--"))
        if depth is None:
            self._doubt(stripped)
        elif b"\r" in line[:-1]:
            self._report(UNCHECKED_AMBIGUOUS, "bare CR behind a delimiter")
        return depth

    def _doubt(self, line: bytes) -> None:
        """Report a line that is a delimiter for others: RFC 2046 5.1.1 lets them compare its start only."""
        if line in self._seen_boundaries or line.removesuffix(b"--") in self._seen_boundaries:
            self._report(UNCHECKED_AMBIGUOUS, "delimiter behind the end of its multipart")
            return
        if self._lengths is None:
            self._lengths = sorted({len(boundary) for boundary in self._boundaries})
        if starts_with_any(line, self._boundaries, self._lengths):
            self._report(UNCHECKED_AMBIGUOUS, "line that begins like a delimiter")

    def _is_closing(self, line: bytes) -> bool:
        return line.rstrip(b" \t\r") not in self._boundaries

    def _end_before(self, line_feed: int) -> int:
        """The line break before a delimiter belongs to it (RFC 2046 5.1.1)."""
        return line_feed - 1 if line_feed and self._octets[line_feed - 1] == ord(b"\r") else line_feed

    def _drop(self, boundary: bytes) -> None:
        del self._boundaries[boundary]
        self._lengths = None

    def _close_down_to(self, depth: int, end: int) -> None:
        """The open parts from `depth` on end at `end`."""
        while len(self._path) > depth:
            closed = self._path[-1]
            # Two delimiters in a row share one line break: the part between them is empty, not negative, and those
            # around it do not end before it.
            closed.part.end = end = max(end, closed.part.body_start)
            self._look_back_at(closed)
            self._path.pop()
            if closed.boundary and self._boundaries.get(closed.boundary) == len(self._path):
                self._drop(closed.boundary)

    def _look_back_at(self, closed: _Open) -> None:
        """Report what shows only once a part is complete."""
        part = closed.part
        if is_encrypted(self._octets, part):
            part.attributes += ENCRYPTED
            self._report(UNCHECKED_ENCRYPTED, f"Encrypted part ({part.content_type})")
        if closed.is_encoded_message and part.encoding == BASE64:
            if not is_pure_base64(self._octets[part.body_start : part.end]):
                self._report(UNCHECKED_AMBIGUOUS, _ENCODED_CONTAINER)
        elif closed.boundary and not part.children and not self._is_cut:
            self._report(UNCHECKED_AMBIGUOUS, "multipart without parts")

    def _look_for_hidden_delimiters(self, root: Part) -> None:
        if behind_bare_cr(self._octets, self._seen_boundaries):
            self._report(UNCHECKED_AMBIGUOUS, "delimiter behind a bare CR", root)
        if self._quoted_from is not None and behind_quoted_printable(self._octets, self._quoted_from):
            self._report(UNCHECKED_AMBIGUOUS, _ENCODED_CONTAINER, root)

    def _cannot_read(self, what: str) -> None:
        self._path[-1].part.attributes += UNDECIPHERABLE
        self._report(_UNCHECKED, what)

    def _report(self, minor: int, name: str, part: Part | None = None) -> None:
        """About `part`, else the one being read. One finding of each kind is enough: the sender decides how many."""
        where = part or self._path[-1].part
        self._findings.setdefault(name, Finding(Category(Major.UNCHECKED, minor), name, SOURCE, where))
