"""The MIME structure of a message as byte offsets (RFC 2046), found in one pass.

Boundaries are looked for among all open ones at once, so that the cost grows with the size of the message only, however
deep it is nested. Nothing recurses and no body is copied.
"""

import re
from dataclasses import dataclass

from mailcordon.mail.category import UNCHECKED_AMBIGUOUS, UNCHECKED_OVER_LIMITS, Category, Major
from mailcordon.mail.finding import Finding
from mailcordon.mail.part import Part
from mailcordon.unpack.fields import ContentFields, read_content_fields
from mailcordon.unpack.structure import Limits, Structure

SOURCE = "mime"

# The line end is matched without what follows it, which may be a line end or delimiter that counts again. The literal
# first octet lets `re` skip fast.
_DELIMITER = re.compile(rb"\n(?=--([^\n]++))")
_DELIMITER_OR_EMPTY_LINE = re.compile(rb"\n(?:(?=(\r?\n))|(?=--([^\n]++)))")

_EMBEDDED_MESSAGES = frozenset({"message/rfc822", "message/global", "message/news"})
_IDENTITY_ENCODINGS = frozenset({"7bit", "8bit", "binary"})


def split(octets: memoryview, limits: Limits | None = None) -> Structure:
    """Split a message into its parts. Any octets will do; what is no MIME is one part of plain text."""
    return _Splitter(octets, limits or Limits()).run()


@dataclass(slots=True)
class _Open:
    """A part that is being read, and the boundary that separates its children."""

    part: Part
    default_type: str
    boundary: bytes | None = None


class _Splitter:
    def __init__(self, octets: memoryview, limits: Limits) -> None:
        self._octets = octets
        self._limits = limits
        self._path: list[_Open] = []
        """The open parts from the root down to the one being read."""
        self._boundaries: dict[bytes, int] = {}
        """Boundaries that count now, and the depth in the path of the multipart they belong to."""
        self._findings: dict[str, Finding] = {}
        self._parts = 0

    def run(self) -> Structure:
        """One pass over the message: alternately a header section and a body up to the next delimiter."""
        root = self._open(0, "text/plain")
        at: int | None = 0
        while at is not None:
            at = self._read_header(at)
            if at is not None:
                at = self._find_delimiter(at)
        self._close_down_to(0, len(self._octets))
        return Structure(root, tuple(self._findings.values()))

    def _open(self, start: int, default_type: str) -> Part:
        if self._path:
            parent = self._path[-1].part
            part = Part(f"{parent.location}.{len(parent.children) + 1}", start, start, start)
            parent.children.append(part)
        else:
            part = Part("1", start, start, start)
        self._path.append(_Open(part, default_type))
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
        part.names, part.disposition = fields.names, fields.disposition
        if fields.ambiguous:
            self._report(UNCHECKED_AMBIGUOUS, fields.ambiguous, part)
        if fields.too_long:
            self._report(UNCHECKED_OVER_LIMITS, "Maximum length of a header field exceeded", part)
        return fields

    def _enter(self, body_start: int) -> bool:
        """Begin the body of the part being read. True: it is a message of its own, whose header starts here."""
        fields = self._describe(body_start)
        current = self._path[-1]
        is_message = fields.content_type in _EMBEDDED_MESSAGES and fields.encoding in _IDENTITY_ENCODINGS
        if is_message and self._within_limits(current.part):
            self._open(body_start, "text/plain")
            return True
        if fields.boundary is not None and self._within_limits(current.part):
            current.boundary = fields.boundary
            if fields.boundary in self._boundaries:
                # The outer multipart keeps the boundary, as in most readers; others give the lines to the inner one.
                self._report(UNCHECKED_AMBIGUOUS, "boundary used at two levels", current.part)
            else:
                self._boundaries[fields.boundary] = len(self._path) - 1
        return False

    def _within_limits(self, part: Part) -> bool:
        if len(self._path) >= self._limits.levels:
            self._report(UNCHECKED_OVER_LIMITS, f"Maximum decoding depth ({self._limits.levels}) exceeded", part)
            return False
        if self._parts >= self._limits.parts:
            self._report(UNCHECKED_OVER_LIMITS, f"Maximum number of files ({self._limits.parts}) exceeded", part)
            return False
        return True

    def _find_delimiter(self, at: int) -> int | None:
        """From a line start on find the next delimiter and open the part behind it; returns where its header starts."""
        if not self._boundaries:
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
            del self._boundaries[self._path[depth].boundary or b""]
            if not self._boundaries:
                return None
        return None

    def _open_next(self, start: int) -> int | None:
        parent = self._path[-1].part
        if start > len(self._octets) or not self._within_limits(parent):
            self._boundaries.clear()
            return None
        self._open(start, "message/rfc822" if parent.content_type == "multipart/digest" else "text/plain")
        return start

    def _depth_of(self, line: bytes) -> int | None:
        """Whose delimiter a line is that starts with `--`; `line` is what follows, without the line feed."""
        line = line.rstrip(b" \t\r")
        depth = self._boundaries.get(line)
        return depth if depth is not None else self._boundaries.get(line.removesuffix(b"--"))

    def _is_closing(self, line: bytes) -> bool:
        return line.rstrip(b" \t\r") not in self._boundaries

    def _end_before(self, line_feed: int) -> int:
        """The line break before a delimiter belongs to it (RFC 2046 5.1.1)."""
        return line_feed - 1 if line_feed and self._octets[line_feed - 1] == ord(b"\r") else line_feed

    def _close_down_to(self, depth: int, end: int) -> None:
        """The open parts from `depth` on end at `end`."""
        while len(self._path) > depth:
            closed = self._path.pop()
            # Two delimiters in a row share one line break: the part between them is empty, not negative.
            closed.part.end = max(end, closed.part.body_start)
            if closed.boundary and self._boundaries.get(closed.boundary) == len(self._path):
                del self._boundaries[closed.boundary]

    def _report(self, minor: int, name: str, part: Part) -> None:
        """One finding of each kind is enough: the number of them is under the sender's control."""
        self._findings.setdefault(name, Finding(Category(Major.UNCHECKED, minor), name, SOURCE, part))
