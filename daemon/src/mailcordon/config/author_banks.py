"""Policy banks by author, for mail whose signature is valid (contracts B4.05, B3.09; features 9.05 to 9.12, 10.02)."""

import logging
from collections.abc import Iterator

from mailcordon.config.bank_names import BankNames, names_in
from mailcordon.config.lookup import Lookup
from mailcordon.config.lookup_key import LookupKey, key_of
from mailcordon.config.message_settings import MessageSettings
from mailcordon.mail.addresses import authors_of
from mailcordon.mail.message import Mail

log = logging.getLogger(__name__)

AUTHOR_APPROVED = "AUTHOR_APPROVED"
"""The bank that a plain yes of the lookup stands for."""
VIRUS = "VIRUS"
"""The same of `virus_name_to_policy_bank`."""


def author_banks(settings: MessageSettings, mail: Mail) -> tuple[str, ...]:
    """The banks of the mail's authors, in order, each once. Without a valid signature nobody is looked up: anybody can
    write any author."""
    least = settings.dkim_minimum_key_bits
    signatures = [found for found in mail.signatures if found.is_valid and found.key_bits >= least]
    lookup = settings.author_to_policy_bank
    if not signatures or not lookup.tables:
        return ()
    banks: dict[str, None] = {}
    for author in authors_of(mail.header):
        for signature in signatures:
            suffix = f"/@{signature.ascii_domain}"
            keys = [key_of(author, settings)] if signature.is_by_author(author) else []
            keys.append(key_of(author, settings, suffix=suffix))
            for name in _names(lookup, keys):
                if name not in banks:
                    log.info("(%s) dkim: policy bank %s by %s%s", mail.log_id, name, author, suffix)
                banks[name] = None
    return tuple(banks)


def _names(lookup: Lookup[BankNames], keys: list[LookupKey]) -> Iterator[str]:
    for key in keys:
        yield from names_in(lookup.at(key), AUTHOR_APPROVED)


def virus_banks(settings: MessageSettings, virus_names: tuple[str, ...]) -> tuple[str, ...]:
    """The banks that `virus_name_to_policy_bank` has for what was found, in order, each once (B14.05)."""
    lookup = settings.virus_name_to_policy_bank
    found = (name for virus in virus_names for name in names_in(lookup.at(LookupKey(virus)), VIRUS))
    return tuple(dict.fromkeys(found))
