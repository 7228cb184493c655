"""Puts what a decoder process told into the tree of parts."""

from collections.abc import Callable, Mapping
from pathlib import Path

from mailcordon.errors import ProtocolError
from mailcordon.mail.category import (
    UNCHECKED_AMBIGUOUS,
    UNCHECKED_ENCRYPTED,
    UNCHECKED_OVER_LIMITS,
    Category,
    Major,
)
from mailcordon.mail.finding import Finding
from mailcordon.mail.part import UNDECIPHERABLE, Part
from mailcordon.unpack.job import Looked, Member, Opened, Problem, ProblemKind

SOURCE = "unpack"

_MINOR = {
    ProblemKind.ENCRYPTED: UNCHECKED_ENCRYPTED,
    ProblemKind.OVER_LIMITS: UNCHECKED_OVER_LIMITS,
    ProblemKind.AMBIGUOUS: UNCHECKED_AMBIGUOUS,
}


def add_opened(parts: Mapping[str, Part], opened: Opened, holds: Callable[[Path], bool]) -> tuple[Finding, ...]:
    """Members become children of the parts they came from, by location in `parts`; problems become findings.

    `holds` tells whether a file is really one of the message's. Raises ProtocolError when the decoder process told of
    something that cannot be; what came before it is in the tree then.
    """
    known = dict(parts)
    for member in opened.members:
        _add_member(known, member, holds)
    for looked in opened.looked:
        _describe(known, looked)
    for problem in opened.problems:
        part = known.get(problem.location)
        if problem.kind is ProblemKind.UNREADABLE and part is not None and UNDECIPHERABLE not in part.attributes:
            part.attributes += UNDECIPHERABLE
    return findings_of(opened.problems, known)


def findings_of(problems: tuple[Problem, ...], parts: Mapping[str, Part]) -> tuple[Finding, ...]:
    """One of each kind is enough: the number of them is under the sender's control."""
    found: dict[tuple[ProblemKind, str], Finding] = {}
    for problem in problems:
        part = parts.get(problem.location)
        category = Category(Major.UNCHECKED, _MINOR.get(problem.kind, 0))
        found.setdefault((problem.kind, problem.text), Finding(category, problem.text, SOURCE, part))
    return tuple(found.values())


def _add_member(known: dict[str, Part], member: Member, holds: Callable[[Path], bool]) -> None:
    parent = known.get(member.location.rpartition(".")[0])
    if parent is None or member.location in known or (member.file is not None and not holds(member.file)):
        raise ProtocolError("a decoder process told of a member that cannot be")
    part = Part(
        member.location,
        0,
        0,
        0,
        content_type=member.content_type or "",
        encoding="binary",
        names=(member.name,) if member.name else (),
        is_member=True,
        attributes=member.attributes,
        size=member.size,
        file=member.file,
    )
    parent.children.append(part)
    known[member.location] = part


def _describe(known: Mapping[str, Part], looked: Looked) -> None:
    part = known.get(looked.location)
    if part is None:
        raise ProtocolError("a decoder process looked at a part that is not there")
    part.short_types, part.full_type = looked.short_types, looked.full_type
    part.attributes += "".join(letter for letter in looked.attributes if letter not in part.attributes)
