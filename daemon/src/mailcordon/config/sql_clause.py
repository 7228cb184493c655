"""The statements of `sql_clause`: an administrator's own, with placeholders that are checked before they take effect
(contracts B2.16 to B2.25, features 5.49)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import AfterValidator

ClauseName = Literal[
    "sel_policy",
    "sel_wblist",
    "sel_adr",
    "ins_adr",
    "ins_msg",
    "upd_msg",
    "ins_rcp",
    "ins_quar",
    "sel_quar",
    "sel_msg",
    "sel_penpals",
    "sel_penpals_msgid",
]
QUESTION_MARKS: Mapping[ClauseName, tuple[int, ...]] = {
    "sel_policy": (0,),
    "sel_wblist": (1,),
    "sel_adr": (2,),
    "ins_adr": (3,),
    "ins_msg": (11,),
    "upd_msg": (12,),
    "ins_rcp": (12,),
    "ins_quar": (4,),
    "sel_quar": (2,),
    "sel_msg": (1,),
    "sel_penpals": (2,),
    "sel_penpals_msgid": (2,),
}
"""How many values each statement is given."""
_LISTS = {"%k": "sel_policy sel_wblist", "%m": "sel_penpals_msgid"}
_OF_ADDRESS = frozenset({"%k", "%a", "%l", "%u", "%e", "%d"})
# Literals, quoted names and comments first: what stands in them is no placeholder.
_TOKEN = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|--[^\n]*|/\*.*?\*/|(?P<mark>\?)|(?P<macro>%[A-Za-z])|(?P<stray>%)|[^'"`?%/-]+|.""",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Clause:
    """A statement in pieces: text, `?`, and `%k` and its like."""

    pieces: tuple[str, ...]
    places: tuple[int, ...] = field(default=())
    """Indexes of the pieces that are placeholders."""

    @classmethod
    def parse(cls, text: str) -> "Clause":
        """Raises ValueError for a `%` outside of a literal that begins no placeholder."""
        pieces: list[str] = [""]
        places: list[int] = []
        for match in _TOKEN.finditer(text):
            if match["mark"] or match["macro"]:
                places.append(len(pieces))
                pieces += [match.group(), ""]
            elif match["stray"]:
                raise ValueError("a % outside of a literal must begin a placeholder such as %k")
            else:
                pieces[-1] += match.group()
        return cls(tuple(pieces), tuple(places))

    @property
    def placeholders(self) -> list[str]:
        """In the order of the statement."""
        return [self.pieces[place] for place in self.places]

    def bound(
        self, values: Sequence[object], lists: Mapping[str, Sequence[object]], mark: str
    ) -> tuple[str, tuple[object, ...]]:
        """The statement for a driver whose placeholder is `mark`, and its values in order.

        Each `?` takes the next of `values`; what `lists` has for a macro becomes as many placeholders. An empty list
        becomes NULL, which equals nothing.
        """
        text: list[str] = []
        bound: list[object] = []
        rest = iter(values)
        for number, piece in enumerate(self.pieces):
            if number not in self.places:
                text.append(piece.replace("%", "%%") if mark == "%s" else piece)
            elif piece == "?":
                text.append(mark)
                bound.append(next(rest))
            else:
                found = lists[piece]
                text.append(", ".join([mark] * len(found)) or "NULL")
                bound += found
        return "".join(text), tuple(bound)

    def text(self, mark: str) -> str:
        """The statement for a driver whose placeholder is `mark`, where all placeholders are `?`."""
        return self.bound([None] * len(self.places), {}, mark)[0]


def check_clauses(clauses: dict[ClauseName, str]) -> dict[ClauseName, str]:
    """Raises ValueError for a statement whose placeholders are not those that it is given values for."""
    for name, text in clauses.items():
        try:
            found = Clause.parse(text).placeholders
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        marks = found.count("?")
        if marks not in QUESTION_MARKS[name]:
            (wanted,) = QUESTION_MARKS[name]
            raise ValueError(f"{name}: has {marks} placeholders ? where {wanted} values are given")
        macros = {piece for piece in found if piece != "?"}
        known = _OF_ADDRESS if name in _LISTS["%k"].split() else {"%m"} if name in _LISTS["%m"].split() else frozenset()
        if macros - known:
            raise ValueError(f"{name}: {', '.join(sorted(macros - known))} means nothing there")
        if known and not macros:
            raise ValueError(
                f"{name}: has no {min(known & _LISTS.keys())}, so that it would find the same for everybody"
            )
    return clauses


SqlClauses = Annotated[dict[ClauseName, str], AfterValidator(check_clauses)]
