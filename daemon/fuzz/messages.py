"""What must hold of the splitter, whatever it is given (design rule 5, features 7.10)."""

from mailcordon.mail.category import Major
from mailcordon.mail.part import Part
from mailcordon.unpack import Limits, Structure, decoded, split

LIMITS = Limits(levels=20, parts=200)


def check(octets: bytes) -> Structure:
    """Split `octets`; AssertionError when the tree is not sound."""
    view = memoryview(octets)
    structure = split(view, LIMITS)
    root = structure.root
    assert (root.start, root.end) == (0, len(octets))
    parts = list(root.walk())
    assert len(parts) <= LIMITS.parts
    assert max(part.location.count(".") for part in parts) < LIMITS.levels
    for part in parts:
        _check_part(view, part)
    for finding in structure.findings:
        assert finding.category.major is Major.UNCHECKED
        assert finding.part in parts
        assert finding.name.isprintable()
    assert len({finding.name for finding in structure.findings}) == len(structure.findings)
    return structure


def _check_part(view: memoryview, part: Part) -> None:
    assert part.start <= part.body_start <= part.end <= len(view)
    at = part.body_start
    for number, child in enumerate(part.children, 1):
        assert child.location == f"{part.location}.{number}"
        assert at <= child.start <= child.end <= part.end
        at = child.end
    assert part.content_type == part.content_type.lower()
    assert all(name.isprintable() and len(name) <= 1024 for name in part.names)
    if not part.children:
        assert len(decoded(view, part)) <= part.end - part.body_start
