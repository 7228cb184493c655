"""Which line of a TOML document says what; `tomllib` does not tell.

Serves documents that `tomllib` has taken already: nothing is checked here.
"""

import re
import tomllib
from collections.abc import Iterator

Key = tuple[str | int, ...]
"""Path of a value: keys of tables, numbers of list entries."""

_TOKEN = re.compile(
    r"""
      (?P<text> \"\"\"(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5} | '''(?:[^']|'{1,2}(?!'))*'{3,5} | "(?:[^"\\]|\\.)*" | '[^']*' )
    | (?P<comment> \#[^\n]* )
    | (?P<line> \n )
    | (?P<blank> [ \t\r]+ )
    | (?P<mark> [\[\]{}=,.] )
    | (?P<bare> [^\s"'#\[\]{}=,.]+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_LINE = "\n"
_Token = tuple[str, int]


def lines_of(text: str) -> dict[Key, int]:
    """The line on which each table, key and list entry begins, from 1 on; of a table its first header."""
    return _Scanner(text).lines


class _Scanner:
    def __init__(self, text: str) -> None:
        self.lines: dict[Key, int] = {}
        self._entries: dict[Key, int] = {}
        """Number of the last entry of each array of tables."""
        self._tokens = _tokens(text)
        self._next()
        table: Key = ()
        while self._here:
            if self._here == _LINE:
                self._next()
            elif self._here == "[":
                table = self._header()
            else:
                self._pair(table)

    def _next(self) -> None:
        self._here, self._line = next(self._tokens, ("", 0))

    def _note(self, key: Key, line: int) -> None:
        self.lines.setdefault(key, line)

    def _header(self) -> Key:
        """`[a.b]` or `[[a.b]]`."""
        line = self._line
        self._next()
        is_array = self._here == "["
        if is_array:
            self._next()
        names = self._key("]")
        key: Key = ()
        for index, name in enumerate(names, 1):
            key = (*key, name)
            self._note(key, line)
            if is_array and index == len(names):
                self._entries[key] = self._entries.get(key, -1) + 1
            if key in self._entries:
                key = (*key, self._entries[key])
                self._note(key, line)
        if is_array:
            self._next()
        return key

    def _pair(self, table: Key) -> None:
        """`a.b = value`."""
        line = self._line
        key = table
        for name in self._key("="):
            key = (*key, name)
            self._note(key, line)
        self._value(key)

    def _key(self, end: str) -> list[str]:
        """The names of a dotted key up to `end`, which is taken, too."""
        names = []
        while self._here and self._here != end:
            if self._here != ".":
                names.append(_name(self._here))
            self._next()
        self._next()
        return names

    def _value(self, key: Key) -> None:
        if self._here == "{":
            self._next()
            while self._here and self._here != "}":
                if self._here in (",", _LINE):
                    self._next()
                else:
                    self._pair(key)
            self._next()
        elif self._here == "[":
            self._next()
            number = 0
            while self._here and self._here != "]":
                if self._here in (",", _LINE):
                    self._next()
                    continue
                self._note((*key, number), self._line)
                self._value((*key, number))
                number += 1
            self._next()
        else:
            while self._here and self._here not in (",", "]", "}", _LINE):
                self._next()


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for match in _TOKEN.finditer(text):
        if match.lastgroup not in ("blank", "comment"):
            yield match[0], line
        line += match[0].count("\n")


def _name(token: str) -> str:
    if token[0] not in "\"'":
        return token
    return str(tomllib.loads(f"name = {token}")["name"])
