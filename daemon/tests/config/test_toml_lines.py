"""Lines of keys in a fragment (features 5.03)."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailcordon.config.load import packaged_directory
from mailcordon.config.toml_lines import Key, lines_of

DOCUMENT = '''\
# [not.a.table]
a = 1
"b c" = "x # no comment" # a comment
d.e = """
f = 2
""" # g = 3
[h]
i = { j = 1, "k.l" = [
    "m", # n
    { o = 'p = 4' },
] }
[h.q."r.s"]
t = \'\'\'
u = """ \'\'\'
v = 1979-05-27T07:32:00Z
[[w]]
x = 1
[[w]]
x = 2
[w.y]
z = 3
[[w.l]]
m = 1.5
[[w.l]]
'''


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("a",), 2),
        (("b c",), 3),
        (("d",), 4),
        (("d", "e"), 4),
        (("h",), 7),
        (("h", "i"), 8),
        (("h", "i", "j"), 8),
        (("h", "i", "k.l"), 8),
        (("h", "i", "k.l", 0), 9),
        (("h", "i", "k.l", 1, "o"), 10),
        (("h", "q"), 12),
        (("h", "q", "r.s", "t"), 13),
        (("h", "q", "r.s", "v"), 15),
        (("w",), 16),
        (("w", 0, "x"), 17),
        (("w", 1), 18),
        (("w", 1, "x"), 19),
        (("w", 1, "y", "z"), 21),
        (("w", 1, "l", 0, "m"), 23),
        (("w", 1, "l", 1), 24),
    ],
)
def test_line_of_a_key(key: Key, line: int) -> None:
    """Tables, dotted and quoted keys, inline tables, texts of several lines, arrays of tables."""
    assert lines_of(DOCUMENT)[key] == line


def test_nothing_else_is_a_key() -> None:
    """The twin: comments and texts hold no keys, and tomllib sees the same ones."""
    assert set(lines_of(DOCUMENT)) == set(keys_of(tomllib.loads(DOCUMENT)))


def keys_of(value: object, prefix: Key = ()) -> Iterator[Key]:
    if prefix:
        yield prefix
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in entries:
        yield from keys_of(item, (*prefix, name))


@pytest.mark.parametrize("path", sorted(packaged_directory().glob("*.toml")), ids=lambda path: path.name)
def test_packaged_fragments(path: Path) -> None:
    """All keys that tomllib finds have lines, and their names stand there."""
    text = path.read_text(encoding="utf-8")
    found, written = lines_of(text), text.splitlines()
    assert set(found) == set(keys_of(tomllib.loads(text)))
    assert all(str(key[-1]) in written[line - 1] for key, line in found.items() if isinstance(key[-1], str))
