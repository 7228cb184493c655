"""Parameters of structured MIME fields (RFC 2045 5.1, RFC 2231) and encoded words in them (RFC 2047).

Written for hostile input: every expression here matches in linear time, nothing is dropped where a value is given more
than once, and nothing raises. Text is ISO 8859-1, one character an octet, until a name is decoded for people.
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64, a2b_qp
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

MAX_NAME_LENGTH = 1024
"""Characters of a file name that are looked at; no file system takes more than 255 octets."""

_PIECE = re.compile(r';((?:[^;"]++|"(?:[^"\\]|\\.)*+"?+)*+)', re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)(?:"|\Z)(.*)', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\])')
_NAME = re.compile(r"([^*]+)(?:\*(\d{1,4}))?(\*)?")
_COMMENTS = re.compile(r"(?:\s|\([^()]*+\))*+")
_ENCODED_WORD = re.compile(r"=\?([^?\s]{1,64})\?([bBqQ])\?([^?\s]*+)\?=")
_BETWEEN_ENCODED_WORDS = re.compile(r"(\?=)\s++(?==\?)")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: every value it was given, in order of appearance, plain ones first."""

    values: tuple[str, ...]
    clear: bool
    """False when readers may take different values from it: given twice, or with something behind the value."""


@dataclass(slots=True)
class _Pieces:
    plain: list[str]
    segments: dict[int, str]
    clear: bool = True


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
        pieces = found.setdefault(base.strip(), _Pieces([], {}))
        value, clear = _value(raw.strip())
        pieces.clear &= clear
        _add(pieces, value, int(number) if number else None, extended=bool(extended))
    return {name: _join(pieces) for name, pieces in found.items()}


def _value(raw: str) -> tuple[str, bool]:
    quoted = _QUOTED.fullmatch(raw)
    if quoted is None:
        return raw, not any(character in raw for character in ' \t"')
    # Only quote and backslash are unescaped: names such as "C:\mail\x.doc" are common and keep their backslashes.
    return _ESCAPED.sub(r"\1", quoted.group(1)), _COMMENTS.fullmatch(quoted.group(2)) is not None


def _add(pieces: _Pieces, value: str, number: int | None, *, extended: bool) -> None:
    if number is None:
        pieces.plain.append(_decode_extended(value) if extended else value)
        return
    if extended:
        value = _decode_extended(value) if number == 0 else _percent_decoded(value, "utf-8")
    if number in pieces.segments:
        pieces.clear = False
        return
    pieces.segments[number] = value


def _join(pieces: _Pieces) -> Parameter:
    values = list(pieces.plain)
    if pieces.segments:
        joined: list[str] = []
        while (segment := pieces.segments.get(len(joined))) is not None:
            joined.append(segment)
        values.append("".join(joined))
    return Parameter(tuple(values), pieces.clear and len(values) == 1)


def _decode_extended(value: str) -> str:
    """`charset'language'percent-encoded` (RFC 2231 section 4); a value without the two quotes is only unescaped."""
    charset, first, rest = value.partition("'")
    _, second, text = rest.partition("'")
    if not (first and second):
        return _percent_decoded(value, "utf-8")
    return _percent_decoded(text, charset or "us-ascii")


def _percent_decoded(value: str, charset: str) -> str:
    return to_text(unquote_to_bytes(value[: 3 * MAX_NAME_LENGTH].encode("latin-1", "replace")), charset)


def to_text(octets: bytes, charset: str) -> str:
    """`octets` as text. An unknown or unfit character set gives ISO 8859-1, in which every octet is something."""
    try:
        return octets.decode(charset)
    except (
        LookupError,
        ValueError,
    ):  # UnicodeError is a ValueError; a NUL in the name of the charset gives a plain one
        return octets.decode("latin-1")


def display_name(raw: str) -> str:
    """A declared file name as people see it: UTF-8 recognised, encoded words decoded, no control characters."""
    name = raw[:MAX_NAME_LENGTH]
    if not name.isascii():
        # Not ISO 8859-1 any more if it came out of an RFC 2231 value; that one is decoded already.
        with suppress(UnicodeError):
            name = name.encode("latin-1").decode("utf-8")
    name = _ENCODED_WORD.sub(_decode_word, _BETWEEN_ENCODED_WORDS.sub(r"\1", name))
    return "".join(character for character in name if character.isprintable()).strip()


def _decode_word(match: re.Match[str]) -> str:
    charset, encoding, encoded = match.groups()
    text = encoded.encode("latin-1", "replace")
    try:
        octets = a2b_base64(text + b"==") if encoding in "bB" else a2b_qp(text, header=True)
    except Base64Error:
        return match.group()
    return to_text(octets, charset.partition("*")[0])  # RFC 2231 section 5: charset*language
