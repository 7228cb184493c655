"""Settings that are good one by one and cannot be meant together: refused, as a value that is wrong by itself is."""

import os
import ssl
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path

from mailcordon.config.banned import DEFAULT, selected
from mailcordon.config.message_settings import MessageSettings
from mailcordon.config.next_hop import CLIENTS_OWN, DeliveryMethod
from mailcordon.config.quarantine_method import SQL_QUARANTINE
from mailcordon.config.regimes import constant, named_in, regimes
from mailcordon.config.settings import Settings

_QUARANTINE_METHODS = tuple(name for name in MessageSettings.model_fields if name.endswith("_quarantine_method"))

_Problem = tuple[tuple[str, ...], str]
"""The settings that do not go together, the one to blame first, and why."""


def contradictions(settings: Settings) -> Iterator[str]:
    """One line `KEY: why` for each contradiction in the settings and their policy banks."""
    yield from _paths(settings)
    yield from _verification(settings)
    yield from _authorities(settings)
    yield from _default_rules(settings)
    yield from _scanner_names(settings)
    for bank, effective in regimes(settings):
        for rule in _RULES:
            for names, why in rule(effective, settings):
                key = named_in(settings, bank, names)
                if key:
                    yield f"{key}: {why}"


def _default_rules(settings: Settings) -> Iterator[str]:
    if DEFAULT in settings.banned_rules:
        yield f"banned_rules.{DEFAULT}: is the name of banned_filename_re; write the rules there"


def _paths(settings: Settings) -> Iterator[str]:
    for name in ("MYHOME", "TEMPBASE", "QUARANTINEDIR", "logfile"):
        path = Path(getattr(settings, name))
        if path.parts and not path.is_absolute():
            yield f"{name}: {str(path)!r} is not an absolute path"
        # Whoever only looks at the configuration may not be allowed to look there: that is no problem of its.
        elif name in ("TEMPBASE", "QUARANTINEDIR") and os.path.exists(path) and not os.path.isdir(path):
            yield f"{name}: {path} is not a directory"


def _verification(settings: Settings) -> Iterator[str]:
    if all(effective.tls_security_level_out == "none" for _, effective in regimes(settings)):
        verifying = [bank for bank, effective in regimes(settings) if effective.tls_verify_out]
        if verifying:
            key = named_in(settings, verifying[0], ("tls_verify_out",))
            yield f'{key}: there is no certificate to verify while tls_security_level_out is "none"'


def _authorities(settings: Settings) -> Iterator[str]:
    if not settings.tls_ca_file_out:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(settings.tls_ca_file_out)
    except ssl.SSLError:
        yield f"tls_ca_file_out: {settings.tls_ca_file_out}: holds no certificate in PEM form"
    except OSError as error:
        yield f"tls_ca_file_out: {settings.tls_ca_file_out}: cannot be read: {error.strerror}"


def _scanner_names(settings: Settings) -> Iterator[str]:
    for key in ("av_scanners", "av_scanners_backup"):
        names = [scanner.name for scanner in getattr(settings, key)]
        for name in dict.fromkeys(names):
            if names.count(name) > 1:
                yield f"{key}: two scanners are called {name!r}; the log could not tell them apart"


def _cutoff(effective: MessageSettings, _settings: Settings) -> Iterator[_Problem]:
    cutoff, kill = constant(effective.spam_quarantine_cutoff_level), constant(effective.spam_kill_level)
    if cutoff is not None and kill is not None and cutoff <= kill and effective.spam_quarantine_method:
        yield (
            ("spam_quarantine_cutoff_level", "spam_kill_level"),
            f"at {cutoff:g} no spam would be kept, as it begins at spam_kill_level, {kill:g}; "
            'to keep none set spam_quarantine_method = ""',
        )


def _no_data_base(effective: MessageSettings, settings: Settings) -> Iterator[_Problem]:
    if settings.storage_sql_dsn:
        return
    names = [name for name in _QUARANTINE_METHODS if getattr(effective, name) == SQL_QUARANTINE]
    if SQL_QUARANTINE in effective.quarantine_method_by_ccat.values():
        names.append("quarantine_method_by_ccat")
    for name in names:
        yield ((name,), f'"{SQL_QUARANTINE}" needs a data base; set storage_sql_dsn')


def _hidden_tls(effective: MessageSettings, _settings: Settings) -> Iterator[_Problem]:
    if effective.tls_security_level_in == "encrypt" and "STARTTLS" in effective.smtpd_discard_ehlo_keywords:
        yield (
            ("smtpd_discard_ehlo_keywords", "tls_security_level_in"),
            'STARTTLS is hidden from clients while tls_security_level_in = "encrypt" asks them for it',
        )


def _no_way_to_authenticate(effective: MessageSettings, _settings: Settings) -> Iterator[_Problem]:
    if effective.auth_required_inp and not effective.auth_mech_avail:
        yield (
            ("auth_required_inp", "auth_mech_avail"),
            "no client could ever bring mail, as auth_mech_avail names no way to authenticate",
        )


def _loops(effective: MessageSettings, settings: Settings) -> Iterator[_Problem]:
    for name in ("forward_method", "notify_method"):
        port = next(_own_ports(getattr(effective, name), settings), None)
        if port is not None:
            yield (
                (name,),
                f"goes to port {port}, where this daemon listens (inet_socket_port): the mail would come back for ever",
            )


def _rule_names(effective: MessageSettings, settings: Settings) -> Iterator[_Problem]:
    known = {DEFAULT, *settings.banned_rules}
    unknown = [name for name in selected(effective.banned_filename) if isinstance(name, str) and name not in known]
    for name in dict.fromkeys(unknown):
        near = get_close_matches(name, known, n=1)
        yield (
            ("banned_filename", "banned_rules"),
            f"there are no rules {name!r} in banned_rules" + (f"; did you mean {near[0]}?" if near else ""),
        )


def _own_ports(method: DeliveryMethod, settings: Settings) -> Iterator[int]:
    """The daemon's own ports that mail would be sent to."""
    for hop in method.hops:
        if hop.port in settings.inet_socket_port and _is_own(hop.host, settings.inet_socket_bind):
            yield hop.port
        elif hop.host == CLIENTS_OWN and hop.port is None:
            yield from (port + 1 for port in settings.inet_socket_port if port + 1 in settings.inet_socket_port)


def _is_own(host: str | None, bind: str) -> bool:
    if host == "localhost":
        return True
    try:
        address, own = ip_address(host or ""), ip_address(bind)
    except ValueError:
        return False
    return address == own or (own.is_unspecified and address.is_loopback)


_RULES: tuple[Callable[[MessageSettings, Settings], Iterator[_Problem]], ...] = (
    _cutoff,
    _hidden_tls,
    _loops,
    _no_data_base,
    _no_way_to_authenticate,
    _rule_names,
)
