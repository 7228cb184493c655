"""Rules of the administrator for what libmagic says of files (B12.07, features 5.47)."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from mailcordon.config.expressions import compile_expression

ShortType = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_+-]*$")]
"""What stands for a kind of file in rules, without the dot."""


def _checked(pattern: str) -> str:
    compile_expression(pattern)
    return pattern


def _one_or_several(types: object) -> object:
    return [types] if isinstance(types, str) else types


TypeMapping = tuple[
    Annotated[str, AfterValidator(_checked)],
    Annotated[list[ShortType], BeforeValidator(_one_or_several)],
]
"""An expression that is searched for in libmagic's description, and the short types of files that it describes so."""
