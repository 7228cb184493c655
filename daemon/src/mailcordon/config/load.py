"""Reads the conf.d fragments and makes validated `Settings` of them, or reports everything that is wrong at once."""

import difflib
import importlib.resources
import socket
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mailcordon.config.settings import Settings, derive
from mailcordon.errors import ConfigError

ADMIN_DIRECTORY = Path("/etc/mailcordon/conf.d")
FRAGMENT_PATTERN = "[0-9][0-9]-*.toml"

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings in force and where they came from."""

    settings: Settings
    files: tuple[Path, ...]
    """Every fragment that was read, in order (features 5.01: logged at start)."""
    values: Mapping[str, Any]
    """The merged values as written, and those that follow from them."""
    origins: Mapping[str, Path]
    """For each key (dotted path) the fragment that set it last."""

    def effective(self) -> list[tuple[str, Any]]:
        """Every setting in force with its value as it would be written, by name."""
        return sorted(self.values.items())


def packaged_directory() -> Path:
    """The directory with the fragments that come with the program."""
    return Path(str(importlib.resources.files("mailcordon.config") / "conf.d"))


def load(admin_directories: Sequence[Path] = (ADMIN_DIRECTORY,)) -> Configuration:
    """Read the packaged fragments, then those of each administrator's directory, each in lexical order.

    A directory that does not exist holds no fragments. Raises ConfigError with one line for every problem.
    """
    problems: list[str] = []
    files = [
        path for directory in (packaged_directory(), *admin_directories) for path in fragments(directory, problems)
    ]
    values, origins = merge(files, problems)
    values.setdefault("myhostname", socket.getfqdn())
    values = derive(values)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        problems.extend(_explain(error, origins))
    if problems:
        raise ConfigError(problems)
    return Configuration(settings, tuple(files), values, origins)


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


def merge(files: Sequence[Path], problems: list[str]) -> tuple[Tree, dict[str, Path]]:
    """All fragments merged in the given order, and for each key the fragment that set it last."""
    values: Tree = {}
    origins: dict[str, Path] = {}
    for path in files:
        _merge_tree(values, _parse(path, problems), path, origins)
    return values, origins


def _parse(path: Path, problems: list[str]) -> Tree:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        problems.append(f"{path}: not valid TOML: {error}")
    except UnicodeDecodeError as error:
        problems.append(f"{path}: not UTF-8: octet {error.start}")
    except OSError as error:
        problems.append(f"{path}: cannot be read: {error.strerror}")
    return {}


def _merge_tree(values: Tree, addition: Tree, path: Path, origins: dict[str, Path], prefix: str = "") -> None:
    """Later keys win, tables merge deeply, lists replace."""
    for key, value in addition.items():
        dotted = f"{prefix}{key}"
        present = values.get(key)
        if isinstance(value, dict) and isinstance(present, dict) and not _is_lookup_table(value):
            _merge_tree(present, value, path, origins, f"{dotted}.")
        else:
            values[key] = value
        origins[dotted] = path


def _is_lookup_table(value: Tree) -> bool:
    # `{acl = [...]}` over `{hash = {...}}` replaces the table: merged they would be neither.
    return len(value) == 1 and next(iter(value)) in ("hash", "acl", "regexp", "constant")


def _explain(error: ValidationError, origins: Mapping[str, Path]) -> Iterator[str]:
    for detail in error.errors(include_url=False):
        location = tuple(str(step) for step in detail["loc"])
        message = detail["msg"].removeprefix("Value error, ")
        key = ".".join(location)
        if detail["type"] == "extra_forbidden":
            message = "unknown setting" + _suggestion(location)
        elif detail["type"] == "missing":
            message = "is not set"
        yield f"{_origin(key, origins)}: {key}: {message}"


def _origin(key: str, origins: Mapping[str, Path]) -> str:
    """The fragment that set the key or the nearest thing above it."""
    while key:
        if key in origins:
            return str(origins[key])
        key = key.rpartition(".")[0]
    return "configuration"


def _suggestion(location: Sequence[str]) -> str:
    near = difflib.get_close_matches(location[-1], Settings.model_fields, n=1) if len(location) == 1 else []
    return f"; did you mean {near[0]}?" if near else ""
