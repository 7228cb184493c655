"""Parameters of structured MIME fields (RFC 2045 5.1, RFC 2231) and encoded words in them (RFC 2047).

Written for hostile input: every expression here matches in linear time, nothing is dropped where a value is given more
than once, and nothing raises. Text is ISO 8859-1, one character an octet, until a name is decoded for people.
"""

import codecs
import re
from binascii import Error as Base64Error
from binascii import a2b_base64, a2b_qp
from contextlib import suppress
from dataclasses import dataclass
from itertools import count, takewhile
from urllib.parse import unquote_to_bytes

from mailcordon.mail.file_names import shortened

_PIECE = re.compile(r';((?:[^;"]++|"(?:[^"\\]|\\.)*+"?+)*+)', re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)(?:"|\Z)(.*)', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\])')
_NAME = re.compile(r"([^*]+)(?:\*(\d{1,9}))?(\*)?")
_COMMENTS = re.compile(r"(?:\s|\([^()]*+\))*+")
ENCODED_WORD = re.compile(r"=\?([^?\s]{1,64})\?([bBqQ])\?([^?\s]*+)\?=")
_BETWEEN_ENCODED_WORDS = re.compile(r"(\?=)\s++(?==\?)")
_SLOW_CHARSETS = frozenset({"punycode", "idna"})
"""Python's decoders of these, which no mail program takes for character sets, need quadratic time."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: every value that a reader may take from it, the one without RFC 2231 first."""

    values: tuple[str, ...]
    clear: bool
    """False when readers may take different values from it: given twice, or with something behind the value."""
    extended: bool = False
    """It is in pieces or percent-encoded (RFC 2231); readers that do not know that see no such parameter."""


@dataclass(slots=True)
class _Pieces:
    """What was given of one parameter."""

    plain: list[str]
    segments: dict[int, bytes]
    repeated: dict[int, bytes]
    """Segments whose number was there before; the last one of each."""
    charset: str | None = None
    clear: bool = True
    extended: bool = False


def parse_parameters(field: str) -> dict[str, Parameter]:
    """The parameters of a field body, by name in lower case. What stands before the first `;` is not looked at."""
    found: dict[str, _Pieces] = {}
    head = _PIECE.search(field)
    for match in _PIECE.finditer(field, head.start() if head else len(field)):
        name, equals, raw = match.group(1).partition("=")
        shape = _NAME.fullmatch(name.strip().lower())
        if not equals or shape is None:
            continue
        base, number, extended = shape.groups()
        pieces = found.setdefault(base.strip(), _Pieces([], {}, {}))
        value, clear = _value(raw.strip())
        pieces.clear &= clear
        pieces.extended |= bool(number or extended)
        _add(pieces, value, int(number) if number else None, encoded=bool(extended))
    return {name: _join(pieces) for name, pieces in found.items()}


def _value(raw: str) -> tuple[str, bool]:
    quoted = _QUOTED.fullmatch(raw)
    if quoted is None:
        return raw, not any(character in raw for character in ' \t"(')
    # Only quote and backslash are unescaped: names such as "C:\mail\x.doc" are common and keep their backslashes.
    return _ESCAPED.sub(r"\1", quoted.group(1)), _COMMENTS.fullmatch(quoted.group(2)) is not None


def _add(pieces: _Pieces, value: str, number: int | None, *, encoded: bool) -> None:
    if number is None:
        if encoded:
            charset, text = _charset_and_text(value)
            value = to_text(unquote_to_bytes(_octets(text)), charset or "utf-8")
        pieces.plain.append(value)
        return
    if encoded and number == 0:
        pieces.charset, value = _charset_and_text(value)
        pieces.charset = pieces.charset or "utf-8"
    segment = unquote_to_bytes(_octets(value)) if encoded else _octets(value)
    if number in pieces.segments:
        pieces.clear = False
        pieces.repeated[number] = segment
        return
    pieces.segments[number] = segment


def _join(pieces: _Pieces) -> Parameter:
    """Characters may go over the end of a segment, so the octets of all are put together first."""
    values = list(pieces.plain)
    if pieces.segments:
        until_gap = list(takewhile(lambda number: number in pieces.segments, count()))
        every = sorted(pieces.segments)
        ways = [[pieces.segments[number] for number in numbers] for numbers in (until_gap, every)]
        if pieces.repeated:
            ways.append([pieces.repeated.get(number, pieces.segments[number]) for number in every])
        charset = pieces.charset or "latin-1"
        # Readers differ on what a gap and a second segment of the same number mean.
        values += dict.fromkeys(to_text(b"".join(segments), charset) for segments in ways if segments)
    return Parameter(tuple(values), pieces.clear and len(values) == 1, pieces.extended)


def _charset_and_text(value: str) -> tuple[str, str]:
    """`charset'language'percent-encoded` (RFC 2231 section 4); a value without the two quotes is only the latter."""
    charset, first, rest = value.partition("'")
    _, second, text = rest.partition("'")
    return (charset, text) if first and second else ("", value)


def _octets(value: str) -> bytes:
    return value.encode("latin-1", "replace")


def to_text(octets: bytes, charset: str) -> str:
    """`octets` as text. An unknown or unfit character set gives ISO 8859-1, in which every octet is something."""
    try:
        if codecs.lookup(charset).name not in _SLOW_CHARSETS:
            return octets.decode(charset)
    except (
        LookupError,
        ValueError,
    ):  # UnicodeError is a ValueError; a NUL in the name of the charset gives a plain one
        pass
    return octets.decode("latin-1")


def display_name(raw: str) -> str:
    """A declared file name as people see it: UTF-8 recognised, encoded words decoded, no control characters."""
    name = raw
    if not name.isascii():
        # Not ISO 8859-1 any more if it came out of an RFC 2231 value; that one is decoded already.
        with suppress(UnicodeError):
            name = name.encode("latin-1").decode("utf-8")
    name = ENCODED_WORD.sub(_decode_word, _BETWEEN_ENCODED_WORDS.sub(r"\1", name))
    if not name.isprintable():
        name = "".join(character for character in name if character.isprintable())
    return shortened(name.strip())


def _decode_word(match: re.Match[str]) -> str:
    charset, encoding, encoded = match.groups()
    text = encoded.encode("latin-1", "replace")
    try:
        octets = a2b_base64(text + b"==") if encoding in "bB" else a2b_qp(text, header=True)
    except Base64Error:
        return match.group()
    return to_text(octets, charset.partition("*")[0])  # RFC 2231 section 5: charset*language
