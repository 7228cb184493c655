"""The settings as they hold for one recipient."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailcordon.config.banned import BannedRules
from mailcordon.config.banned_lookup import BannedLookups
from mailcordon.config.by_category import CategoryKey, value_at
from mailcordon.config.field_lookup import with_fields
from mailcordon.config.lookup_key import LookupKey, key_of
from mailcordon.config.message_settings import MessageSettings, size_limit
from mailcordon.config.policy_sources import Values, by_category, sources_of
from mailcordon.config.recipient_fields import RecipientFields
from mailcordon.config.sender_rating import NEUTRAL, NOBODY, SenderRating, Senders, SenderTables
from mailcordon.config.spamd_user import spamd_user
from mailcordon.mail.category import OVERSIZED, Category, Destiny, Major
from mailcordon.mail.envelope import Recipient
from mailcordon.mail.message import Mail

_KEPT_POLICIES = 1024
"""Policies that are kept for other recipients with the same values; there are rarely more than a handful."""
_KEPT_DOMAINS = 1024
"""Domains whose values are kept for other recipients."""
_NO_RULES = BannedRules()


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """Everything that depends on the recipient. Recipients for whom all is the same have the same object."""

    is_local: bool
    bypass_virus_checks: bool
    bypass_spam_checks: bool
    bypass_banned_checks: bool
    bypass_header_checks: bool
    message_size_limit: int
    """Octets; 0 for none."""
    lovers: Mapping[CategoryKey, bool]
    spam_tag_level: float | None
    spam_tag2_level: float | None
    spam_tag3_level: float | None
    spam_kill_level: float | None
    spam_quarantine_cutoff_level: float | None
    spam_dsn_cutoff_level: float | None
    spam_crediblefrom_dsn_cutoff_level: float | None
    subject_tags: Mapping[CategoryKey, str]
    addr_extensions: Mapping[CategoryKey, str]
    quarantine_to: Mapping[CategoryKey, str]
    """Mailbox alias or address by category; empty for none."""
    archive_to: str
    """The same for the copy of every message."""
    warnrecip: Mapping[CategoryKey, bool]
    admins: Mapping[CategoryKey, str]
    """Who is told of blocked mail, by category; empty for nobody."""
    newvirus_admin: str
    remove_existing_spam_headers: bool
    remove_existing_x_scanned_headers: bool
    sa_username: str = ""
    """Whose preferences SpamAssassin applies; empty for those of everybody (B14.06)."""
    sender: SenderRating = NEUTRAL
    """What the recipient thinks of the sender."""
    banned: BannedRules = _NO_RULES
    """The rules about names and types of parts."""

    def loves(self, category: Category) -> bool:
        """Whether the recipient wants such mail in spite of it."""
        return bool(value_at(self.lovers, category))

    def is_oversized(self, size: int) -> bool:
        """Whether a message of `size` octets is larger than the recipient wants them (B6.06)."""
        return 0 < self.message_size_limit < size

    def quarantine_for(self, category: Category) -> str | None:
        """Where the recipient wants mail of that category kept, None for nowhere."""
        return value_at(self.quarantine_to, category) or None

    @property
    def extends_addresses(self) -> bool:
        """Whether there is any extension at all."""
        return any(self.addr_extensions.values())

    @property
    def wants_spam_score(self) -> bool:
        """Whether a spam scanner has anything to tell this recipient: not where the sender is listed (B3.21)."""
        return not self.bypass_spam_checks and not self.sender.is_listed


def policy_for(settings: MessageSettings, recipient: Recipient, senders: Senders = NOBODY) -> Policy:
    """Look up every setting for `recipient`, when mail comes from `senders`."""
    return settings.once(_Plan).policy(key_of(recipient.address, settings), senders)


def policies_for(
    settings: MessageSettings,
    recipients: Sequence[Recipient],
    senders: Senders = NOBODY,
    fields: Sequence[RecipientFields] = (),
) -> tuple[Policy, ...]:
    """The policy of each recipient, in order; `fields` are theirs, where a data base was asked."""
    if not fields:
        plan = settings.once(_Plan)
        return tuple(plan.policy(key_of(recipient.address, settings), senders) for recipient in recipients)
    plan = settings.once(_plan_with_fields)
    keys = (
        key_of(recipient.address, settings, fields=found) for recipient, found in zip(recipients, fields, strict=True)
    )
    return tuple(plan.policy(key, senders) for key in keys)


def policies_for_mail(
    settings: MessageSettings, mail: Mail, fields: Sequence[RecipientFields] = ()
) -> tuple[Policy, ...]:
    """The policy of each recipient of that mail, in order."""
    return policies_for(settings, mail.envelope.recipients, Senders(mail.envelope.sender, mail.header), fields)


def _plan_with_fields(settings: MessageSettings) -> "_Plan":
    return _Plan(settings, fields=True)


def destiny_of_size(settings: MessageSettings, recipient: Recipient, size: int) -> Destiny:
    """What becomes of a message of `size` octets for `recipient`, as far as that depends on its size (B6.06)."""
    if not size_matters(settings, size):
        return Destiny.PASS
    policy = policy_for(settings, recipient)
    counts = policy.is_oversized(size) and not policy.loves(OVERSIZED)
    return final_destiny(settings, OVERSIZED) if counts else Destiny.PASS


def size_matters(settings: MessageSettings, size: int) -> bool:
    """Whether a message of `size` octets could be too large for any recipient."""
    limit = settings.once(_common_size_limit)
    return limit is None or 0 < limit < size


def _common_size_limit(settings: MessageSettings) -> int | None:
    """Octets, 0 for none; None where it depends on the recipient."""
    limit = settings.message_size_limit
    return size_limit(limit.find("")) if limit.is_constant else None


class _Plan:
    """What has to be looked up under certain settings: most lookups are constants, and their values stay."""

    def __init__(self, settings: MessageSettings, *, fields: bool = False) -> None:
        """`fields`: what a data base knows of a recipient comes first (B3.02)."""
        sources = sources_of(settings)
        if fields:
            sources = {
                source: with_fields(source, lookup) if isinstance(source, str) else lookup
                for source, lookup in sources.items()
            }
        self._fixed: Values = {
            source: lookup.at(LookupKey("")) for source, lookup in sources.items() if lookup.is_constant
        }
        varying = [(source, lookup) for source, lookup in sources.items() if not lookup.is_constant]
        by_domain = [(source, lookup) for source, lookup in varying if lookup.is_by_domain]
        by_address = [(source, lookup) for source, lookup in varying if not lookup.is_by_domain]
        self._varying = [source for source, _ in (*by_domain, *by_address)]
        self._by_domain = [lookup for _, lookup in by_domain]
        self._by_address = [lookup for _, lookup in by_address]
        self._senders = SenderTables(settings)
        self._banned = BannedLookups(settings, fields=fields)
        self._known: dict[tuple[object, ...], Policy] = {}
        self._domains: dict[str, tuple[object, ...]] = {}

    def policy(self, key: LookupKey, senders: Senders) -> Policy:
        """The policy of a recipient."""
        of_domain = self._of_domain(key)
        of_address = tuple([lookup.at(key) for lookup in self._by_address])
        rating = self._senders.rating(key, senders)
        banned = self._banned.rules(key)
        found = (rating, banned, of_domain, of_address)
        known = self._known.get(found)
        if known is None:
            if len(self._known) >= _KEPT_POLICIES:
                self._known.clear()
            values = {**self._fixed, **dict(zip(self._varying, of_domain + of_address, strict=True))}
            known = self._known[found] = _policy(values, rating, banned)
        return known

    def _of_domain(self, key: LookupKey) -> tuple[object, ...]:
        """The values that all addresses of the same domain have."""
        known = self._domains.get(key.domain)
        if known is None:
            known = tuple(lookup.at(key) for lookup in self._by_domain)
            # An address without a domain shares nothing with others: tables may know it as a whole.
            if key.domain:
                if len(self._domains) >= _KEPT_DOMAINS:
                    self._domains.clear()
                self._domains[key.domain] = known
        return known


def _policy(values: Values, rating: SenderRating, banned: BannedRules) -> Policy:
    def yes(name: str) -> bool:
        return bool(values[name])

    def level(name: str) -> float | None:
        value = values[f"spam_{name}_level"]
        return value if isinstance(value, float) else None

    limit = values["message_size_limit"]
    return Policy(
        is_local=yes("local_domains"),
        bypass_virus_checks=yes("bypass_virus_checks"),
        bypass_spam_checks=yes("bypass_spam_checks"),
        bypass_banned_checks=yes("bypass_banned_checks"),
        bypass_header_checks=yes("bypass_header_checks"),
        message_size_limit=size_limit(limit if isinstance(limit, float) else None),
        lovers={key: bool(value) for key, value in by_category(values, "lovers_by_ccat").items()},
        spam_tag_level=level("tag"),
        spam_tag2_level=level("tag2"),
        spam_tag3_level=level("tag3"),
        spam_kill_level=level("kill"),
        spam_quarantine_cutoff_level=level("quarantine_cutoff"),
        spam_dsn_cutoff_level=level("dsn_cutoff"),
        spam_crediblefrom_dsn_cutoff_level=level("crediblefrom_dsn_cutoff"),
        subject_tags=_texts(by_category(values, "subject_tag_by_ccat")),
        addr_extensions=_texts(by_category(values, "addr_extension_by_ccat")),
        quarantine_to=_texts(by_category(values, "quarantine_to_by_ccat")),
        archive_to=str(values["archive_quarantine_to"] or ""),
        warnrecip={key: bool(value) for key, value in by_category(values, "warnrecip_by_ccat").items()},
        admins=_texts(by_category(values, "admin_by_ccat")),
        newvirus_admin=str(values["newvirus_admin"] or ""),
        remove_existing_spam_headers=yes("remove_existing_spam_headers"),
        remove_existing_x_scanned_headers=yes("remove_existing_x_scanned_headers"),
        sa_username=spamd_user(str(values["sa_username"] or "")),
        sender=rating,
        banned=banned,
    )


def _texts(table: Mapping[CategoryKey, object]) -> dict[CategoryKey, str]:
    return {key: str(value or "") for key, value in table.items()}


def quarantine_method(settings: MessageSettings, category: Category) -> str:
    """The quarantine method of a category, empty for none (B10.01)."""
    return value_at(settings.once(_quarantine_methods), category) or ""


def _quarantine_methods(settings: MessageSettings) -> Mapping[CategoryKey, str]:
    return {
        (Major.VIRUS, None): settings.virus_quarantine_method,
        (Major.BANNED, None): settings.banned_quarantine_method,
        (Major.UNCHECKED, None): settings.unchecked_quarantine_method,
        (Major.SPAM, None): settings.spam_quarantine_method,
        (Major.BAD_HEADER, None): settings.bad_header_quarantine_method,
        (Major.CLEAN, None): settings.clean_quarantine_method,
        **settings.quarantine_method_by_ccat,
    }


def final_destiny(settings: MessageSettings, category: Category) -> Destiny:
    """What the configuration wants done with mail of that category (B5.03, B5.06)."""
    destiny = value_at(settings.once(_destinies), category)
    return Destiny.PASS if destiny is None else destiny


def _destinies(settings: MessageSettings) -> Mapping[CategoryKey, Destiny]:
    return {
        (Major.VIRUS, None): settings.final_virus_destiny,
        (Major.BANNED, None): settings.final_banned_destiny,
        (Major.UNCHECKED, None): settings.final_unchecked_destiny,
        (Major.SPAM, None): settings.final_spam_destiny,
        (Major.BAD_HEADER, None): settings.final_bad_header_destiny,
        (Major.OVERSIZED, None): Destiny.BOUNCE,
        (Major.MTA, 1): Destiny.TEMPFAIL,
        (Major.MTA, 2): Destiny.REJECT,
        (Major.MTA, None): Destiny.TEMPFAIL,
        (Major.CATCHALL, None): Destiny.PASS,
        **settings.final_destiny_by_ccat,
    }
