"""What must hold before the daemon takes mail, and what it says about itself at start."""

import grp
import locale
import logging
import os
import platform
import pwd
import tempfile
from collections.abc import Iterable
from pathlib import Path

from mailcordon import __version__
from mailcordon.config.load import Configuration
from mailcordon.config.settings import Settings
from mailcordon.errors import StartupError
from mailcordon.log_levels import NOTICE

log = logging.getLogger(__name__)

UMASK = 0o027


def become(user: str | None) -> None:
    """Drop root's rights to those of `user` (features 6.03); without root's rights nothing is dropped.

    Raises StartupError when running as root without a user, or when the user does not exist.
    """
    os.umask(UMASK)
    if os.geteuid() != 0:
        return
    if user is None:
        raise StartupError("refusing to run as root; name the service account with --user")
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        raise StartupError(f"--user: there is no account {user!r}") from None
    os.initgroups(user, account.pw_gid)
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)


def check_files(files: Iterable[Path]) -> None:
    """Refuse a configuration that the daemon itself could change (features 1.16): no break-in may settle there."""
    if os.geteuid() == 0:
        return
    for path in files:
        if os.access(path, os.W_OK):
            raise StartupError(f"{path}: is writable by {_user()}; it must belong to root, mode 0640")


def check_directories(settings: Settings) -> None:
    """Make sure that spool and quarantine can be written (B10.09); creates them below an existing MYHOME."""
    for name, directory in (("TEMPBASE", settings.TEMPBASE), ("QUARANTINEDIR", settings.QUARANTINEDIR)):
        try:
            directory.mkdir(mode=0o750, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=directory, prefix=".writable-"):
                pass
        except OSError as error:
            raise StartupError(f"{name}: {directory} cannot be written by {_user()}: {error.strerror}") from None


def log_inventory(configuration: Configuration) -> None:
    """The facts that an administrator wants at the top of the log (features 16.10)."""
    settings = configuration.settings
    log.log(
        NOTICE,
        "starting. %s %s at %s, Python %s, LANG=%s, encoding %s",
        settings.myproduct_name,
        __version__,
        settings.myhostname,
        platform.python_version(),
        os.environ.get("LANG", ""),
        locale.getencoding(),
    )
    log.log(
        NOTICE,
        "user=%s, EUID: %d (%d);  group=%s, EGID: %d (%d)",
        _user(),
        os.geteuid(),
        os.getuid(),
        _group(),
        os.getegid(),
        os.getgid(),
    )
    log.log(NOTICE, "config files read: %s", ", ".join(str(path) for path in configuration.files))


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _group() -> str:
    try:
        return grp.getgrgid(os.getegid()).gr_name
    except KeyError:
        return str(os.getegid())
