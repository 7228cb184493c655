"""What p0f says of a client's operating system, as text: `Linux 3.11 and newer; dist: 7; link: Ethernet or modem`."""

import re

UNKNOWN = "???"
"""What p0f calls a system that it has seen and does not know."""
LONGEST = 255
"""Characters; the text goes into a header field and into log entries."""

_UNPRINTABLE = re.compile(r"[^ -~]")
_END_OF_NAME = re.compile(r"[,;(\[]")
_NAME = re.compile(r"Windows \S+|\S+")
_NO_PLACE_IN_COUNTERS = re.compile(r"[^0-9A-Za-z:/_+-]")


def one_line(text: str) -> str:
    """The text as one line of printable ASCII, its beginning; a stranger's program wrote it."""
    return _UNPRINTABLE.sub("?", text[:LONGEST]).strip()


def system_name(fingerprint: str) -> str:
    """The system alone, for the name of a counter: without its version, but for those of Windows (B17.05)."""
    name = _NAME.match(_END_OF_NAME.split(fingerprint, maxsplit=1)[0].strip(" \t-"))
    if name is None or name[0].startswith(UNKNOWN):
        return "UNKNOWN"
    return _NO_PLACE_IN_COUNTERS.sub("-", name[0])
