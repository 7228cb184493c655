"""Lookup tables: values that depend on an address (contracts B3).

In a fragment a lookup is written as

* a plain value, which holds for every address;
* a list of strings (for yes/no settings): an access list;
* a table with one of the keys `hash`, `acl`, `regexp` or `constant`;
* a list of such tables, tried in order: the first one that knows the address wins.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, cast

T = TypeVar("T")
_T_co = TypeVar("_T_co", covariant=True)

MAX_DOMAIN_LABELS = 20
_CAPTURE = re.compile(r"\$(?:\{(\d+)\}|\((\d+)\)|(\d+))")


class Table(Protocol[_T_co]):
    """One lookup table: what it has to say about an address, None for nothing."""

    def find(self, address: str, delimiter: str) -> _T_co | None:
        """The value for `address`; `delimiter` separates an address extension, empty for none."""


def split_address(address: str) -> tuple[str, str]:
    """Local part and domain, both in lower case (B3.04); a missing domain is empty."""
    local, _, domain = address.lower().rpartition("@")
    return (local, domain) if "@" in address else (address.lower(), "")


def hash_keys(address: str, delimiter: str) -> Iterator[str]:
    """The keys under which a hash table is searched for `address`, in the order of B3.05; B3.07 for the null sender."""
    if address in ("", "@"):
        yield from ("", "@", ".")
        return
    local, domain = split_address(address)
    bare, separator, _ = local.partition(delimiter) if delimiter else (local, "", "")
    extended = bool(separator and bare)
    yield address
    yield f"{local}@{domain}"
    if extended:
        yield f"{bare}@{domain}"
    yield f"{local}@"
    if extended:
        yield f"{bare}@"
    if domain:
        yield domain
        labels = domain.split(".")[-MAX_DOMAIN_LABELS:]
        for first in range(len(labels)):
            yield "." + ".".join(labels[first:])
    yield "."


@dataclass(frozen=True, slots=True)
class Constant(Generic[T]):
    """The same value for every address (B3.03)."""

    value: T

    def find(self, address: str, delimiter: str) -> T | None:
        """The value."""
        return self.value


@dataclass(frozen=True, slots=True)
class HashTable(Generic[T]):
    """Addresses and domains as keys (B3.05 to B3.07)."""

    entries: Mapping[str, T]

    def find(self, address: str, delimiter: str) -> T | None:
        """Value of the first key that exists."""
        return next((self.entries[key] for key in hash_keys(address, delimiter) if key in self.entries), None)


@dataclass(frozen=True, slots=True)
class AccessList:
    """Ordered patterns, `!` in front means no (B3.12)."""

    patterns: tuple[str, ...]

    def find(self, address: str, delimiter: str) -> bool | None:
        """True or False by the first pattern that matches, None when none does."""
        full = address.lower()
        _, domain = split_address(address)
        for pattern in self.patterns:
            negated = pattern.startswith("!")
            if self._matches(pattern.removeprefix("!").lower(), full, domain):
                return not negated
        return None

    @staticmethod
    def _matches(pattern: str, full: str, domain: str) -> bool:
        if pattern == ".":
            return True
        if "@" in pattern:
            return pattern == full
        if pattern.startswith("."):
            return domain == pattern[1:] or domain.endswith(pattern)
        return domain == pattern


@dataclass(frozen=True, slots=True)
class RegexpTable(Generic[T]):
    """Ordered regular expressions over the whole address, without implied anchors (B3.13)."""

    entries: tuple[tuple[re.Pattern[str], T], ...]

    def find(self, address: str, delimiter: str) -> T | None:
        """Value of the first expression that matches, with `$1`, `${1}`, `$(1)` replaced in a text value."""
        for pattern, value in self.entries:
            match = pattern.search(address)
            if match is not None:
                return cast("T", _with_captures(value, match)) if isinstance(value, str) else value
        return None


def _with_captures(template: str, match: re.Match[str]) -> str:
    def captured(reference: re.Match[str]) -> str:
        number = int(next(group for group in reference.groups() if group))
        return (match.group(number) or "") if number <= match.re.groups else ""

    return _CAPTURE.sub(captured, template)


@dataclass(frozen=True, slots=True)
class Lookup(Generic[T]):
    """An ordered list of tables; the first defined result wins (B3.01)."""

    tables: tuple[Table[T], ...] = ()

    def find(self, address: str, delimiter: str = "") -> T | None:
        """The value for `address`, None when no table knows it."""
        for table in self.tables:
            value = table.find(address, delimiter)
            if value is not None:
                return value
        return None


def parse_lookup(raw: object, convert: Callable[[object], T], *, boolean: bool) -> Lookup[T]:
    """Make a lookup of what stands in a fragment. `convert` checks one value.

    Raises ValueError with one line that says what is wrong.
    """
    if isinstance(raw, Lookup):
        return raw
    if isinstance(raw, list):
        if all(isinstance(item, str) for item in raw):
            if not boolean:
                raise ValueError(
                    "a list of strings is an access list and answers yes or no only; use a table or a value"
                )
            return Lookup((cast("Table[T]", AccessList(tuple(raw))),))
        return Lookup(tuple(_parse_table(item, convert, boolean=boolean) for item in raw))
    return Lookup((_parse_table(raw, convert, boolean=boolean),))


def _parse_table(raw: object, convert: Callable[[object], T], *, boolean: bool) -> Table[T]:
    if not isinstance(raw, dict):
        return Constant(convert(raw))
    if len(raw) != 1:
        raise ValueError("a lookup table has exactly one key: hash, acl, regexp or constant")
    kind, body = next(iter(cast("dict[str, Any]", raw).items()))
    if kind == "constant":
        return Constant(convert(body))
    if kind == "hash" and isinstance(body, dict):
        # Keys are compared in lower case, as domains are and local parts by default (B3.04).
        return HashTable({key.lower(): convert(value) for key, value in body.items()})
    if kind == "acl" and boolean and _is_list_of_strings(body):
        return cast("Table[T]", AccessList(tuple(body)))
    if kind == "regexp" and isinstance(body, list):
        return RegexpTable(tuple(_parse_regexp(entry, convert) for entry in body))
    raise ValueError(
        f"unknown or misshapen lookup table {kind!r}: expected hash, acl (yes/no only), regexp or constant"
    )


def _is_list_of_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _parse_regexp(entry: object, convert: Callable[[object], T]) -> tuple[re.Pattern[str], T]:
    if isinstance(entry, str):
        pattern, value = entry, convert(True)  # B3.13: the result of a bare expression is 1
    elif isinstance(entry, Sequence) and len(entry) == 2 and isinstance(entry[0], str):
        pattern, value = entry[0], convert(entry[1])
    else:
        raise ValueError("an entry of a regexp table is a pattern, or a list of pattern and value")
    try:
        return re.compile(pattern), value
    except re.error as error:
        raise ValueError(f"regular expression {pattern!r}: {error}") from None
