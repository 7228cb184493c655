"""The header section of the message that a bounce is about, as the bounce has it (contract B16.05)."""

import re

MOST_OCTETS = 64 * 1024
"""Of a part, without its transfer encoding, that are looked at: bounces are made by anybody."""
MOST_LINES = 1000
MOST_LINES_OF_TEXT = 200
LONGEST_ID = 998

_FIELD = re.compile(rb"([A-Za-z0-9._-]{1,60})[ \t]*:(.*)", re.DOTALL)
_WANTED = frozenset(
    name.encode()
    for name in (
        "from",
        "to",
        "return-path",
        "message-id",
        "date",
        "received",
        "subject",
        "mime-version",
        "content-type",
    )
)
_ID = b"message-id"
_LEAST_WITH_ID, _LEAST_WITHOUT_ID = 3, 5


def bounced_message_id(octets: bytes, *, is_text: bool) -> str | None:
    """The Message-ID of the header section that `octets` begin with, or, if they are text for people, hold.

    Empty if the header section has none; None if there is no header section, or too little of one to be sure.
    """
    lines = octets[:MOST_OCTETS].split(b"\n", MOST_LINES_OF_TEXT if is_text else MOST_LINES)
    found = _Fields()
    for line in lines[: MOST_LINES_OF_TEXT if is_text else MOST_LINES]:
        text = line.rstrip(b"\r")
        if is_text:
            text = text.removeprefix(b">").removeprefix(b" ") if text.startswith(b">") else text
        if text.strip():
            found.add(text)
        elif found.are_enough:
            break
        elif is_text:
            found = _Fields()
        elif found.names:
            break
    return found.message_id.decode("utf-8", "surrogateescape").strip() if found.are_enough else None


class _Fields:
    """Those of one header section, or paragraph."""

    def __init__(self) -> None:
        self.names: set[bytes] = set()
        self.message_id = b""
        self._is_id = False

    def add(self, line: bytes) -> None:
        """A line, which may go on with the field before it. The first Message-ID counts."""
        if line[:1] in (b" ", b"\t"):
            if self._is_id:
                self.message_id = (self.message_id + line)[:LONGEST_ID]
            return
        self._is_id = False
        match = _FIELD.match(line)
        if match is None:
            return
        name = match.group(1).lower()
        if name in _WANTED:
            if name == _ID and name not in self.names:
                self.message_id, self._is_id = match.group(2)[:LONGEST_ID], True
            self.names.add(name)

    @property
    def are_enough(self) -> bool:
        """Whether this is a header section, and not what somebody wrote about one."""
        least = _LEAST_WITH_ID if _ID in self.names else _LEAST_WITHOUT_ID
        return b"from" in self.names and len(self.names) >= least
