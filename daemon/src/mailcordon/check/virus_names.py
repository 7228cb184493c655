"""What virus scanners call what they have found."""

import re

from mailcordon.mail.category import UNCHECKED_ENCRYPTED, UNCHECKED_OVER_LIMITS, Category, Major
from mailcordon.mail.finding import Finding
from mailcordon.mail.part import Part

_LONGEST_NAME = 200
_DETECTION_INFO = re.compile(r"\([0-9a-f]{32,64}:\d+\)$")
"""`(md5:size)` that `ExtendedDetectionInfo yes` adds to a name of ClamAV's."""
_UNCHECKED = {"Heuristics.Limits.Exceeded": UNCHECKED_OVER_LIMITS, "Heuristics.Encrypted": UNCHECKED_ENCRYPTED}
"""ClamAV reports what it could not look into in the form of a detection (features 2.75, 2.76)."""


def finding_of(name: str, scanner: str, part: Part | None = None) -> Finding:
    """The finding for a name that `scanner` has told."""
    name = _DETECTION_INFO.sub("", printable(name))[:_LONGEST_NAME]
    for start, minor in _UNCHECKED.items():
        if name.startswith(start):
            return Finding(Category(Major.UNCHECKED, minor), name, scanner, part)
    return Finding(Category(Major.VIRUS), name, scanner, part)


def is_virus(finding: Finding) -> bool:
    """Whether it is more than something that could not be looked at."""
    return finding.category.major is Major.VIRUS


def without_repeats(findings: list[Finding]) -> tuple[Finding, ...]:
    """The first finding of each category and name: a message may have thousands of parts with the same virus."""
    first: dict[tuple[Category, str], Finding] = {}
    for finding in findings:
        first.setdefault((finding.category, finding.name), finding)
    return tuple(first.values())


def printable(text: str) -> str:
    """Text that is safe in log lines and header fields."""
    return "".join(character if " " <= character <= "~" else "?" for character in text).strip()
