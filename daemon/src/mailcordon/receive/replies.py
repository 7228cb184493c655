"""The replies of the server (contracts B6.01 to B6.07) and their form on the wire."""

import re
from collections.abc import Sequence

from mailcordon.errors import ProtocolError
from mailcordon.mail.category import Destiny
from mailcordon.mail.envelope import Recipient
from mailcordon.mail.reply import Reply

LINE_LIMIT = 512
"""Octets of a reply line, CR LF included (RFC 5321 4.5.3.1.5)."""

_LINE_BREAK = re.compile(r"[\r\n]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

_NOT_IMPLEMENTED = frozenset(
    {"AUTH", "BDAT", "BURL", "ETRN", "EXPN", "SAML", "SEND", "SOML", "STARTTLS", "TURN", "XCLIENT"}
)

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
READY_FOR_TLS = Reply(220, "2.0.0", "Ready to start TLS")
TLS_ACTIVE = Reply(554, "5.5.1", "Error: TLS already active")
TLS_FIRST = Reply(530, "5.7.0", "Must issue a STARTTLS command first")
TRANSACTION_IN_PROGRESS = Reply(503, "5.5.1", "Error: transaction in progress")
AUTHENTICATED = Reply(235, "2.7.0", "Authentication succeeded")
AUTHENTICATION_FAILED = Reply(535, "5.7.8", "Error: authentication failed")
AUTHENTICATION_REQUIRED = Reply(530, "5.7.0", "Authentication required")
AUTHENTICATED_ALREADY = Reply(503, "5.5.1", "Error: already authenticated")
ENCRYPTION_REQUIRED = Reply(538, "5.7.11", "Encryption required for authentication")
UNKNOWN_MECHANISM = Reply(504, "5.5.4", "Error: authentication mechanism not offered")
BAD_SASL_RESPONSE = Reply(501, "5.5.2", "Error: bad authentication response")
SASL_CANCELLED = Reply(501, "5.7.0", "Authentication aborted")
BARE_NEWLINE = Reply(550, "5.5.2", "Error: bare <CR> or <LF> received")
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "Too many recipients")
TOO_MANY_ERRORS = Reply(421, "4.7.0", "Error: too many errors, closing channel")
TIMEOUT = Reply(421, "4.4.2", "Error: timeout exceeded, closing channel")
TOO_BUSY = Reply(452, "4.3.1", "Error: too many messages at a time, try again later")
MAKING_ROOM = Reply(421, "4.3.2", "Too many connections, closing an idle one")
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


def recipient_ok(recipient: Recipient) -> Reply:
    """The recipient is accepted."""
    return Reply(250, "2.1.5", f"Recipient <{recipient.address}> OK")


def recipients_ok(recipients: Sequence[Recipient]) -> bytes:
    """What `render` makes of `recipient_ok` for each; the addresses are short and hold no special characters."""
    return "".join([f"250 2.1.5 Recipient <{recipient.address}> OK\r\n" for recipient in recipients]).encode("ascii")


def need_mail(command: str) -> Reply:
    """RCPT or DATA outside of a transaction."""
    return Reply(503, "5.5.1", f"Need MAIL command before {command}")


def unknown_command(verb: str) -> Reply:
    """A command that nobody knows, or one of SMTP's that is not offered here (RFC 5321 4.2.4)."""
    if verb in _NOT_IMPLEMENTED:
        return Reply(502, "5.5.1", f"Error: command {verb} not implemented")
    return Reply(500, "5.5.2", f"Error: command {verb} not recognized")


def too_big(size: int) -> Reply:
    """A message of `size` octets is over the limit (B6.06)."""
    return Reply(552, "5.3.4", f"Message size ({size} B) exceeds size limit")


def too_big_for_recipient(size: int, destiny: Destiny) -> Reply:
    """A message of `size` octets is over the limit of this recipient, with that destiny (B6.06)."""
    code = {Destiny.DISCARD: 250, Destiny.TEMPFAIL: 452}.get(destiny, 552)
    text = f"Message size ({size} B) exceeds recipient's size limit"
    return Reply(code, f"{code // 100}.3.4", f"{text}, to be discarded" if destiny is Destiny.DISCARD else text)


def processing_failed(log_id: str, reason: str) -> Reply:
    """The message was not taken because of `reason`; the client keeps it (B6.07)."""
    return Reply(451, "4.5.0", f"Error in processing, id={log_id}, {reason}")


def storage_full(log_id: str, reason: str) -> Reply:
    """There is no room for the message at the moment; the client keeps it (RFC 3463 X.3.1)."""
    return Reply(452, "4.3.1", f"Insufficient system storage, id={log_id}, {reason}")


def render(reply: Reply) -> bytes:
    """The octets of a reply: line breaks in its text and lengths over the limit give several lines (B5.11)."""
    enhanced = f"{reply.enhanced} " if reply.enhanced else ""
    room = LINE_LIMIT - len(f"{reply.code} {enhanced}\r\n")
    if len(reply.text) <= room and reply.text.isascii() and reply.text.isprintable():
        return f"{reply.code} {enhanced}{reply.text}\r\n".encode()
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
