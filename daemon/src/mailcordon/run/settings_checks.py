"""What the rooms have to say about settings before they take effect.

`check-config` asks them, and the daemon does at its start and at each reload. A room that wants to be asked has a
function of settings that gives a line `KEY: what is wrong, what to do` for each problem; `checks_for` names it.
"""

import os
from collections.abc import Iterator
from functools import partial

from mailcordon.act.template_set import template_problems
from mailcordon.config.load import Configuration, SettingsCheck
from mailcordon.config.settings import Settings
from mailcordon.config.watched import watched_files
from mailcordon.errors import ConfigError
from mailcordon.run.account import Account
from mailcordon.run.plugin_files import plugin_problems
from mailcordon.run.tls_files import tls_problems


def checks_for(account: Account, *, own_files: bool = False) -> tuple[SettingsCheck, ...]:
    """All checks, for a daemon that runs as `account`; `own_files`: plugins of anybody are taken."""
    return (
        partial(tls_problems, account=account),
        partial(table_problems, account=account),
        partial(plugin_problems, account=account, own_files=own_files),
        template_problems,
    )


def check_settings(configuration: Configuration, account: Account, *, own_files: bool = False) -> None:
    """Raises ConfigError with every problem that the rooms see."""
    found = (problem for check in checks_for(account, own_files=own_files) for problem in check(configuration.settings))
    problems = [configuration.origins.locate(problem) for problem in found]
    if problems:
        raise ConfigError(problems)


def table_problems(settings: Settings, account: Account) -> Iterator[str]:
    """One line for each table in a file of its own that `account` cannot read: it would see no change of it."""
    for name in type(settings).model_fields:
        for file in watched_files(getattr(settings, name)):
            if not (account.may(os.X_OK, file.path.parent) and account.may(os.R_OK, file.path)):
                yield f"{name}: {file.path}: cannot be read by {account.name}"
