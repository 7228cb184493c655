"""What a part is called and what it is, as rules of banned names get to see it (contracts B12.02, B12.03, B12.06)."""

import re
from collections.abc import Iterator

from mailcordon.config.expressions import LONGEST
from mailcordon.mail.file_names import shortened
from mailcordon.mail.part import ENCRYPTED, UNDECIPHERABLE, Part

UNDECIPHERABLE_TYPE = "UNDECIPHERABLE"
"""Stands for whatever nobody can open."""
LONGEST_SHOWN = 100
"""Characters of a name in log and notices."""
_SHOWN_NAMES = 4
_LONGEST_IN_PATH = 255
"""Characters of a name in a path; file systems allow no more octets."""
_BLANKS = re.compile(r"[ \t]{6,}")
_NOT_IN_PATH = re.compile(r"[\t\n]")


def types_of(part: Part) -> tuple[str, ...]:
    """Declared type, and short types with a dot in front."""
    types = tuple(f".{short}" for short in part.short_types)
    return (part.content_type, *types) if part.content_type else types


def names_of(part: Part) -> tuple[str, ...]:
    """Every form of each name that a reader's computer might save the part under."""
    given = (*part.names, *part.raw_names)
    return tuple(dict.fromkeys(form for name in given for form in _forms(name)))


def is_undecipherable(part: Part) -> bool:
    """Whether it is encrypted, or cannot be opened for another reason."""
    return UNDECIPHERABLE in part.attributes or ENCRYPTED in part.attributes


def strings_of(part: Part) -> tuple[str, ...]:
    """All that a rule is compared with, in the order of the result text."""
    if not (part.names or part.raw_names or part.attributes):
        return types_of(part)
    return (*types_of(part), *names_of(part), *([UNDECIPHERABLE_TYPE] if is_undecipherable(part) else []))


def shown(part: Part) -> str:
    """Types and names with commas between them, for people."""
    given = part.names or part.raw_names
    names = [_BLANKS.sub(" ... ", printable(shortened(name, LONGEST_SHOWN))) for name in given[:_SHOWN_NAMES]]
    return ",".join((*types_of(part), *names, *([UNDECIPHERABLE_TYPE] if is_undecipherable(part) else [])))


def printable(text: str) -> str:
    """A question mark for every character that is not seen or does something: members are called anything."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "?" for character in text)


def attributes_of(part: Part) -> tuple[str, ...]:
    """The attributes of B12.03, as `N=game.exe`."""
    return tuple(f"{letter}={_NOT_IN_PATH.sub(' ', value)}" for letter, value in _attributes(part))


def _attributes(part: Part) -> Iterator[tuple[str, str]]:
    if part.file is not None:
        yield "P", part.file.name
    yield "L", part.location.replace(".", "/")
    if part.content_type:
        yield "M", part.content_type
    for short in part.short_types:
        yield "T", short
    for name in names_of(part):
        yield "N", shortened(name, _LONGEST_IN_PATH)
    for letter in part.attributes:
        yield "A", letter


def _forms(name: str) -> Iterator[str]:
    """As it is, and as it is saved: up to a NUL, without dots, blanks and invisible characters at its end."""
    if not name:
        return
    yield shortened(name, LONGEST)
    if "\0" in name:
        yield from _forms(name.partition("\0")[0])
    if not name[-1].isalnum():
        end = len(name)
        while end and _is_dropped(name[end - 1]):
            end -= 1
        if 0 < end < len(name):
            yield shortened(name[:end], LONGEST)


def _is_dropped(character: str) -> bool:
    return character in ". " or character.isspace() or not character.isprintable()
