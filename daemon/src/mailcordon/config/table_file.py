"""Lookup tables in text files of their own (contract B3.11)."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from mailcordon.config.lookup import Table
from mailcordon.config.lookup_key import LookupKey
from mailcordon.config.watched_file import WatchedFile

T = TypeVar("T")

DEFAULT_VALUE = "1"
_ADDRESS = re.compile(r'((?:"(?:[^"\\]|\\.)*"|[^\s"#])+)(?:\s+(.*))?')
_QUOTED_LOCAL = re.compile(r'"((?:[^"\\]|\\.)*)"(@.*)?')


def read_entries(text: str, convert: Callable[[str], T]) -> dict[str, T]:
    """The entries of a hash table: an address or domain a line, its value after blanks, 1 unless given.

    Addresses stand in quoted form; `#` begins a comment except inside a quoted local part. ValueError names the line.
    """
    entries = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _ADDRESS.match(stripped)
        if match is None:
            raise ValueError(f"line {number}: {stripped!r} begins with no address")
        value = re.sub(r"(?:^|\s)#.*", "", match[2] or "").strip()
        try:
            entries[_unquoted(match[1])] = convert(value or DEFAULT_VALUE)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
    return entries


def read_patterns(text: str) -> list[str]:
    """The patterns of an access list or list of networks, one a line; `#` begins a comment."""
    return [pattern for line in text.splitlines() if (pattern := re.sub(r"(?:^|\s)#.*", "", line).strip())]


def _unquoted(address: str) -> str:
    match = _QUOTED_LOCAL.fullmatch(address)
    return re.sub(r"\\(.)", r"\1", match[1]) + (match[2] or "") if match else address


@dataclass(frozen=True, slots=True)
class FileTable(Generic[T]):
    """A lookup table in a file."""

    file: WatchedFile[Table[T]]

    def find(self, key: LookupKey) -> T | None:
        """What the table that is in force has to say."""
        return self.file.content.find(key)

    def find_all(self, key: LookupKey) -> Iterator[T]:
        """Everything that the table that is in force has to say."""
        return self.file.content.find_all(key)
