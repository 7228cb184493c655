"""Lookup tables: values that depend on an address (contracts B3.01 to B3.13). How they are written: `lookup_parse`."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, Protocol, TypeGuard, TypeVar, cast

from mailcordon.config.expressions import LONGEST
from mailcordon.config.lookup_key import LookupKey

T = TypeVar("T")
_T_co = TypeVar("_T_co", covariant=True)

_CAPTURE = re.compile(r"\$(?:\{(\d+)\}|\((\d+)\)|(\d+))")


class Verbatim(str):
    """A value that goes through as it is: `$1` in it stands for nothing."""

    __slots__ = ()


class Table(Protocol[_T_co]):
    """One lookup table."""

    def find(self, key: LookupKey) -> _T_co | None:
        """The value for an address, None when the table has nothing to say about it."""

    def find_all(self, key: LookupKey) -> Iterator[_T_co]:
        """Every value that it has for an address, the most specific one first."""


@dataclass(frozen=True, slots=True)
class Constant(Generic[T]):
    """The same value for every address (B3.03)."""

    value: T | None

    def find(self, key: LookupKey) -> T | None:
        """The value."""
        return self.value

    def find_all(self, key: LookupKey) -> Iterator[T]:
        """The value."""
        if self.value is not None:
            yield self.value


class HashTable(Generic[T]):
    """Addresses and domains as keys (B3.05 to B3.08, B3.10). A value of None ends the search in this table."""

    def __init__(self, entries: Mapping[str, T | None]) -> None:
        # Domains are compared in lower case always, local parts by default (B3.04).
        self._exact = {_lower_domain(name): value for name, value in entries.items()}
        self._folded = {name.lower(): value for name, value in self._exact.items()}

    def values(self) -> list[T | None]:
        """All values."""
        return list(self._exact.values())

    @property
    def is_by_domain(self) -> bool:
        """Whether all addresses of a domain have the same value."""
        return not any("@" in name or _is_expanded(value) for name, value in self._exact.items())

    def find(self, key: LookupKey) -> T | None:
        """Value of the first key that exists."""
        entries = self._exact if key.case_sensitive else self._folded
        for name in key.hash_keys:
            if name in entries:
                return _expanded(entries[name], key)
        return None

    def find_all(self, key: LookupKey) -> Iterator[T]:
        """Values of all keys that exist, but for undefined ones."""
        entries = self._exact if key.case_sensitive else self._folded
        for name in dict.fromkeys(key.hash_keys):
            value = _expanded(entries.get(name), key)
            if value is not None:
                yield value


def _lower_domain(name: str) -> str:
    local, at, domain = name.rpartition("@")
    return f"{local}@{domain.lower()}" if at else domain.lower()


def _expanded(value: T | None, key: LookupKey) -> T | None:
    return cast("T", key.expand(value)) if _is_expanded(value) else value


def _is_expanded(value: object) -> TypeGuard[str]:
    return _is_template(value) and "$" in value


def _is_template(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and not isinstance(value, Verbatim)


class AccessList:
    """Ordered patterns, `!` in front means no (B3.12)."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = tuple((not text.startswith("!"), text.removeprefix("!").lower()) for text in patterns)

    @property
    def is_by_domain(self) -> bool:
        """Whether all addresses of a domain have the same value."""
        return not any("@" in pattern for _, pattern in self._patterns)

    def find(self, key: LookupKey) -> bool | None:
        """True or False by the first pattern that matches, None when none does."""
        for positive, pattern in self._patterns:
            if _matches(pattern, key):
                return positive
        return None

    def find_all(self, key: LookupKey) -> Iterator[bool]:
        """What `find` says: the first pattern decides."""
        found = self.find(key)
        if found is not None:
            yield found


def _matches(pattern: str, key: LookupKey) -> bool:
    if key.suffix:
        if not pattern.endswith(key.suffix):
            return False
        pattern = pattern[: -len(key.suffix)]
    if pattern == ".":
        return True
    if "@" in pattern:
        return pattern == key.lower
    if pattern.startswith("."):
        return key.domain == pattern[1:] or key.domain.endswith(pattern)
    return key.domain == pattern


@dataclass(frozen=True, slots=True)
class RegexpTable(Generic[T]):
    """Ordered regular expressions over the whole address as given, without implied anchors (B3.13)."""

    entries: tuple[tuple[re.Pattern[str], T | None], ...]

    def find(self, key: LookupKey) -> T | None:
        """Value of the first expression that matches, with `$1`, `${1}`, `$(1)` replaced in a text value."""
        if len(key.address) > LONGEST:
            return None
        text = key.address + key.suffix
        for pattern, value in self.entries:
            match = pattern.search(text)
            if match is not None:
                return cast("T", with_captures(value, match)) if _is_template(value) else value
        return None

    def find_all(self, key: LookupKey) -> Iterator[T]:
        """What `find` says: the first expression decides."""
        found = self.find(key)
        if found is not None:
            yield found


def with_captures(template: str, match: re.Match[str]) -> str:
    """`template` with what the groups of `match` have matched for `$1`, `${1}` and `$(1)` (B3.13)."""

    def captured(reference: re.Match[str]) -> str:
        number = int(next(group for group in reference.groups() if group))
        return (match.group(number) or "") if number <= match.re.groups else ""

    return _CAPTURE.sub(captured, template)


@dataclass(frozen=True)
class Lookup(Generic[T]):
    """An ordered list of tables; the first defined result wins (B3.01)."""

    tables: tuple[Table[T], ...] = ()

    def find(self, address: str, delimiter: str = "") -> T | None:
        """The value for one address. Who looks up more than one thing about it makes a key and asks `at`."""
        return self.at(LookupKey(address, delimiter))

    def at(self, key: LookupKey) -> T | None:
        """The value for an address, None when no table knows it."""
        for table in self.tables:
            value = table.find(key)
            if value is not None:
                return value
        return None

    def all_at(self, key: LookupKey) -> list[T]:
        """Every value of every table."""
        return [value for table in self.tables for value in table.find_all(key)]

    @cached_property
    def is_constant(self) -> bool:
        """Whether every address has the same value, the one that any address has."""
        return all(isinstance(table, Constant) for table in self.tables[:1])

    @cached_property
    def is_by_domain(self) -> bool:
        """Whether all addresses of a domain have the same value; there may be no such thing for those without one."""
        return all(
            isinstance(table, Constant) or (isinstance(table, (HashTable, AccessList)) and table.is_by_domain)
            for table in self.tables
        )
