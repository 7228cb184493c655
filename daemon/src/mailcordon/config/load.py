"""Reads the conf.d fragments and makes validated `Settings` of them, or reports everything that is wrong at once."""

import importlib.resources
import socket
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailcordon.config.bank import overlay, split_replace
from mailcordon.config.contradictions import contradictions
from mailcordon.config.lookup_parse import is_lookup_table
from mailcordon.config.origins import Origin, Origins, dotted
from mailcordon.config.policy_banks import OWN_NETWORKS
from mailcordon.config.retired import replace_old_names
from mailcordon.config.risks import risks
from mailcordon.config.settings import Settings, derive
from mailcordon.config.sql_source import without_passwords
from mailcordon.config.toml_lines import Key
from mailcordon.config.validation import validated
from mailcordon.errors import ConfigError

ADMIN_DIRECTORY = Path("/etc/mailcordon/conf.d")
FRAGMENT_PATTERN = "[0-9][0-9]-*.toml"

_HOLD_PASSWORDS = frozenset({"storage_sql_dsn", "lookup_sql_dsn"})

Tree = dict[str, Any]
SettingsCheck = Callable[[Settings], Iterable[str]]
"""What a room has to say against settings: a line `KEY: what is wrong, what to do` for each problem."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings in force and where they came from."""

    settings: Settings
    files: tuple[Path, ...]
    """Every fragment that was read, in order (features 5.01: logged at start)."""
    values: Mapping[str, Any]
    """The merged values as written, and those that follow from them."""
    origins: Origins
    """Where each value was set last."""
    warnings: tuple[str, ...]
    """What is accepted and may not be wanted, each one line `FILE:LINE: key: what it is`."""

    def effective(self, banks: Sequence[str] = ()) -> list[tuple[str, Any]]:
        """Every setting in force under these policy banks, with its value as it would be written, by name.

        Passwords of data bases are hidden.
        """
        values = self.values
        for name in banks:
            members, replaced = split_replace(values["policy_bank"].get(name, {}))
            if name == OWN_NETWORKS:
                members.setdefault("originating", True)
            values = overlay(values, members, replaced)
        return sorted(
            (name, without_passwords(value) if name in _HOLD_PASSWORDS else value) for name, value in values.items()
        )

    def origin(self, name: str, banks: Sequence[str] = ()) -> Origin | None:
        """Where a setting was set last, None when it follows from others."""
        in_bank = (self.origins.exactly(f"policy_bank.{bank}.{name}") for bank in reversed(banks))
        return next(filter(None, in_bank), None) or self.origins.exactly(name)


def packaged_directory() -> Path:
    """The directory with the fragments that come with the program."""
    return Path(str(importlib.resources.files("mailcordon.config") / "conf.d"))


def load(admin_directories: Sequence[Path] = (ADMIN_DIRECTORY,), checks: Sequence[SettingsCheck] = ()) -> Configuration:
    """Read the packaged fragments, then those of each administrator's directory, each in lexical order.

    A directory that does not exist holds no fragments. `checks` are what other rooms have to say about the settings.
    Raises ConfigError with one line for every problem, also for those behind others.
    """
    problems: list[str] = []
    warnings: list[str] = []
    files = [
        path for directory in (packaged_directory(), *admin_directories) for path in fragments(directory, problems)
    ]
    values, origins = merge(files, problems, warnings)
    values.setdefault("myhostname", socket.getfqdn())
    values = derive(values)
    settings, faults = validated(values, _packaged_values)
    problems.extend(f"{origins.nearest(fault.key) or 'configuration'}: {fault}" for fault in faults)
    if settings is not None:
        faulty = {str(fault.key[0]) for fault in faults}
        found = (problem for check in (contradictions, *checks) for problem in check(settings))
        # What is said about a value that was put in place of a faulty one is not the administrator's business.
        problems.extend(origins.locate(problem) for problem in found if not any(name in problem for name in faulty))
    if problems or settings is None:
        raise ConfigError(problems)
    warnings.extend(origins.locate(risk) for risk in risks(settings))
    return Configuration(settings, tuple(files), values, origins, tuple(warnings))


def _packaged_values() -> Tree:
    return merge(fragments(packaged_directory(), []), [], [])[0]


def fragments(directory: Path, problems: list[str]) -> list[Path]:
    """The fragments of one directory in lexical order; files with other names are not configuration."""
    try:
        # Not Path.glob: it takes a directory that may not be read for an empty one, and checks would be off unnoticed.
        return sorted(path for path in directory.iterdir() if path.match(FRAGMENT_PATTERN) and path.is_file())
    except FileNotFoundError:
        return []
    except OSError as error:
        problems.append(f"{directory}: cannot be read: {error.strerror}")
        return []


def merge(files: Sequence[Path], problems: list[str], warnings: list[str]) -> tuple[Tree, Origins]:
    """All fragments merged in the given order, and where each value was set last."""
    values: Tree = {}
    origins = Origins()
    for path in files:
        tree = _parse(path, origins, problems)
        for old in replace_old_names(tree):
            warnings.append(f"{origins.place(path, old.key)}: {dotted(old.key)}: {old.remark}")
            if old.present:
                origins.stands_for(path, old.key, old.present)
        _merge_tree(values, tree, path, origins)
    return values, origins


def _parse(path: Path, origins: Origins, problems: list[str]) -> Tree:
    try:
        text = path.read_text(encoding="utf-8")
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problems.append(f"{path}: not valid TOML: {error}")
    except UnicodeDecodeError as error:
        problems.append(f"{path}: not UTF-8: octet {error.start}")
    except OSError as error:
        problems.append(f"{path}: cannot be read: {error.strerror}")
    except RecursionError:
        problems.append(f"{path}: not valid TOML: nested too deep")
    else:
        origins.know(path, text)
        return tree
    return {}


def _merge_tree(values: Tree, addition: Tree, path: Path, origins: Origins, prefix: Key = ()) -> None:
    """Later keys win, tables merge deeply, lists replace."""
    for key, value in addition.items():
        place = (*prefix, key)
        present = values.get(key)
        # `{acl = [...]}` over `{hash = {...}}` replaces the table: merged they would be neither.
        if isinstance(value, dict) and not is_lookup_table(value):
            table = present if isinstance(present, dict) else {}
            values[key] = table
            _merge_tree(table, value, path, origins, place)
        else:
            values[key] = value
        origins.note(place, path)
