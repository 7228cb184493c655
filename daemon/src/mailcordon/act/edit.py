"""A message with other header fields: new ones on top, the rest octet for octet as it came (B9.01, features 6.07)."""

import functools
import re
from collections.abc import Iterator, Sequence

from mailcordon.act.authserv import AUTHENTICATION_RESULTS, is_from
from mailcordon.act.fields import encode_words, make_field
from mailcordon.mail.header import HeaderEdits, HeaderSection
from mailcordon.mail.message import Mail

CHUNK_SIZE = 128 * 1024
_LINE_LIMIT = 998
_LONG_LINE = re.compile(rb"^([^\n]{998})([^\n]*?)(\r?\n|\Z)", re.MULTILINE)
_HALF_CHARACTER = re.compile(rb"[\xc0-\xff][\x80-\xbf]{0,2}\Z")
_BLANK_FOLD = re.compile(rb"(?<=\n)[ \t]+\r?(?:\n|\Z)")


class EditedMessage:
    """Octets of a message as a row of pieces; the body is a view of the spool, shared by all copies."""

    def __init__(self, pieces: Sequence[bytes | memoryview]) -> None:
        self._pieces = tuple(pieces)

    @property
    def size(self) -> int:
        """Length in octets."""
        return sum(len(piece) for piece in self._pieces)

    def chunks(self) -> Iterator[bytes]:
        """The octets from the start, at most `CHUNK_SIZE` at a time; may be asked for again for another try."""
        for piece in self._pieces:
            view = memoryview(piece)
            for start in range(0, len(view), CHUNK_SIZE):
                yield bytes(view[start : start + CHUNK_SIZE])

    def is_ascii(self) -> bool:
        """Whether no octet is above 127."""
        return all(chunk.isascii() for chunk in self.chunks())


def edit(mail: Mail, edits: HeaderEdits, *, received: str) -> EditedMessage:
    """The copy for recipients with these `edits`: Received, then the new fields, then the original."""
    return with_fields(
        mail,
        [make_field("Received", received), *(make_field(name, body) for name, body in edits.prepend)],
        edits,
    )


def with_fields(mail: Mail, fields: Sequence[bytes], edits: HeaderEdits) -> EditedMessage:
    """`fields` as made by `make_field`, then the original with the removals and the subject prefix of `edits`."""
    original = mail.header.octets
    top = b"".join(fields)
    if edits.subject_prefix is not None and mail.header.first("Subject") is None:
        top += make_field("Subject", edits.subject_prefix.rstrip())
    if original[:1] in (b" ", b"\t"):
        # Would continue our last field. It cannot be a field, so the header ends here, as Postfix sees it too.
        top += b"\r\n"
    return EditedMessage([top, _edited_header(mail.header, edits), mail.content.view()[len(original) :]])


def _edited_header(header: HeaderSection, edits: HeaderEdits) -> bytes:
    octets = header.octets
    if edits.drop_blank_lines:
        octets = _BLANK_FOLD.sub(b"", octets)
    if edits.cut_long_lines:
        octets = _LONG_LINE.sub(_cut, octets)
    prefix = edits.subject_prefix
    wanted = edits.remove | ({"subject"} if prefix is not None else frozenset())
    if edits.authserv_id:
        wanted |= {AUTHENTICATION_RESULTS}
    if not wanted:
        return octets

    def replacement(match: re.Match[bytes]) -> bytes:
        name = match.group(1).decode("ascii").lower()
        if name in edits.remove:
            return b""
        if name == AUTHENTICATION_RESULTS:
            return b"" if is_from(edits.authserv_id, match.group()) else match.group()
        return subject_with(match.group(), prefix or "")

    return _fields_named(wanted).sub(replacement, octets)


def _cut(match: re.Match[bytes]) -> bytes:
    kept, rest, line_end = match.groups()
    if rest and 0x80 <= rest[0] < 0xC0:
        kept = _HALF_CHARACTER.sub(b"", kept)
    return kept + line_end


@functools.lru_cache(maxsize=64)
def _fields_named(names: frozenset[str]) -> re.Pattern[bytes]:
    """Whole fields with their folds. Lines that belong to no field may follow; they are not ours to touch.

    Searches the octets, not `HeaderSection.fields`: those are limited in number, forged fields must not hide behind it.
    """
    either = b"|".join(re.escape(name.encode("ascii", "replace")) for name in sorted(names))
    return re.compile(rb"^(" + either + rb")[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*\n?", re.MULTILINE | re.IGNORECASE)


def subject_with(field: bytes, prefix: str) -> bytes:
    """The field, whole as it stands in the header section, with `prefix` before its body (B9.03)."""
    name, _, body = field.partition(b":")
    body = body.lstrip(b" \t")
    encoded = encode_words(prefix if prefix.isascii() else prefix.rstrip()).encode("ascii")
    between_words = body.startswith(b"=?") or not prefix.isascii()
    if between_words and not encoded.endswith(b" "):
        # Adjoining encoded words are recognised only when white space parts them (RFC 2047 5).
        encoded += b" "
    first_line = body.partition(b"\n")[0]
    if len(name) + len(encoded) + len(first_line) + 2 > _LINE_LIMIT and first_line.strip():
        encoded = encoded.rstrip(b" ") + b"\r\n "
    return name + b": " + encoded + body
