"""The rules of banned names against a plain implementation of what the contract says (B12.02, B12.03)."""

import re
from collections.abc import Sequence

from banned_trees import compared, tree
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcordon.mail.part import Part

TYPES = st.sampled_from(["text/plain", "application/zip", "image/png", ""])
SHORT = st.lists(st.sampled_from(["zip", "exe", "exe-ms", "asc"]), max_size=2).map(tuple)
NAMES = st.lists(st.sampled_from(["a.exe", "b.exe.", "c.txt", "d.exe ", "e", "F.EXE"]), max_size=2).map(tuple)
ATTRIBUTES = st.sampled_from(["", "U", "C", "D"])
RESULTS = st.sampled_from([True, False, "DISCARD", "$1"])
TABLES = st.lists(
    st.tuples(
        st.sampled_from(
            [r"\.exe$", r"(?i)(.)\.exe$", r"^\.(zip)$", r"^\.exe-ms$", "^UNDECIPHERABLE$", "^image/", "txt", "^e$", ""]
        ),
        RESULTS,
    ).map(list),
    max_size=4,
)
PATHS = st.lists(
    st.tuples(
        st.sampled_from([r"(?m)^(.*\t)?T=zip(\t.*)?$", r"N=c\.txt", r"T=zip.*\n(.*\t)?N=(.)", r"A=D\Z", r"\AL=1\t"]),
        RESULTS,
    ).map(list),
    max_size=3,
)


@st.composite
def trees(draw: st.DrawFn) -> Part:
    def node(depth: int) -> Part:
        children = draw(st.integers(0, 3)) if depth < 3 else 0
        return Part(
            "1",
            0,
            0,
            0,
            content_type=draw(TYPES),
            short_types=draw(SHORT),
            names=draw(NAMES),
            attributes=draw(ATTRIBUTES),
            children=[node(depth + 1) for _ in range(children)],
        )

    return tree(node(0))


def leaves(part: Part, above: tuple[Part, ...] = ()) -> list[tuple[Part, ...]]:
    path = (*above, part)
    return [path] if not part.children else [leaf for child in part.children for leaf in leaves(child, path)]


def strings(path: Sequence[Part]) -> list[str]:
    found = []
    for part in path:
        found += [part.content_type] if part.content_type else []
        found += ["." + short for short in part.short_types]
        for name in part.names:
            found += [name] if name == name.rstrip(". ") else [name, name.rstrip(". ")]
        found += ["UNDECIPHERABLE"] if {"U", "C"} & set(part.attributes) else []
    return found


def line(part: Part) -> str:
    values = [f"L={part.location.replace('.', '/')}"]
    values += [f"M={part.content_type}"] if part.content_type else []
    values += [f"T={short}" for short in part.short_types]
    values += [f"N={name}" for name in dict.fromkeys(s for s in strings([Part("", 0, 0, 0, "", names=part.names)]))]
    values += [f"A={letter}" for letter in part.attributes]
    return "\t".join(values)


def decision(path: Sequence[Part], table: list[list[object]], paths: list[list[object]]) -> str | None:
    """Result of the rule that bans the last part of the path, None if none does."""
    for rows, texts in ((table, strings(path)), (paths, ["\n".join(map(line, path))])):
        for pattern, result in rows:
            for text in texts:
                match = re.search(str(pattern), text)
                if match is None:
                    continue
                if result is False:
                    return None
                if result == "$1":
                    return (match.group(1) or "") if match.re.groups else ""
                return "1" if result is True else str(result)
    return None


@settings(max_examples=300, deadline=None)
@given(trees(), TABLES, PATHS)
def test_agrees_with_the_plain_implementation(root: Part, table: list[list[object]], paths: list[list[object]]) -> None:
    """Contract B12.02, B12.03: each leaf, with the result that the rule gives it."""
    expected = {
        path[-1].location: result for path in leaves(root) if (result := decision(path, table, paths)) is not None
    }
    found = {banned.part.location: banned.result for banned in compared(root, table, paths=paths or None).banned}
    if len(expected) <= 20:
        assert found == expected
    else:
        assert found.items() <= expected.items()
