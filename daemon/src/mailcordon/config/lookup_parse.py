"""How lookups are written in a fragment (contracts B3).

A lookup is

* a plain value, which holds for every address;
* a list of strings (for yes/no settings): an access list;
* a table with one of the keys `hash`, `acl`, `regexp`, `constant`, `hash_file` or `acl_file`;
* a list of such tables and values, tried in order: the first one that knows the address wins.

The word `undef` stands for an undefined value.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from mailcordon.config.expressions import compile_expression
from mailcordon.config.lookup import AccessList, Constant, HashTable, Lookup, RegexpTable, Table
from mailcordon.config.table_file import DEFAULT_VALUE, FileTable, read_entries, read_patterns
from mailcordon.config.watched_file import WatchedFile

T = TypeVar("T")

UNDEFINED = "undef"
_KINDS = ("hash", "acl", "regexp", "constant", "hash_file", "acl_file")


@dataclass(frozen=True, slots=True)
class ValueType(Generic[T]):
    """What the values of a lookup are."""

    convert: Callable[[object], T]
    """Checks a value as it stands in a fragment; ValueError says what is wrong with it."""
    from_text: Callable[[str], T]
    """Reads a value from a table file."""
    boolean: bool = False
    """Yes or no, so that an access list may stand for a table."""

    def defined(self, raw: object) -> T | None:
        """The value, None for an undefined one."""
        return None if raw == UNDEFINED else self.convert(raw)

    def defined_text(self, text: str) -> T | None:
        """The value in a table file, None for an undefined one."""
        return None if text == UNDEFINED else self.from_text(text)


def is_lookup_table(value: object) -> bool:
    """Whether a table in a fragment is a lookup table: one value, which is never merged with another."""
    return isinstance(value, Mapping) and len(value) == 1 and next(iter(value)) in _KINDS


def parse_lookup(raw: object, values: ValueType[T]) -> Lookup[T]:
    """Make a lookup of what stands in a fragment. Raises ValueError with one line that says what is wrong."""
    if isinstance(raw, Lookup):
        return raw
    if isinstance(raw, list):
        if raw and all(isinstance(item, str) for item in raw):
            if not values.boolean:
                raise ValueError(
                    "a list of strings is an access list and answers yes or no only; use a table or a value"
                )
            return Lookup((cast("Table[T]", AccessList(raw)),))
        return Lookup(tuple(_parse_table(item, values) for item in raw))
    return Lookup((_parse_table(raw, values),))


def _parse_table(raw: object, values: ValueType[T]) -> Table[T]:
    if not isinstance(raw, dict):
        return Constant(values.defined(raw))
    if len(raw) != 1:
        raise ValueError(f"a lookup table has exactly one key, one of {', '.join(_KINDS)}")
    kind, body = next(iter(cast("dict[str, Any]", raw).items()))
    if kind == "constant":
        return Constant(values.defined(body))
    if kind == "hash" and isinstance(body, dict):
        return HashTable({key: values.defined(value) for key, value in body.items()})
    if kind == "regexp" and isinstance(body, list):
        return _regexp_table(body, values)
    if kind == "hash_file" and isinstance(body, str):
        return FileTable(WatchedFile(body, lambda text: HashTable(read_entries(text, values.defined_text))))
    if values.boolean:
        if kind == "acl" and _is_list_of_strings(body):
            return cast("Table[T]", AccessList(body))
        if kind == "acl_file" and isinstance(body, str):
            return cast("Table[T]", FileTable(WatchedFile(body, lambda text: AccessList(read_patterns(text)))))
    raise ValueError(
        f"unknown or misshapen lookup table {kind!r}: expected hash, regexp, constant, hash_file, "
        "or for yes/no settings acl, acl_file"
    )


def _is_list_of_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _regexp_table(entries: list[Any], values: ValueType[T]) -> RegexpTable[T]:
    made: list[tuple[re.Pattern[str], T | None]] = []
    for entry in entries:
        pattern, raw = _expression(entry)
        # B3.13: the result of a bare expression is 1.
        value = values.from_text(DEFAULT_VALUE) if raw is None else values.defined(raw)
        made.append((compile_expression(pattern), value))
    return RegexpTable(tuple(made))


def _expression(entry: object) -> tuple[str, object]:
    """The pattern of an entry, and its value, None where it has none."""
    if isinstance(entry, str):
        return entry, None
    if isinstance(entry, Sequence) and len(entry) == 2 and isinstance(entry[0], str):
        return entry[0], entry[1]
    raise ValueError("an entry of a regexp table is a pattern, or a list of pattern and value")
