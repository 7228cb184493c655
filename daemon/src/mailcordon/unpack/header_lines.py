"""Whether all readers agree on where the header section of a part ends, and on which fields are in it (B13.05)."""

import re

# First and further lines of fields, some hundred at a time: a repetition without end would cost memory for each.
_SOUND_LINES = re.compile(
    rb"(?:(?:[^\x00-\x20:\x7f][^\x00\r\n:]*+:[^\x00\r\n]*+|[ \t]++[^\x00\r\n]++)(?:\r?\n|\Z)){1,500}"
)


def header_problem(octets: memoryview, start: int, end: int) -> str | None:
    """What readers may understand differently in the header section between `start` and `end`; None for nothing.

    The empty line behind it belongs to it. Costs linear time.
    """
    at = start
    if octets[start:end][:1].tobytes() not in (b" ", b"\t"):
        while match := _SOUND_LINES.match(octets, at, end):
            at = match.end()
    line = bytes(octets[at:end]).partition(b"\n")[0].removesuffix(b"\r")
    if not line:
        return None
    if b"\0" in line:
        return "NUL in a header section"
    if b"\r" in line:
        return "bare CR in a header section"
    if not line.strip():
        return "line of white space in a header section"
    return "line that is no field in a header section"
