"""Whether certificate and key of the server can be used by the account that the daemon runs as (features 13.15)."""

import os
import stat
from collections.abc import Iterator

from mailcordon.config.settings import Settings
from mailcordon.errors import StartupError
from mailcordon.receive.tls import server_context
from mailcordon.run.account import Account


def tls_problems(settings: Settings, account: Account) -> Iterator[str]:
    """One line for everything that stands against TLS, nothing when it is off everywhere."""
    if not settings.offers_tls:
        return
    problems = [*_unusable(settings, account)]
    if not problems:
        try:
            server_context(settings)
        except StartupError as error:
            problems.append(str(error))
    yield from problems


def _unusable(settings: Settings, account: Account) -> Iterator[str]:
    for name in ("smtpd_tls_cert_file", "smtpd_tls_key_file"):
        path = getattr(settings, name)
        try:
            mode = path.stat().st_mode
            readable = account.may(os.X_OK, path.parent) and account.may(os.R_OK, path)
        except OSError as error:
            yield f'{name}: {path}: {error.strerror}; or set tls_security_level_in = "none"'
            continue
        if not readable:
            yield f"{name}: {path}: cannot be read by {account.name}"
        elif name == "smtpd_tls_key_file" and mode & stat.S_IROTH:
            yield f"{name}: {path}: can be read by all accounts (mode {stat.S_IMODE(mode):04o}); 0640 is right"
