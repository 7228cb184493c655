"""What must hold before the daemon takes mail, and what it says about itself at start."""

import locale
import logging
import os
import platform
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from mailcordon import __version__
from mailcordon.config.load import Configuration
from mailcordon.config.settings import Settings
from mailcordon.errors import ConfigError, StartupError
from mailcordon.log_levels import NOTICE
from mailcordon.run.account import Account
from mailcordon.run.log import FileHandler, SyslogHandler
from mailcordon.run.plugin_files import plugin_problems
from mailcordon.run.prerequisites import changeable, modules

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
    account = Account.named(user)
    # Libraries look for files there, and some fail where they may not look: libpq in root's.
    os.environ["HOME"] = account.home
    os.initgroups(user, account.gid)
    os.setgid(account.gid)
    os.setuid(account.uid)


def check_installation() -> None:
    """Make sure that the account can read the program it runs: templates and rarer modules are read later.

    Raises StartupError, for example after an installation under a umask of 077.
    """
    directory = Path(__file__).parents[1]
    if not os.access(directory, os.R_OK | os.X_OK):
        raise StartupError(
            f"{directory}: cannot be read by {Account.own().name}; make the installation and all directories above it "
            "readable, as with 'chmod -R go+rX'"
        )


def check_files(files: Iterable[Path]) -> None:
    """Refuse a configuration that the daemon itself could change (features 1.16): no break-in may settle there."""
    account = Account.own()
    problem = None if account.is_root else next(changeable(files, account), None)
    if problem:
        raise StartupError(problem)


def check_directories(settings: Settings) -> None:
    """Make sure that spool and quarantine can be written (B10.09); creates them below an existing MYHOME."""
    for name, directory in (("TEMPBASE", settings.TEMPBASE), ("QUARANTINEDIR", settings.QUARANTINEDIR)):
        try:
            directory.mkdir(mode=0o750, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=directory, prefix=".writable-"):
                pass
        except OSError as error:
            raise StartupError(
                f"{name}: {directory} cannot be written by {Account.own().name}: {error.strerror}"
            ) from None


def check_plugins(settings: Settings, *, own_files: bool) -> None:
    """Load the plugins. Raises ConfigError with everything that is wrong with them."""
    problems = plugin_problems(settings, Account.own(), own_files=own_files)
    if problems:
        raise ConfigError(problems)


def log_inventory(configuration: Configuration, *, destination: logging.Handler) -> None:
    """The facts that an administrator wants at the top of the log, each once (features 16.10).

    The first line has the form by which log parsers know the start of amavisd-new and its version (features 6.02).
    """
    settings = configuration.settings
    account = Account.own()
    log.log(NOTICE, "logging initialized, log level %d, %s", settings.log_level, _name(destination, settings))
    log.log(
        NOTICE,
        "starting. %s at %s amavisd-new-compatible %s-%s, Python %s, Unicode aware, LANG=%s, encoding %s, pid %d",
        Path(sys.argv[0]).absolute(),
        settings.myhostname,
        settings.myproduct_name,
        __version__,
        platform.python_version(),
        os.environ.get("LANG", ""),
        locale.getencoding(),
        os.getpid(),
    )
    log.log(
        NOTICE,
        "user=%s, EUID: %d (%d);  group=%s, EGID: %d (%d)",
        account.name,
        os.geteuid(),
        os.getuid(),
        account.group_name,
        os.getegid(),
        os.getgid(),
    )
    log.log(NOTICE, "config files read: %s", ", ".join(str(path) for path in configuration.files))
    if settings.plugins:
        log.log(NOTICE, "plugins: %s", ", ".join(settings.plugins))
    for warning in configuration.warnings:
        log.warning("%s", warning)
    for name, version in sorted(modules().items()):
        if version is None:
            log.warning("Module %s is not installed", name)
        else:
            log.info("Module %s %s", name, version)
    log.info("Internal decoder for .mail")


def _name(destination: logging.Handler, settings: Settings) -> str:
    if isinstance(destination, SyslogHandler):
        return f"syslog: {settings.syslog_ident}.{settings.syslog_facility}"
    return f"logfile: {settings.logfile}" if isinstance(destination, FileHandler) else "STDERR"
