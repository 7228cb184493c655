"""Settings that are accepted and may hurt: `check-config` and the start of the daemon warn about them (features 17.01,
18.07, 18.08)."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import ip_address

from mailcordon.config.av_scanner import AvScanner, found_program
from mailcordon.config.lookup import HashTable, Lookup
from mailcordon.config.lookup_key import LookupKey
from mailcordon.config.message_settings import MessageSettings
from mailcordon.config.networks import NetworkList, Networks
from mailcordon.config.policy import final_destiny, quarantine_method
from mailcordon.config.policy_banks import OWN_USERS
from mailcordon.config.regimes import constant, named_in, regimes
from mailcordon.config.settings import Settings
from mailcordon.mail.category import Category, Destiny, Major

_Risk = tuple[tuple[str, ...], str]
"""The settings that it is about, the one to blame first, and what may happen."""

_CATEGORIES: Mapping[str, Major] = {
    "virus": Major.VIRUS,
    "banned": Major.BANNED,
    "spam": Major.SPAM,
    "bad_header": Major.BAD_HEADER,
    "unchecked": Major.UNCHECKED,
}
_FORGED = ("virus", "banned", "bad_header")
"""Categories whose senders are mostly forged (features 18.07)."""
_ANYWHERE = (("1.0.0.1", "100.0.0.1", "200.0.0.1"), ("2001:db8::1", "2400::1", "2a00::1"))
"""Addresses so far from each other that whoever has them all has everything."""
_SOMEBODY = "somebody"
CLAMD_SCAN_TIME = 120
"""Seconds after which clamd gives up on a file, unless its MaxScanTime says otherwise."""
_BY_CCAT = "final_destiny_by_ccat"


def risks(settings: Settings) -> Iterator[str]:
    """One line `KEY: what may happen` for each risk in the settings and their policy banks."""
    yield from _processes(settings)
    yield from _doors(settings)
    yield from _interfaces(settings)
    yield from _own_users(settings)
    yield from _correspondence(settings)
    for bank, effective in regimes(settings):
        for rule in _RULES:
            for names, what in rule(effective):
                key = named_in(settings, bank, names)
                if key:
                    yield f"{key}: {what}"


def _processes(settings: Settings) -> Iterator[str]:
    if not settings.virus_scanners_failure_is_fatal:
        yield "virus_scanners_failure_is_fatal: mail passes without a scan while no virus scanner answers"
    if not settings.spam_scanners_failure_is_fatal:
        yield "spam_scanners_failure_is_fatal: mail passes without a score while no spam scanner answers"
    if constant(settings.bypass_virus_checks) is not True and not _is_there(settings.av_scanners, settings):
        has_backup = _is_there(settings.av_scanners_backup, settings)
        instead = "all mail is left to the backup ones" if has_backup else "no mail is taken"
        yield f"av_scanners: there is none on this host while virus checks are on (bypass_virus_checks): {instead}"
    if not settings.spam_scanners and constant(settings.bypass_spam_checks) is not True:
        yield "spam_scanners: there is none while spam checks are on (bypass_spam_checks)"
    limit = settings.shortest_child_timeout
    for name in ("av_scan_timeout", "spam_scan_timeout"):
        if getattr(settings, name) > limit:
            yield f"{name}: is longer than child_timeout, {limit} s; a scanner gets a part of that"
    yield from _hurried_clamd(settings)
    if settings.logfile and settings.do_syslog:
        yield "logfile: is not used while do_syslog is true"
    if not settings.QUARANTINEDIR.parent.is_dir():
        yield f"QUARANTINEDIR: {settings.QUARANTINEDIR} cannot be made, as {settings.QUARANTINEDIR.parent} is missing"


def _hurried_clamd(settings: Settings) -> Iterator[str]:
    """Mail at which clamd's own limit does not come to pass (features 7.10)."""
    given = min(settings.av_scan_timeout, settings.scanner_share)
    if given <= CLAMD_SCAN_TIME and any(scanner.protocol == "clamd" for scanner in settings.av_scanners):
        names = ("av_scan_timeout", "child_timeout")
        key = names[settings.scanner_share < settings.av_scan_timeout]
        yield (
            f"{key}: leaves clamd {given:g} s for a message, and it gives up after {CLAMD_SCAN_TIME} s only "
            "(MaxScanTime, unless set): what takes it longer is UNCHECKED"
        )


def _is_there(scanners: Iterable[AvScanner], settings: Settings) -> bool:
    """Whether this host has one of them, as far as can be told without asking (features 7.02)."""
    return any(scanner.protocol == "clamd" or found_program(scanner, settings.path) for scanner in scanners)


def _doors(settings: Settings) -> Iterator[str]:
    if settings.unix_socketname and settings.unix_socket_mode & 0o002:
        yield "unix_socket_mode: every account of this host may send mail through the socket"
    for path, group in settings.unix_socket_group.items():
        if path not in settings.unix_socketname:
            yield f"unix_socket_group.{path}: nothing listens there by unix_socketname"
        elif not settings.unix_socket_mode & 0o020:
            yield f"unix_socket_group.{path}: unix_socket_mode keeps the group {group} out"
    host = settings.metrics_listen.rpartition(":")[0].strip("[]")
    if host and not settings.metrics_listen.startswith("/") and not _is_loopback(host):
        yield f"metrics_listen: whoever reaches {host} sees how much mail comes, and the names of the viruses in it"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _interfaces(settings: Settings) -> Iterator[str]:
    ports = {str(port) for port in settings.inet_socket_port}
    paths = {str(path) for path in settings.unix_socketname}
    for interface, bank in settings.interface_policy.items():
        key = f"interface_policy.{interface}"
        if bank not in settings.policy_bank:
            yield f"{key}: there is no policy bank {bank}"
        if interface == "SOCK":
            is_open = bool(paths)
        elif interface.startswith("/"):
            is_open = interface in paths
        else:
            is_open = interface.rpartition(":")[2] in ports
        if not is_open:
            yield f"{key}: nothing listens there by inet_socket_port or unix_socketname"


def _own_users(settings: Settings) -> Iterator[str]:
    """MYUSERS holds for originating mail only (features 17.01, the tenth point)."""
    if OWN_USERS not in settings.policy_bank or settings.originating or not _is_nothing(settings.mynetworks):
        return
    if not any(effective.originating for _, effective in regimes(settings)):
        yield (
            f"policy_bank.{OWN_USERS}: never holds, as no mail is originating; "
            "set mynetworks, or originating in the bank of a port for your users"
        )


def _correspondence(settings: Settings) -> Iterator[str]:
    """Only a log of all messages knows who has written to whom (B16.01, features 11.32)."""
    for bank, effective in regimes(settings):
        for name in ("penpals_bonus_score", "bounce_killer_score"):
            key = named_in(settings, bank, (name,))
            if not key or not getattr(effective, name):
                continue
            if not settings.storage_sql_dsn:
                yield f"{key}: has no effect without a data base; set storage_sql_dsn"
            elif not settings.sql_store_info_for_all_msgs:
                yield f"{key}: has little effect while the data base lacks messages (sql_store_info_for_all_msgs)"


def _is_nothing(networks: Networks) -> bool:
    return all(isinstance(table, NetworkList) and not table.entries for table in networks.tables)


# By bank


def _destinies(effective: MessageSettings) -> Iterator[_Risk]:
    for name, major in _CATEGORIES.items():
        setting = f"final_{name}_destiny"
        destiny = final_destiny(effective, Category(major))
        if destiny is Destiny.BOUNCE and name in _FORGED and not _is_said_to_fake(effective, name):
            yield (
                (setting, _BY_CCAT),
                "notices go to senders that are mostly forged; discard, or reject",
            )
        if destiny is Destiny.BOUNCE and name == "spam" and constant(effective.spam_dsn_cutoff_level) is None:
            yield (
                ("spam_dsn_cutoff_level", setting, _BY_CCAT),
                f"no score is too high for a notice to the sender, as {setting} is bounce, and most of them are forged",
            )
        if destiny is Destiny.PASS and name == "virus":
            yield (setting, _BY_CCAT), "infected mail reaches its recipients"
        if destiny is Destiny.DISCARD and not _is_kept(effective, name, major):
            yield (
                (f"{name}_quarantine_method", f"{name}_quarantine_to", setting, _BY_CCAT),
                f"no copy is kept of what {setting} discards: a mistake cannot be undone",
            )
    if constant(effective.virus_lovers) is True:
        yield ("virus_lovers",), "infected mail reaches its recipients"


def _is_said_to_fake(effective: MessageSettings, name: str) -> bool:
    """Whether nobody is told of a virus that no table knows (B11.02)."""
    return name == "virus" and bool(effective.viruses_that_fake_sender.at(LookupKey(_SOMEBODY)))


def _is_kept(effective: MessageSettings, name: str, major: Major) -> bool:
    lookup = effective.quarantine_to_by_ccat.get((major, None), getattr(effective, f"{name}_quarantine_to"))
    return bool(quarantine_method(effective, Category(major))) and not (lookup.is_constant and not constant(lookup))


def _levels(effective: MessageSettings) -> Iterator[_Risk]:
    tag, tag2 = constant(effective.spam_tag_level), constant(effective.spam_tag2_level)
    kill, cutoff = constant(effective.spam_kill_level), constant(effective.spam_dsn_cutoff_level)
    if kill is not None and kill <= 0:
        yield ("spam_kill_level",), f"at {kill:g} mail without a single point is spam"
    if tag2 is not None and tag is not None and tag2 < tag:
        yield (
            ("spam_tag2_level", "spam_tag_level"),
            f"at {tag2:g} is below spam_tag_level, {tag:g}: such mail gets no X-Spam fields",
        )
    if kill is not None and cutoff is not None and cutoff < kill and _bounces_spam(effective):
        yield (
            ("spam_dsn_cutoff_level", "spam_kill_level"),
            f"at {cutoff:g} is below spam_kill_level, {kill:g}: nobody is told, though final_spam_destiny is bounce",
        )


def _bounces_spam(effective: MessageSettings) -> bool:
    return final_destiny(effective, Category(Major.SPAM)) is Destiny.BOUNCE


def _networks(effective: MessageSettings) -> Iterator[_Risk]:
    if _is_everything(effective.inet_acl):
        yield ("inet_acl",), "every host that reaches the ports may send mail through them"
    if _is_everything(effective.mynetworks):
        yield ("mynetworks",), "mail from everywhere counts as our own"


def _is_everything(networks: Networks) -> bool:
    return any(all(map(networks.contains, addresses)) for addresses in _ANYWHERE)


def _white_lists(effective: MessageSettings) -> Iterator[_Risk]:
    """Features 18.08: mail that only says it comes from here."""
    if effective.originating or not isinstance(effective, Settings):
        return
    sender = LookupKey(f"{_SOMEBODY}@{effective.mydomain}", case_sensitive=effective.localpart_is_case_sensitive)
    why = f"whoever writes an address of {effective.mydomain} as sender passes; use originating mail or mynetworks"
    if effective.whitelist_sender.at(sender):
        yield ("whitelist_sender",), why
    lists = effective.per_recip_whitelist_sender_lookup_tables
    if any(table.at(sender) for table in _all_values(lists)):
        yield ("per_recip_whitelist_sender_lookup_tables",), why


def _all_values(lookup: Lookup[Lookup[bool]]) -> Iterator[Lookup[bool]]:
    for table in lookup.tables:
        if isinstance(table, HashTable):
            yield from filter(None, table.values())
        elif (found := table.find(LookupKey(_SOMEBODY))) is not None:
            yield found


def _extensions(effective: MessageSettings) -> Iterator[_Risk]:
    names = ("addr_extension_virus", "addr_extension_banned", "addr_extension_spam", "addr_extension_bad_header")
    wanted = [name for name in names if constant(getattr(effective, name))]
    if wanted and not effective.recipient_delimiter:
        yield (wanted[0], "recipient_delimiter"), "has no effect while recipient_delimiter is empty"


def _own_side(effective: MessageSettings) -> Iterator[_Risk]:
    if not effective.propagate_dsn_if_possible and effective.terminate_dsn_on_notify_success:
        yield (
            ("terminate_dsn_on_notify_success", "propagate_dsn_if_possible"),
            "has no effect while propagate_dsn_if_possible is false",
        )


_RULES: tuple[Callable[[MessageSettings], Iterator[_Risk]], ...] = (
    _destinies,
    _levels,
    _networks,
    _white_lists,
    _extensions,
    _own_side,
)
