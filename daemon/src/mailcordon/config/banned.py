"""Rules of banned names and types, as they are written in a fragment (contracts B12.01, B12.02).

A table of rules is a list. Each entry is a regular expression, which bans what it matches, or a list of an expression
and its result: true bans, false exempts, a text bans and says what for.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from mailcordon.config.expressions import LONGEST, compile_expression
from mailcordon.config.lookup import Constant, HashTable, Lookup, RegexpTable
from mailcordon.config.lookup_parse import ValueType

DEFAULT = "DEFAULT"
"""The name that stands for `banned_filename_re`."""
LONGEST_PATH = 4096
"""Characters of the lines about a part and all that it is inside of, which `banned_namepath_re` is matched with."""

_SEPARATOR = re.compile(r"[,\s]+")
_COMMENT = re.compile(r"\(\?#\s*(.*?)\s*\)")


@dataclass(frozen=True, slots=True, eq=False)
class BannedRule:
    """One expression and what it means when it matches."""

    expression: re.Pattern[str]
    result: bool | str
    """True or a text bans, False exempts. In a text `$1`, `${1}` and `$(1)` stand for what a group has matched."""

    @property
    def comment(self) -> str:
        """What stands in the expression as `(?# ...)`, for people; empty for nothing."""
        return " ".join(_COMMENT.findall(self.expression.pattern))


@dataclass(frozen=True, slots=True, eq=False)
class BannedTable:
    """Rules in their order; the first one that matches decides."""

    rules: tuple[BannedRule, ...]


class BannedRules(NamedTuple):
    """The rules that hold for a recipient. Recipients with the same ones have the same object."""

    tables: tuple[BannedTable, ...] = ()
    """Those about single names and types, one table continuing the other."""
    paths: BannedTable | None = None
    """`banned_namepath_re`, for parts of which the tables say nothing; None where it is empty."""

    def __bool__(self) -> bool:
        return bool(self.tables) or self.paths is not None


Selection = tuple[str | BannedTable, ...]
"""What `banned_filename` says: names of tables, and tables."""


def banned_table(raw: object) -> BannedTable:
    """Rules about single names and types. Raises ValueError with one line that says what is wrong."""
    return _table(raw, LONGEST)


def banned_paths(raw: object) -> BannedTable:
    """Rules about whole paths, `banned_namepath_re`. Raises ValueError with one line that says what is wrong."""
    return _table(raw, LONGEST_PATH)


def _table(raw: object, longest: int) -> BannedTable:
    if isinstance(raw, BannedTable):
        return raw
    if not isinstance(raw, list):
        raise ValueError("rules of banned names are a list")  # noqa: TRY004 - pydantic collects ValueError
    return BannedTable(tuple(_rule(entry, longest) for entry in raw))


def _rule(entry: object, longest: int) -> BannedRule:
    pattern, result = entry if isinstance(entry, list) and len(entry) == 2 else (entry, True)
    if not isinstance(pattern, str):
        raise ValueError(f"{entry!r} is neither an expression nor a list of an expression and its result")  # noqa: TRY004
    if isinstance(result, int) and result in (0, 1):
        result = bool(result)
    if not isinstance(result, (bool, str)) or result == "":
        raise ValueError(f"{result!r} is no result: true bans, false exempts, a text bans and says what for")
    return BannedRule(compile_expression(pattern, longest), result)


def names_in(text: str) -> Selection:
    """The names in a list with commas or blanks between them, as data bases and fragments have it (B12.01)."""
    return tuple(filter(None, _SEPARATOR.split(text)))


def _selection(raw: object) -> Selection:
    if isinstance(raw, str):
        return names_in(raw)
    if isinstance(raw, Mapping) and len(raw) == 1 and "regexp" in raw:
        return (banned_table(raw["regexp"]),)
    if isinstance(raw, list):
        return tuple(chosen for item in raw for chosen in _selection(item))
    raise ValueError(
        f"{raw!r} selects no rules: expected names with commas between them, {{regexp = [...]}}, or a list of such"
    )


SELECTIONS: ValueType[Selection] = ValueType(_selection, names_in)


def selected(lookup: Lookup[Selection]) -> Iterator[str | BannedTable]:
    """Everything that the lookup may yield for any recipient, as far as it stands in a fragment."""
    for table in lookup.tables:
        values: Iterable[Selection | None] = ()
        if isinstance(table, Constant):
            values = [table.value]
        elif isinstance(table, HashTable):
            values = table.values()
        elif isinstance(table, RegexpTable):
            values = [value for _, value in table.entries]
        for value in values:
            yield from value or ()
