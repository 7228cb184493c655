"""The command lines of one connection, out of what its client has sent."""

from typing import NamedTuple

from mailcordon.receive.session import COMMAND_LINE_LIMIT, Answer, SmtpSession

RECIPIENTS_PER_TURN = 8
"""RCPT commands that cost about as much as one command when they are answered together."""
_SHOWN = 80
"""Octets of an endless line that go into the log."""


class Taken(NamedTuple):
    """What was taken from the input."""

    answer: Answer | None
    """None where there is nothing to say to it."""
    turns: int = 1
    """What it has cost, in commands."""
    is_whole: bool = True
    """False for a stretch of a line without end."""


class CommandInput:
    """Has the session answer what comes, line by line."""

    def __init__(self, session: SmtpSession) -> None:
        self._session = session
        self._skipping_line = False

    def take(self, octets: bytearray) -> Taken | None:
        """Take what comes next away from `octets`; None when that is not complete yet."""
        return self._recipients(octets) or self._line(octets)

    def _recipients(self, octets: bytearray) -> Taken | None:
        """All RCPT commands that come next, if they are of the usual form: there may be hundreds of them."""
        if self._skipping_line:
            return None
        length, replies = self._session.recipients(octets)
        if not length:
            return None
        del octets[:length]
        return Taken(Answer(replies), 1 + replies.count(b"\n") // RECIPIENTS_PER_TURN)

    def _line(self, octets: bytearray) -> Taken | None:
        end = octets.find(b"\n", 0, COMMAND_LINE_LIMIT)
        if end < 0:
            return self._endless_line(octets)
        line = bytes(octets[:end]).removesuffix(b"\r")
        del octets[: end + 1]
        if self._skipping_line:
            self._skipping_line = False
            return Taken(None)
        return Taken(self._session.command(line))

    def _endless_line(self, octets: bytearray) -> Taken | None:
        if len(octets) < COMMAND_LINE_LIMIT:
            return None
        start = bytes(octets[:_SHOWN])
        del octets[:COMMAND_LINE_LIMIT]
        self._skipping_line = True
        # Each further stretch of the same line counts as an error again, so that a line without end ends the session.
        return Taken(self._session.line_too_long(start), is_whole=False)
