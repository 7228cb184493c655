"""New header fields as octets (RFC 5322 2.2, RFC 2047).

Values come from strangers: names of viruses, addresses, host names. Whatever they hold, one call gives exactly one
field, so nobody can smuggle a field or the end of the header section into a message of ours.
"""

import base64
import re
from collections.abc import Iterator

WANTED_LINE_LENGTH = 78
"""Octets of a line without its end, kept where white space allows a fold (RFC 5322 2.1.1)."""
_TOKEN_LIMIT = 900
"""A word longer than this is cut, so that no line comes near the 998 octets that RFC 5322 allows."""
_ENCODED_WORD_OCTETS = 42
"""Octets of text in one encoded word: with its frame it stays within the 75 of RFC 2047 2."""

_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_BAD_IN_NAME = re.compile(r"[^!-9;-~]")
_WORD = re.compile(r"[ \t]*[^ \t]+")


def make_field(name: str, body: str, *, encode: bool = True) -> bytes:
    """One header field with its line end. `\\n` in `body` asks for a fold at that place.

    Control characters become `?`. Text beyond ASCII becomes encoded words, or with `encode=False` plain UTF-8, as
    internationalised messages and quarantine files want it.
    """
    lines = [text for text in map(_harmless, _LINE_BREAK.split(body)) if text.strip()]
    if encode:
        lines = [_encoded(line) for line in lines]
    folded: list[str] = []
    for number, line in enumerate(lines or [""]):
        start = f"{_BAD_IN_NAME.sub('-', name) or 'X'}: {line.lstrip()}" if number == 0 else f" {line.strip()}"
        folded.extend(_fold(start))
    return "\r\n".join(folded).encode("utf-8", "surrogateescape") + b"\r\n"


def encode_words(text: str) -> str:
    """`text` with everything from the first to the last word beyond ASCII as encoded words (RFC 2047)."""
    return _encoded(_harmless(_LINE_BREAK.sub(" ", text)))


def _harmless(text: str) -> str:
    if text.isprintable():
        return text
    return _CONTROL.sub("?", text)


def _encoded(line: str) -> str:
    if line.isascii():
        return line
    words = _WORD.findall(line)
    strange = [number for number, word in enumerate(words) if not word.isascii()]
    if not strange:
        return line
    first, last = strange[0], strange[-1] + 1
    run = "".join(words[first:last])
    leading = run[: len(run) - len(run.lstrip(" \t"))]
    return "".join([*words[:first], leading, " ".join(_encoded_words(run.strip(" \t"))), *words[last:]])


def _encoded_words(text: str) -> Iterator[str]:
    # Octets that are not UTF-8 came in as surrogates; what nobody can decode becomes U+FFFD.
    readable = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    piece = b""
    for character in readable:
        octets = character.encode("utf-8", "replace")
        if len(piece) + len(octets) > _ENCODED_WORD_OCTETS:
            yield _encoded_word(piece)
            piece = b""
        piece += octets
    yield _encoded_word(piece)


def _encoded_word(octets: bytes) -> str:
    return f"=?utf-8?B?{base64.b64encode(octets).decode('ascii')}?="


def _fold(line: str) -> Iterator[str]:
    """Break a line before white space. A field's name keeps company: some parsers dislike a first line without text."""
    if len(line) <= WANTED_LINE_LENGTH and line.isascii():
        yield line.rstrip(" \t")
        return
    current, length = "", 0
    for number, word in enumerate(_pieces(line)):
        more = _length(word)
        if number <= 1 or length + more <= WANTED_LINE_LENGTH:
            current += word
            length += more
        else:
            yield current
            current, length = word, more
    yield current


def _pieces(line: str) -> Iterator[str]:
    for word in _WORD.findall(line):
        yield word[:_TOKEN_LIMIT]
        for start in range(_TOKEN_LIMIT, len(word), _TOKEN_LIMIT):
            yield " " + word[start : start + _TOKEN_LIMIT]


def _length(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))
