"""The replies of the server (contracts B6.01 to B6.07) and their form on the wire."""

import re
from collections.abc import Sequence

from mailcordon.errors import ProtocolError
from mailcordon.mail.reply import Reply

LINE_LIMIT = 512
"""Octets of a reply line, CR LF included (RFC 5321 4.5.3.1.5)."""

_LINE_BREAK = re.compile(r"[\r\n]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

START_DATA = Reply(354, "", "End data with <CR><LF>.<CR><LF>")
NOOP_OK = Reply(250, "2.0.0", "Ok NOOP")
RSET_OK = Reply(250, "2.0.0", "Ok RSET")
XFORWARD_OK = Reply(250, "2.5.0", "Ok XFORWARD")
VRFY_OK = Reply(252, "2.0.0", "Argument not checked")
BAD_SYNTAX = Reply(500, "5.5.2", "Error: bad syntax")
LINE_TOO_LONG = Reply(500, "5.5.2", "Error: line too long")
NESTED_MAIL = Reply(503, "5.5.1", "Error: nested MAIL command")
NEED_RCPT = Reply(503, "5.5.1", "Need RCPT command before DATA")
NO_VALID_RECIPIENTS = Reply(554, "5.1.1", "Error (DATA): no valid recipients")
NO_VALID_RECIPIENTS_LMTP = Reply(503, "5.1.1", "Error (DATA): no valid recipients")
TRANSACTION_IN_PROGRESS = Reply(503, "5.5.1", "Error: transaction in progress")
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "Too many recipients")
TOO_MANY_ERRORS = Reply(421, "4.7.0", "Error: too many errors, closing channel")
TIMEOUT = Reply(421, "4.4.2", "Error: timeout exceeded, closing channel")
SHUTTING_DOWN = Reply(421, "4.3.2", "Service shutting down, closing channel")


class CommandError(ProtocolError):
    """A command that is not allowed; carries the reply to it."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        super().__init__(str(reply))


def syntax(form: str) -> Reply:
    """The arguments of a command are not of the given form."""
    return Reply(501, "5.5.2", f"Syntax: {form}")


def bad_parameter(text: str) -> Reply:
    """A parameter has a value that it cannot have."""
    return Reply(501, "5.5.4", f"Error: {text}")


def unrecognized_parameter(command: str, name: str) -> Reply:
    """A parameter that was not offered (RFC 5321 4.1.1.11)."""
    return Reply(555, "5.5.4", f"{command} parameter {name} unrecognized")


def need_mail(command: str) -> Reply:
    """RCPT or DATA outside of a transaction."""
    return Reply(503, "5.5.1", f"Need MAIL command before {command}")


def not_recognized(command: str) -> Reply:
    """Nobody knows this command."""
    return Reply(500, "5.5.2", f"Error: command {command} not recognized")


def not_implemented(command: str) -> Reply:
    """SMTP knows this command, we do not offer it."""
    return Reply(502, "5.5.1", f"Error: command {command} not implemented")


def too_big(size: int) -> Reply:
    """A message of `size` octets is over the limit (B6.06)."""
    return Reply(552, "5.3.4", f"Message size ({size} B) exceeds size limit")


def processing_failed(log_id: str, reason: str) -> Reply:
    """The message was not taken because of `reason`; the client keeps it (B6.07)."""
    return Reply(451, "4.5.0", f"Error in processing, id={log_id}, {reason}")


def render(reply: Reply) -> bytes:
    """The octets of a reply: line breaks in its text and lengths over the limit give several lines (B5.11)."""
    enhanced = f"{reply.enhanced} " if reply.enhanced else ""
    room = LINE_LIMIT - len(f"{reply.code} {enhanced}\r\n")
    lines = [
        enhanced.encode() + piece
        for line in _LINE_BREAK.split(reply.text)
        for piece in _wrap(_CONTROL.sub("?", line).encode("utf-8", "surrogateescape"), room)
    ]
    return render_lines(reply.code, lines)


def render_lines(code: int, lines: Sequence[bytes]) -> bytes:
    """A reply of several lines, as for EHLO."""
    head = str(code).encode()
    return b"".join([*(b"%b-%b\r\n" % (head, line) for line in lines[:-1]), b"%b %b\r\n" % (head, lines[-1])])


def _wrap(text: bytes, room: int) -> list[bytes]:
    pieces = []
    while len(text) > room:
        at = text.rfind(b" ", 1, room + 1)
        if at < 0:
            # No place to break: cut, but never inside of a UTF-8 character.
            at = room
            while at > room - 4 and text[at] & 0xC0 == 0x80:
                at -= 1
        pieces.append(text[:at])
        text = text[at:].lstrip(b" ")
    return [*pieces, text]
