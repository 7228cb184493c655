"""What a lookup is made with: an address and the keys that follow from it (contracts B3.04 to B3.07, B3.10)."""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Protocol

from mailcordon.config.recipient_fields import RecipientFields

MAX_DOMAIN_LABELS = 20
_WHOLE = frozenset({"postmaster", "mailer-daemon", "double-bounce"})
"""Local parts that are never taken for an address with an extension."""
_MAILING_LIST = re.compile(r"owner-.|.+-request\Z", re.IGNORECASE)
_PART = re.compile(r"\$(?:\{([1-5])\}|\(([1-5])\)|([1-5]))")


class LookupKey:
    """An address as tables see it; made once for any number of lookups."""

    def __init__(
        self,
        address: str,
        delimiter: str = "",
        *,
        case_sensitive: bool = False,
        suffix: str = "",
        fields: RecipientFields | None = None,
    ) -> None:
        """`delimiter`: the characters of which any may separate an address extension, empty for none;
        `case_sensitive`: whether local parts differ by case (`localpart_is_case_sensitive`);
        `suffix`: follows every key (B3.09); `fields`: what a data base knows of the address (B3.02)."""
        self.address = address
        self.suffix = suffix
        self.fields = fields
        self.case_sensitive = case_sensitive
        self._delimiter = delimiter
        local, at, domain = address.rpartition("@")
        self.local = local if at else address
        """As given, with its extension."""
        self.domain = domain.lower() if at else ""
        self.is_null = address in ("", "@")

    @cached_property
    def lower(self) -> str:
        """The whole address in lower case."""
        return self.address.lower()

    @cached_property
    def _bare_length(self) -> int:
        return _bare_length(self.local, self._delimiter)

    @property
    def bare(self) -> str:
        """The local part without its extension."""
        return self.local[: self._bare_length]

    @property
    def extension(self) -> str:
        """The extension with its delimiter, empty when there is none."""
        return self.local[self._bare_length :]

    @cached_property
    def hash_keys(self) -> tuple[str, ...]:
        """The keys under which a hash table is searched, in order."""
        if self.suffix:
            return tuple(key + self.suffix for key in self._hash_keys())
        return tuple(self._hash_keys())

    def _hash_keys(self) -> Iterator[str]:
        if self.is_null:
            yield from ("", "@", ".")
            return
        local, bare = self.local, self.bare
        if not self.case_sensitive:
            local, bare = local.lower(), bare.lower()
        locals_ = (local,) if bare == local else (local, bare)
        yield self.address
        for name in locals_:
            yield f"{name}@{self.domain}"
        for name in locals_:
            yield f"{name}@"
        if self.domain:
            yield self.domain
            labels = self.domain.split(".")[-MAX_DOMAIN_LABELS:]
            for first in range(len(labels)):
                yield "." + ".".join(labels[first:])
        yield "."

    def expand(self, template: str) -> str:
        """`template` with `$1` to `$5` replaced: the address, its local part with and without extension, the
        extension with its delimiter, the domain."""
        parts = ("", self.address, self.local, self.bare, self.extension, self.domain)
        return _PART.sub(lambda match: parts[int(match[match.lastindex or 0])], template)


class AddressRules(Protocol):
    """The settings that say how addresses are looked up."""

    @property
    def recipient_delimiter(self) -> str: ...

    @property
    def localpart_is_case_sensitive(self) -> bool: ...


def key_of(
    address: str, settings: AddressRules, *, suffix: str = "", fields: RecipientFields | None = None
) -> LookupKey:
    """What lookups under these settings are made with."""
    return LookupKey(
        address,
        settings.recipient_delimiter,
        case_sensitive=settings.localpart_is_case_sensitive,
        suffix=suffix,
        fields=fields,
    )


def _bare_length(local: str, delimiter: str) -> int:
    """Where the extension begins; the length of `local` when it has none."""
    if local.lower() in _WHOLE or ("-" in delimiter and _MAILING_LIST.match(local)):
        return len(local)
    # An extension without a local part before it is none.
    found = [at for character in delimiter if (at := local.find(character, 1)) > 0]
    return min(found, default=len(local))
