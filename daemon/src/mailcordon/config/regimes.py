"""The settings without a policy bank and under each bank alone, for checks that must not overlook a bank."""

from collections.abc import Iterator
from typing import TypeVar

from mailcordon.config.lookup import Lookup
from mailcordon.config.lookup_key import LookupKey
from mailcordon.config.policy_banks import PolicyBanks, Regime
from mailcordon.config.settings import Settings

T = TypeVar("T")


def regimes(settings: Settings) -> Iterator[tuple[str, Settings]]:
    """Name of the bank, empty for none, and what holds under it."""
    banks = PolicyBanks(settings)
    yield "", settings
    for name in settings.policy_bank:
        yield name, banks.load(Regime((), settings), [name]).settings


def named_in(settings: Settings, bank: str, names: tuple[str, ...]) -> str | None:
    """The key of the first of these settings that the bank sets; None for a bank that has nothing to do with them."""
    if not bank:
        return names[0]
    members = settings.policy_bank[bank].members()
    return next((f"policy_bank.{bank}.{name}" for name in names if name in members), None)


def constant(lookup: Lookup[T]) -> T | None:
    """The value that holds for everyone, None where it depends on the address or is undefined."""
    return lookup.at(LookupKey("")) if lookup.is_constant else None
