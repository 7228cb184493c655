"""Where the values of the configuration come from: fragment and line (features 5.03)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mailcordon.config.toml_lines import Key, lines_of


@dataclass(frozen=True, slots=True)
class Origin:
    """A place in a fragment."""

    path: Path
    line: int | None = None

    def __str__(self) -> str:
        return str(self.path) if self.line is None else f"{self.path}:{self.line}"


class Origins:
    """For each key the fragment that set it last."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[Key, Path]] = {}
        self._texts: dict[Path, str] = {}
        self._lines: dict[Path, Mapping[Key, int]] = {}
        self._old_names: dict[tuple[Path, Key], Key] = {}

    def know(self, path: Path, text: str) -> None:
        """Take note of the text of a fragment. Its lines are only looked for when somebody asks for one."""
        self._texts[path] = text

    def note(self, key: Key, path: Path) -> None:
        """Take note that a fragment sets a key."""
        self._files[dotted(key)] = key, path

    def stands_for(self, path: Path, old: Key, present: Key) -> None:
        """Take note that a fragment sets a key by an old name."""
        self._old_names[path, present] = old

    def place(self, path: Path, key: Key) -> Origin:
        """Where a fragment says something about a key."""
        return Origin(path, self._line(path, key))

    def exactly(self, name: str) -> Origin | None:
        """Where a key, dotted, was set last; None when no fragment sets it."""
        if name not in self._files:
            return None
        key, path = self._files[name]
        return self.place(path, key)

    def nearest(self, key: Sequence[str | int]) -> Origin | None:
        """Where a value, or the nearest thing above it, was set last."""
        for end in range(len(key), 0, -1):
            found = self._files.get(dotted(key[:end]))
            if found is not None:
                known, path = found
                return self.place(path, (*known, *key[end:]))
        return None

    def locate(self, problem: str) -> str:
        """`KEY: what is wrong`, with fragment and line in front; what begins with a file of its own stays as it is."""
        if problem.startswith("/"):
            return problem
        key = problem.partition(": ")[0]
        while key:
            origin = self.exactly(key)
            if origin is not None:
                return f"{origin}: {problem}"
            key = key.rpartition(".")[0]
        return f"configuration: {problem}"

    def _line(self, path: Path, key: Key) -> int | None:
        if path not in self._lines:
            self._lines[path] = lines_of(self._texts[path])
        lines = self._lines[path]
        key = self._old_names.get((path, key), key)
        return next((lines[part] for part in _upwards(key) if part in lines), None)


def dotted(key: Sequence[str | int]) -> str:
    """The key as people write it."""
    return ".".join(map(str, key))


def _upwards(key: Key) -> Iterator[Key]:
    for end in range(len(key), 0, -1):
        yield key[:end]
