"""Names of policy banks, as they stand in fragments and in lookups."""

import re
from typing import Annotated

from pydantic import BeforeValidator

_NAME = re.compile(r"[A-Za-z0-9_.-]+")

BankNames = str | bool
"""What a lookup of banks gives: names with commas between them, or yes for the bank that is meant then."""
_WORDS = {"1": True, "0": False, "": False}


def _bank_name(raw: object) -> str:
    # It stands in log lines and header fields, joined with others by slashes (B4.02).
    if not isinstance(raw, str) or not _NAME.fullmatch(raw):
        raise ValueError(f"{raw!r} is not a name of a policy bank: letters, digits, and the characters _ . -")
    return raw


BankName = Annotated[str, BeforeValidator(_bank_name)]


def bank_names(raw: object) -> BankNames:
    """Checks the value of a lookup of banks. Raises ValueError."""
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.strip() in _WORDS:
        return _WORDS[raw.strip()]
    if not isinstance(raw, str):
        raise ValueError(f"{raw!r} names no policy banks")  # noqa: TRY004 - pydantic collects ValueError
    return ",".join(_bank_name(name.strip()) for name in raw.split(","))


def names_in(found: BankNames | None, meant_by_yes: str) -> list[str]:
    """The names in what a lookup found."""
    if isinstance(found, str):
        return found.split(",")
    return [meant_by_yes] if found else []
