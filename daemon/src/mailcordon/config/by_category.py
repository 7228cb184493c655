"""Settings that differ by contents category: `final_destiny_by_ccat` and its like (contract B5.03)."""

from collections.abc import Mapping
from typing import Annotated, TypeVar

from pydantic import BeforeValidator, WithJsonSchema

from mailcordon.mail.category import DISPLAY_NAMES, Category, Major

T = TypeVar("T")

CategoryKey = tuple[Major, int | None]
"""A major category with one minor number, or with None for all of them."""

_OTHER_NAMES = {"BADH": Major.BAD_HEADER}
_BY_NAME = {
    **{name.upper(): (category.major, category.minor or None) for category, name in DISPLAY_NAMES.items()},
    **{major.name: (major, None) for major in Major},
    **{name: (major, None) for name, major in _OTHER_NAMES.items()},
}


def _category_key(raw: object) -> CategoryKey:
    if isinstance(raw, tuple):
        return raw
    name, comma, minor = str(raw).replace(" ", "").upper().removeprefix("CC_").partition(",")
    if comma and not minor.isdecimal():
        name = ""
    if name.isdecimal() and int(name) <= max(Major):
        found: CategoryKey | None = (Major(int(name)), None)
    else:
        found = _BY_NAME.get(name)
    if found is None or (comma and found[1] is not None):
        raise ValueError(f"{raw!r} is not a contents category such as VIRUS, BADH, or with a minor number SPAMMY,1")
    return (found[0], int(minor)) if comma else found


_SCHEMA_OF_KEY = WithJsonSchema(
    {
        "type": "string",
        "anyOf": [
            {"enum": [*(major.name for major in Major), *_OTHER_NAMES]},
            {"pattern": "^([Cc][Cc]_)?([A-Za-z_]+[0-9]?|[0-9])(, ?[0-9]+)?$"},
        ],
    }
)
ByCategory = dict[
    Annotated[CategoryKey, BeforeValidator(_category_key), _SCHEMA_OF_KEY],
    T,
]
"""Values by category, as they stand in a fragment under keys such as `VIRUS`, `CC_BADH`, `SPAMMY,1`, `9`."""


def value_at(table: Mapping[CategoryKey, T], category: Category) -> T | None:
    """The value for the category with its minor number, else for the major one, else for CATCHALL."""
    for key in ((category.major, category.minor), (category.major, None), (Major.CATCHALL, None)):
        if key in table:
            return table[key]
    return None
