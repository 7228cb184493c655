"""The four things that must be right before the daemon can run: account, directories, modules, configuration
(features 1.18)."""

import importlib.metadata
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mailcordon.config.load import load
from mailcordon.config.settings import Settings
from mailcordon.errors import ConfigError, StartupError
from mailcordon.run.account import Account
from mailcordon.run.settings_checks import checks_for

_REQUIREMENT = re.compile(r"([A-Za-z0-9_.-]+)[^;]*(?:;(.*))?")


@dataclass(frozen=True, slots=True)
class Prerequisite:
    """One of the four, and everything that is wrong with it."""

    name: str
    facts: str
    """What was looked at, for people."""
    problems: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Nothing is wrong."""
        return not self.problems


def check(config_directories: Sequence[Path], user: str) -> list[Prerequisite]:
    """Look at all four for a daemon that runs as `user`. Changes nothing."""
    account, about_account = _account(user)
    settings, about_configuration = _configuration(config_directories, account)
    return [about_account, _directories(settings, account), _modules(), about_configuration]


def changeable(files: Iterable[Path], account: Account) -> Iterator[str]:
    """One line for each fragment, and each directory of fragments, that `account` could change (features 1.16)."""
    paths = list(files)
    for path in [*paths, *dict.fromkeys(path.parent for path in paths)]:
        if account.may_change(path):
            mode = "0750" if path.is_dir() else "0640"
            yield f"{path}: is writable by {account.name}; it must belong to root, mode {mode}"


def _account(user: str) -> tuple[Account | None, Prerequisite]:
    try:
        account = Account.named(user)
    except StartupError as error:
        return None, Prerequisite("account", user, (str(error),))
    problems = (f"{user}: is root; the filter needs an account of its own",) if account.is_root else ()
    return account, Prerequisite("account", f"{user} ({account.uid}), group {account.group_name}", problems)


def _directories(settings: Settings | None, account: Account | None) -> Prerequisite:
    if settings is None or account is None:
        return Prerequisite("directories", "", ("not known without a good configuration and account",))
    directories = {name: getattr(settings, name) for name in ("MYHOME", "TEMPBASE", "QUARANTINEDIR")}
    problems = [problem for name, path in directories.items() for problem in _directory_problems(name, path, account)]
    return Prerequisite("directories", ", ".join(map(str, directories.values())), tuple(problems))


def _directory_problems(name: str, path: Path, account: Account) -> Iterator[str]:
    try:
        mode = path.stat().st_mode
        writable = account.may(os.W_OK | os.X_OK, path)
    except OSError as error:
        yield f"{name}: {path}: {error.strerror}"
        return
    if not stat.S_ISDIR(mode):
        yield f"{name}: {path}: is not a directory"
        return
    if not writable:
        yield f"{name}: {path}: cannot be written by {account.name}"
    if mode & stat.S_IRWXO:
        yield f"{name}: {path}: is open to all accounts (mode {stat.S_IMODE(mode):04o}); 0750 is right"


def modules() -> dict[str, str | None]:
    """What the program needs, with the version that is there, or None."""
    found: dict[str, str | None] = {}
    for line in importlib.metadata.requires("mailcordon") or ():
        match = _REQUIREMENT.fullmatch(line)
        if match is None or (match.group(2) and "extra" in match.group(2)):
            continue
        try:
            found[match.group(1)] = importlib.metadata.version(match.group(1))
        except importlib.metadata.PackageNotFoundError:
            found[match.group(1)] = None
    return found


def _modules() -> Prerequisite:
    found = modules()
    present = ", ".join(f"{name} {version}" for name, version in found.items() if version is not None)
    problems = tuple(f"{name}: is not installed" for name, version in found.items() if version is None)
    return Prerequisite("modules", present, problems)


def _configuration(directories: Sequence[Path], account: Account | None) -> tuple[Settings | None, Prerequisite]:
    try:
        configuration = load(directories, checks_for(account) if account is not None else ())
    except ConfigError as error:
        return None, Prerequisite("configuration", "", error.problems)
    problems: list[str] = []
    if account is not None and not account.is_root:
        problems += [*_unreadable(configuration.files, account), *changeable(configuration.files, account)]
    facts = f"{len(configuration.files)} fragments"
    return configuration.settings, Prerequisite("configuration", facts, tuple(problems))


def _unreadable(files: Iterable[Path], account: Account) -> Iterator[str]:
    for path in files:
        if not (account.may(os.X_OK, path.parent) and account.may(os.R_OK, path)):
            yield f"{path}: cannot be read by {account.name}"
