"""Which rules of banned names hold for a recipient (contracts B12.01, B12.03)."""

import logging
from collections.abc import Iterator

from mailcordon.config.banned import DEFAULT, BannedRules, BannedTable, Selection, names_in
from mailcordon.config.field_lookup import with_fields
from mailcordon.config.lookup import Constant, Lookup
from mailcordon.config.lookup_key import LookupKey
from mailcordon.config.message_settings import MessageSettings
from mailcordon.config.settings import Settings

log = logging.getLogger(__name__)

_SETTING = "banned_filename"
_NOTHING = BannedRules()
_KEPT_RULES = 1024
"""Selections that are kept for other recipients; there are rarely more than a handful."""


class BannedLookups:
    """The rules of each recipient under certain settings."""

    def __init__(self, settings: MessageSettings, *, fields: bool = False) -> None:
        """`fields`: what a data base knows of a recipient comes first (B3.02)."""
        lookup: Lookup[Selection | str] = settings.banned_filename  # type: ignore[assignment]
        if fields:
            lookup = with_fields(_SETTING, lookup)
        self._lookup = lookup
        self._named = {**_named_tables(settings), DEFAULT: settings.banned_filename_re}
        self._paths = settings.banned_namepath_re if settings.banned_namepath_re.rules else None
        self._known: dict[tuple[Selection | str, ...], BannedRules] = {}
        self._fixed: BannedRules | None = None
        if settings.bypass_decode_parts:
            # Nobody looks at the parts one by one, so there is nothing to compare with the rules (features 7.08).
            self._fixed = _NOTHING
        elif all(isinstance(table, Constant) for table in lookup.tables):
            self._fixed = self._of(LookupKey(""))

    def rules(self, key: LookupKey) -> BannedRules:
        """The rules for a recipient: all that the lookup yields, the most specific ones first."""
        return self._of(key) if self._fixed is None else self._fixed

    def _of(self, key: LookupKey) -> BannedRules:
        selections = tuple(self._lookup.all_at(key))
        known = self._known.get(selections)
        if known is None:
            if len(self._known) >= _KEPT_RULES:
                self._known.clear()
            # A table that comes again has decided all that it can decide.
            tables = tuple(dict.fromkeys(table for table in self._tables(selections) if table.rules))
            known = self._known[selections] = BannedRules(tables, self._paths)
        return known

    def _tables(self, selections: tuple[Selection | str, ...]) -> Iterator[BannedTable]:
        for selection in selections:
            for chosen in names_in(selection) if isinstance(selection, str) else selection:
                if isinstance(chosen, BannedTable):
                    yield chosen
                elif chosen in self._named:
                    yield self._named[chosen]
                else:
                    log.warning("unknown banned table name %s in %s or a data base: ignored", chosen, _SETTING)


def _named_tables(settings: MessageSettings) -> dict[str, BannedTable]:
    return settings.banned_rules if isinstance(settings, Settings) else {}
