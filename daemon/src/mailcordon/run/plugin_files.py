"""Whether the plugins can be loaded, and nobody but root could change them (features 1.16, 6.09)."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from mailcordon.config.settings import Settings
from mailcordon.errors import ConfigError, HookError
from mailcordon.hooks.load import find, load_plugins
from mailcordon.run.account import Account

_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def plugin_problems(settings: Settings, account: Account, *, own_files: bool = False) -> list[str]:
    """One line for everything that is wrong with the plugins of a daemon that runs as `account`.

    What somebody else could have changed is not even run. `own_files`: take plugins of anybody, for trials only.
    """
    problems = [] if own_files else [problem for source in settings.plugins for problem in _unsafe(source, account)]
    if not problems and settings.plugins:
        try:
            settings.once(load_plugins)
        except ConfigError as error:
            problems.extend(error.problems)
    return problems


def _unsafe(source: str, account: Account) -> Iterator[str]:
    try:
        file = find(source)
        for path in dict.fromkeys((file, file.parent, file.resolve(), file.resolve().parent)):
            yield from _problems(path, account)
    except HookError as error:
        yield f"plugins: {source}: {error}"
    except OSError as error:
        yield f"plugins: {source}: {error.strerror}"


def _problems(path: Path, account: Account) -> Iterator[str]:
    status = path.stat()
    needed, right = (os.X_OK, "0755") if stat.S_ISDIR(status.st_mode) else (os.R_OK, "0644")
    if status.st_uid != 0:
        yield f"plugins: {path}: must belong to root, mode {right}"
    elif status.st_mode & _WRITABLE_BY_OTHERS or (not account.is_root and account.may_change(path)):
        mode = stat.S_IMODE(status.st_mode)
        yield f"plugins: {path}: can be changed by others than root (mode {mode:04o}); {right} is right"
    elif not account.may(needed, path):
        yield f"plugins: {path}: cannot be read by {account.name}"
