"""The rooms of the daemon import each other one way only (docs/architecture.md)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import mailcordon

SOURCE = Path(mailcordon.__file__).parent
SHARED = frozenset({"__version__", "confined_file", "directories", "errors", "log_levels"})
MIDDLE = frozenset({"receive", "unpack", "check", "judge", "act", "store"})
MAY_IMPORT = {
    "mail": frozenset[str](),
    "config": frozenset({"mail"}),
    **dict.fromkeys(MIDDLE | {"hooks"}, frozenset({"mail", "config"})),
    "correspondence": MIDDLE | {"mail", "config"},
    "pipeline": MIDDLE | {"mail", "config", "hooks", "correspondence"},
    "run": MIDDLE | {"mail", "config", "hooks", "pipeline"},
    "cli": MIDDLE | {"mail", "config", "hooks", "pipeline", "run"},
    **dict.fromkeys(SHARED, frozenset[str]()),
    "__init__": frozenset[str](),
}
"""Each room, or module beside the rooms, and the rooms that it may know."""


def room_of(module: Path) -> str:
    """The directory of a module, or its name when it lies beside the rooms."""
    return module.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported(module: Path) -> Iterator[str]:
    """The rooms that a module imports from, also within functions."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "mailcordon":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mailcordon."):
            yield str(node.module).split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("mailcordon."))


@pytest.mark.parametrize("module", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports(module: Path) -> None:
    """Nothing comes from a room further on, and the rooms in the middle do not know each other."""
    room = room_of(module)
    assert set(imported(module)) <= MAY_IMPORT[room] | SHARED | {room}
