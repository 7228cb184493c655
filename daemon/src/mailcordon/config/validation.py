"""Makes `Settings` of the merged values, and says what is wrong with each of them."""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from mailcordon.config.av_scanner import AvScanner
from mailcordon.config.message_settings import MessageSettings
from mailcordon.config.settings import Settings
from mailcordon.config.toml_lines import Key
from mailcordon.config.types import SpamScanner

_BANKS = "policy_bank"
_ENTRIES: Mapping[str, type[BaseModel]] = {
    "av_scanners": AvScanner,
    "av_scanners_backup": AvScanner,
    "spam_scanners": SpamScanner,
}
_AMAVISD_FORM = re.compile(r"[$@%]?(.+?)(?:_maps|_acl|_re)?")


@dataclass(frozen=True, slots=True)
class Fault:
    """A value that cannot be used."""

    key: Key
    reason: str

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.key))}: {self.reason}"


def validated(
    values: Mapping[str, Any], packaged: Callable[[], Mapping[str, Any]]
) -> tuple[Settings | None, list[Fault]]:
    """The settings, and all faults. With faults they are those with the packaged values in place of the faulty ones,
    for further checks only; None where that is not possible."""
    try:
        return Settings.model_validate(values), []
    except ValidationError as error:
        faults = [*_faults(error)]
    return _mended({fault.key for fault in faults}, values, packaged()), faults


def _faults(error: ValidationError) -> Iterator[Fault]:
    for detail in error.errors(include_url=False):
        # pydantic's mark of a bad key of a table; the key stands before it.
        key = tuple(step for step in detail["loc"] if step != "[key]")
        reason = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            reason = _why_unknown(key)
        elif detail["type"] == "missing":
            reason = "is not set"
        yield Fault(key, reason)


def _why_unknown(key: Key) -> str:
    name = str(key[-1])
    known: Iterable[str] = ()
    if len(key) == 1:
        known = Settings.model_fields
    elif len(key) == 3 and key[0] == _BANKS:
        if name in Settings.model_fields and name not in MessageSettings.model_fields:
            return "holds for the whole daemon, no policy bank can change it"
        known = MessageSettings.model_fields
    elif len(key) == 3 and key[0] in _ENTRIES:
        known = _ENTRIES[str(key[0])].model_fields
    near = _nearest(name, [*known])
    return "unknown setting" + (f"; did you mean {near}?" if near else "")


def _nearest(name: str, known: Sequence[str]) -> str | None:
    """The name that was meant; amavisd's forms with sigil, `_maps`, `_acl` or `_re` are understood."""
    match = _AMAVISD_FORM.fullmatch(name)
    if match is not None and match[1] in known:
        return match[1]
    return next(iter(difflib.get_close_matches(name, known, n=1)), None)


def _mended(keys: Iterable[Key], values: Mapping[str, Any], packaged: Mapping[str, Any]) -> Settings | None:
    """Settings with the packaged values for those keys; a bank loses its faulty members only."""
    rest = dict(values)
    banks = rest.get(_BANKS)
    if isinstance(banks, dict):
        rest[_BANKS] = {name: dict(bank) if isinstance(bank, dict) else bank for name, bank in banks.items()}
    for key in keys:
        if len(key) > 2 and key[0] == _BANKS:
            rest[_BANKS].get(key[1], {}).pop(key[2], None)
        elif key[0] in packaged:
            rest[str(key[0])] = packaged[str(key[0])]
        else:
            rest.pop(str(key[0]), None)
    try:
        return Settings.model_validate(rest)
    except ValidationError:
        return None
