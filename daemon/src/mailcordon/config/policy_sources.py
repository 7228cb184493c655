"""The settings that are looked up for every recipient, and the categories that some of them belong to."""

from collections.abc import Mapping
from typing import Any

from mailcordon.config.by_category import CategoryKey
from mailcordon.config.lookup import Lookup
from mailcordon.config.message_settings import MessageSettings
from mailcordon.mail.category import SPAMMY_TAG3, Major

Source = str | tuple[str, CategoryKey]
"""Name of a setting, or name and key of an entry of a setting by category."""
Values = dict[Source, object]

_PLAIN = (
    "local_domains",
    "bypass_virus_checks",
    "bypass_spam_checks",
    "bypass_banned_checks",
    "bypass_header_checks",
    "message_size_limit",
    "spam_tag_level",
    "spam_tag2_level",
    "spam_tag3_level",
    "spam_kill_level",
    "spam_quarantine_cutoff_level",
    "spam_dsn_cutoff_level",
    "archive_quarantine_to",
    "spam_crediblefrom_dsn_cutoff_level",
    "newvirus_admin",
    "remove_existing_spam_headers",
    "remove_existing_x_scanned_headers",
    "sa_username",
)
_NAMED: Mapping[str, Mapping[CategoryKey, str]] = {
    "lovers_by_ccat": {
        (Major.VIRUS, None): "virus_lovers",
        (Major.BANNED, None): "banned_files_lovers",
        (Major.UNCHECKED, None): "unchecked_lovers",
        (Major.SPAM, None): "spam_lovers",
        (Major.SPAMMY, None): "spam_lovers",
        (Major.BAD_HEADER, None): "bad_header_lovers",
    },
    "subject_tag_by_ccat": {
        (Major.UNCHECKED, None): "undecipherable_subject_tag",
        (Major.SPAMMY, SPAMMY_TAG3): "spam_subject_tag3",
        (Major.SPAMMY, None): "spam_subject_tag2",
        (Major.CLEAN, 1): "spam_subject_tag",
    },
    "addr_extension_by_ccat": {
        (Major.VIRUS, None): "addr_extension_virus",
        (Major.BANNED, None): "addr_extension_banned",
        (Major.SPAM, None): "addr_extension_spam",
        (Major.SPAMMY, None): "addr_extension_spam",
        (Major.BAD_HEADER, None): "addr_extension_bad_header",
    },
    "quarantine_to_by_ccat": {
        (Major.VIRUS, None): "virus_quarantine_to",
        (Major.BANNED, None): "banned_quarantine_to",
        (Major.UNCHECKED, None): "unchecked_quarantine_to",
        (Major.SPAM, None): "spam_quarantine_to",
        (Major.BAD_HEADER, None): "bad_header_quarantine_to",
        (Major.CLEAN, None): "clean_quarantine_to",
    },
    "warnrecip_by_ccat": {
        (Major.VIRUS, None): "warnvirusrecip",
        (Major.BANNED, None): "warnbannedrecip",
        (Major.BAD_HEADER, None): "warnbadhrecip",
    },
    "admin_by_ccat": {
        (Major.VIRUS, None): "virus_admin",
        (Major.BANNED, None): "banned_admin",
        (Major.UNCHECKED, None): "virus_admin",
        (Major.SPAM, None): "spam_admin",
        (Major.BAD_HEADER, None): "bad_header_admin",
    },
}
"""The settings by category, and the settings of their own that give single categories their values (B5.03)."""


def sources_of(settings: MessageSettings) -> dict[Source, Lookup[Any]]:
    """Everything that is looked up for a recipient under these settings."""
    named = {name for names in _NAMED.values() for name in names.values()}
    sources: dict[Source, Lookup[Any]] = {name: getattr(settings, name) for name in (*_PLAIN, *sorted(named))}
    for setting in _NAMED:
        table: Mapping[CategoryKey, Lookup[Any]] = getattr(settings, setting)
        sources.update({(setting, key): lookup for key, lookup in table.items()})
    return sources


def by_category(values: Values, setting: str) -> dict[CategoryKey, object]:
    """What was found for a setting by category; its own entries have precedence over the named settings."""
    found = {key: values[name] for key, name in _NAMED[setting].items()}
    own = {source[1]: value for source, value in values.items() if isinstance(source, tuple) and source[0] == setting}
    return {**found, **own}
