"""Which policy banks hold for a message, in which order, and the settings that follow (B4)."""

import functools
from collections.abc import Iterable
from dataclasses import dataclass, replace

from mailcordon.config.bank import overlay
from mailcordon.config.interfaces import names_of
from mailcordon.config.lookup_key import key_of
from mailcordon.config.settings import Settings
from mailcordon.mail.envelope import Session

OWN_NETWORKS = "MYNETS"
"""Bank of mail from a client in `mynetworks`; such mail is originating even where no such bank is defined (B4.04)."""
OWN_USERS = "MYUSERS"
"""Bank of originating mail whose sender is local (features 10.08)."""

_COMBINATIONS = 256
"""Combinations of banks whose settings are kept; there are rarely more than a handful."""


@dataclass(frozen=True, slots=True)
class Regime:
    """The banks that are loaded, in order, and the settings under them."""

    path: tuple[str, ...]
    settings: Settings


class PolicyBanks:
    """The banks of one configuration. What a combination of them amounts to is worked out once."""

    def __init__(self, settings: Settings) -> None:
        self._base = settings
        self._under = functools.lru_cache(maxsize=_COMBINATIONS)(self._work_out)

    @property
    def base(self) -> Settings:
        """The settings without any bank; those that no bank can change are the same under all."""
        return self._base

    def at_interface(self, address: str | None, port: int | None, path: str | None = None) -> Regime:
        """What holds for a connection to that place; `path` is a unix socket's (B4.06)."""
        policy = self._base.interface_policy
        return self.load(
            Regime((), self._base), (policy[name] for name in names_of(address, port, path) if name in policy)
        )

    def for_mail(
        self, connection: Regime, client_address: str | None, sender: str, named: Iterable[str] = ()
    ) -> Regime:
        """What holds for a message on that connection. `client_address` is that of the original client, from XFORWARD;
        an unknown one is in no network. `named`: banks that the client asks for (B1.15, B1.17)."""
        regime = connection
        if client_address is not None:
            bank = _bank_of_client(client_address, regime.settings)
            if bank is not None:
                regime = self._load(regime, bank)
        regime = self.load(regime, named)
        settings = regime.settings
        if OWN_USERS in self._base.policy_bank and settings.originating and _is_local(sender, settings):
            regime = self._load(regime, OWN_USERS)
        return regime

    def load(self, regime: Regime, names: Iterable[str]) -> Regime:
        """`regime` with more banks on top; unknown ones are ignored, and one that was loaded last already (B4.01)."""
        for name in names:
            regime = self._load(regime, name)
        return regime

    def with_more(self, session: Session, names: Iterable[str]) -> Session:
        """A session with more banks on top, for a message of which more is known now (B4.03)."""
        regime = self.load(Regime(session.policy_banks, self.of(session)), names)
        return replace(session, policy_banks=regime.path, originating=regime.settings.originating)

    def of(self, session: Session) -> Settings:
        """The settings in force for mail that came in that way."""
        return self._under(session.policy_banks, session.originating)

    def _load(self, regime: Regime, name: str) -> Regime:
        bank = self._base.policy_bank.get(name)
        originating = regime.settings.originating or name == OWN_NETWORKS
        path = regime.path
        if bank is not None and path[-1:] != (name,):
            path = (*path, name)
            if bank.originating is not None:
                originating = bank.originating
        return Regime(path, self._under(path, originating))

    def _work_out(self, path: tuple[str, ...], originating: bool) -> Settings:
        if not path:
            if originating is self._base.originating:
                return self._base
            return self._base.model_copy(update={"originating": originating})
        before = self._under(path[:-1], originating)
        bank = self._base.policy_bank[path[-1]]
        members = bank.members()
        current = {name: getattr(before, name) for name in members}
        changed = overlay(current, members, bank.replaced)
        return before.model_copy(update={**changed, "originating": originating})


def _bank_of_client(address: str, settings: Settings) -> str | None:
    for entry in settings.client_ipaddr_policy:
        if entry.networks.contains(address):
            return entry.bank
    return OWN_NETWORKS if settings.mynetworks.contains(address) else None


def _is_local(sender: str, settings: Settings) -> bool:
    return bool(sender) and bool(settings.local_domains.at(key_of(sender, settings)))
