"""Which engine an entry of `spam_scanners` means (B14.06). A new one is a file of its own and a branch here."""

from mailcordon.check.spam_scanner import SpamScanner, SpamServer
from mailcordon.check.spamd import SpamdServer
from mailcordon.config.settings import Settings
from mailcordon.config.types import SpamScanner as Entry


def spam_scanner(entry: Entry, settings: Settings, longest: float) -> SpamScanner:
    """The scanner that an entry describes; `longest`: seconds that it may take at most."""
    timeout = min(settings.spam_scan_timeout, longest)
    limit = entry.mail_body_size_limit
    return SpamScanner(
        entry.name,
        entry.protocol,
        _servers(entry, timeout),
        timeout_seconds=timeout,
        size_limit=settings.sa_mail_body_size_limit if limit is None else limit,
        factor=entry.score_factor,
        knows_users=entry.protocol == "spamd",
    )


def _servers(entry: Entry, timeout: float) -> list[SpamServer]:
    if entry.protocol == "spamd":
        return [SpamdServer(entry.name, address) for address in entry.socket]
    # Without such an entry nobody pays for the HTTP library.
    from mailcordon.check.rspamd import RspamdServer

    password = entry.password.get_secret_value() if entry.password else ""
    return [RspamdServer(entry.name, address, password=password, timeout_seconds=timeout) for address in entry.socket]
