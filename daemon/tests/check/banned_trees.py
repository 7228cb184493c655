"""Trees of parts made by hand, and rules, for tests of the check for banned names."""

from typing import Any

from mailcordon.check.banned_tree import Compared, Matcher
from mailcordon.config.banned import BannedRules, banned_paths, banned_table
from mailcordon.mail.part import Part


def part(content_type: str, *names: str, short: str = "", children: tuple[Part, ...] = (), **more: Any) -> Part:
    """A part; `short` are its short types with blanks between them. Its place is given to it by `tree`."""
    return Part(
        "1",
        0,
        0,
        0,
        content_type=content_type,
        names=names,
        short_types=tuple(short.split()),
        children=list(children),
        **more,
    )


def tree(root: Part) -> Part:
    """The tree with the place of each part in it."""
    for node in root.walk():
        for number, child in enumerate(node.children, 1):
            child.location = f"{node.location}.{number}"
    return root


def member(*names: str, short: str = "", children: tuple[Part, ...] = (), **more: Any) -> Part:
    """What was unpacked from the part above."""
    return part("", *names, short=short, children=children, is_member=True, **more)


def mixed(*children: Part) -> Part:
    """A whole message."""
    return tree(part("multipart/mixed", children=children))


def text() -> Part:
    """A part of text."""
    return part("text/plain", short="asc")


def rules(*tables: list[Any], paths: list[Any] | None = None) -> BannedRules:
    """Rules as they stand in a fragment."""
    return BannedRules(tuple(map(banned_table, tables)), None if paths is None else banned_paths(paths))


def compared(root: Part, *tables: list[Any], paths: list[Any] | None = None, seconds: float = 20.0) -> Compared:
    """What comes of a tree under these rules."""
    return Matcher(rules(*tables, paths=paths)).compare(root, seconds)


def banned_places(root: Part, *tables: list[Any], paths: list[Any] | None = None) -> list[str]:
    """Locations of the parts that are banned."""
    return [found.part.location for found in compared(root, *tables, paths=paths).banned]
