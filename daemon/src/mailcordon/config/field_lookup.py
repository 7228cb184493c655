"""Lookups that ask a data base about a recipient, before the configuration's own tables (contracts B3.02, B3.15)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from mailcordon.config.lookup import Lookup, Table
from mailcordon.config.lookup_key import MAX_DOMAIN_LABELS, LookupKey, key_of
from mailcordon.config.message_settings import MessageSettings
from mailcordon.config.recipient_fields import Asked, FieldKind, FieldProvider, RecipientFields
from mailcordon.config.sender_rating import Senders
from mailcordon.mail.message import Mail

T = TypeVar("T")

_YES_NO = {
    "local_domains": "local",
    "bypass_virus_checks": "bypass_virus_checks",
    "bypass_spam_checks": "bypass_spam_checks",
    "bypass_banned_checks": "bypass_banned_checks",
    "bypass_header_checks": "bypass_header_checks",
    "virus_lovers": "virus_lover",
    "spam_lovers": "spam_lover",
    "unchecked_lovers": "unchecked_lover",
    "banned_files_lovers": "banned_files_lover",
    "bad_header_lovers": "bad_header_lover",
    "warnvirusrecip": "warnvirusrecip",
    "warnbannedrecip": "warnbannedrecip",
    "warnbadhrecip": "warnbadhrecip",
}
_NUMBERS = (
    "message_size_limit",
    "spam_tag_level",
    "spam_tag2_level",
    "spam_tag3_level",
    "spam_kill_level",
    "spam_dsn_cutoff_level",
    "spam_quarantine_cutoff_level",
)
_TEXTS = (
    "virus_quarantine_to",
    "banned_quarantine_to",
    "unchecked_quarantine_to",
    "spam_quarantine_to",
    "bad_header_quarantine_to",
    "clean_quarantine_to",
    "archive_quarantine_to",
    "spam_subject_tag",
    "spam_subject_tag2",
    "spam_subject_tag3",
    "addr_extension_virus",
    "addr_extension_banned",
    "addr_extension_spam",
    "addr_extension_bad_header",
    "newvirus_admin",
    "virus_admin",
    "banned_admin",
    "bad_header_admin",
    "spam_admin",
    "sa_username",
)
FIELDS: Mapping[str, tuple[str, FieldKind]] = {
    **{setting: (name, FieldKind.BOOLEAN) for setting, name in _YES_NO.items()},
    **{name: (name, FieldKind.NUMBER) for name in _NUMBERS},
    **{name: (name, FieldKind.TEXT) for name in _TEXTS},
    "banned_filename": ("banned_rulenames", FieldKind.TEXT),
}
"""The field (B2.04) that goes before a setting."""


@dataclass(frozen=True, slots=True)
class FieldTable(Generic[T]):
    """A lookup table that consists of one field."""

    name: str
    kind: FieldKind

    def find(self, key: LookupKey) -> T | None:
        """What the recipient's rows say; the key carries them."""
        return cast("T | None", key.fields.value(self.name, self.kind)) if key.fields is not None else None

    def find_all(self, key: LookupKey) -> Iterator[T]:
        """What each of the rows says."""
        if key.fields is not None:
            yield from cast("Iterator[T]", key.fields.values(self.name, self.kind))


def with_fields(setting: str, lookup: Lookup[Any]) -> Lookup[Any]:
    """The lookup of that setting with its field in front, if it has one (B3.02)."""
    if setting not in FIELDS:
        return lookup
    table: Table[Any] = FieldTable(*FIELDS[setting])
    return Lookup((table, *lookup.tables))


def sql_keys(key: LookupKey, *, is_local: bool, no_at_means_domain: bool = False) -> tuple[str, ...]:
    """The keys under which rows about an address are found, the most specific one first (B3.15).

    `is_local`: by the configuration's own tables; local parts alone are keys for such addresses only.
    `no_at_means_domain`: a key without `@` is a domain, and one of a local part ends in `@`.
    """
    at_domain, at_local = ("", "@") if no_at_means_domain else ("@", "")
    if key.is_null:
        return ("", "@", f"{at_domain}.")
    local, bare = (key.local, key.bare) if key.case_sensitive else (key.local.lower(), key.bare.lower())
    users = tuple(dict.fromkeys((local, bare)))
    labels = key.domain.split(".")[-MAX_DOMAIN_LABELS:] if key.domain else []
    return (
        *(f"{user}@{key.domain}" for user in users),
        *(f"{user}{at_local}" for user in users if is_local),
        *([f"{at_domain}{key.domain}"] if key.domain else []),
        *(f"{at_domain}.{'.'.join(labels[first:])}" for first in range(len(labels))),
        f"{at_domain}.",
    )


async def fields_of_recipients(
    provider: FieldProvider, settings: MessageSettings, mail: Mail
) -> tuple[RecipientFields, ...]:
    """What the provider knows of each recipient and its senders, in order; it is asked once. Raises TemporaryError."""
    wanted = {recipient.address: _asked(recipient.address, settings) for recipient in mail.envelope.recipients}
    rows = await provider.rows(list(wanted.values()))
    senders = [_asked(address, settings) for address in Senders(mail.envelope.sender, mail.header).addresses]
    ratings = await provider.ratings(rows, senders) if any(rows) else [{}] * len(rows)
    known = {
        address: RecipientFields(tuple(found), ratings=rating)
        for address, found, rating in zip(wanted, rows, ratings, strict=True)
    }
    return tuple(known[recipient.address] for recipient in mail.envelope.recipients)


def _asked(address: str, settings: MessageSettings) -> Asked:
    key = key_of(address, settings)
    keys = sql_keys(
        key,
        is_local=bool(settings.local_domains.at(key)),
        no_at_means_domain=settings.sql_lookups_no_at_means_domain,
    )
    return Asked(keys, address, key.local, key.bare, key.extension, key.domain)
