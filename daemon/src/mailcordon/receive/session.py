"""The SMTP and LMTP dialogue (RFC 5321, RFC 2033) as a state machine: a command line in, a reply out. No I/O."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from mailcordon.config.settings import Settings
from mailcordon.log_levels import NOTICE
from mailcordon.mail.envelope import Client, Envelope, Recipient, Session
from mailcordon.mail.reply import Reply
from mailcordon.receive import replies
from mailcordon.receive.addresses import MailArguments, parse_mail, parse_rcpt
from mailcordon.receive.replies import CommandError, render, render_lines
from mailcordon.receive.xforward import ATTRIBUTES as XFORWARD_ATTRIBUTES
from mailcordon.receive.xforward import parse_xforward

log = logging.getLogger(__name__)

COMMAND_LINE_LIMIT = 4096
"""Octets of a command line. RFC 5321 asks for 512 and more for each extension; XFORWARD and ORCPT need the most."""
ERROR_LIMIT = 20
"""Protocol errors after which a session is ended (B6.15, B21.14)."""

_COMMAND = re.compile(r"([A-Za-z][A-Za-z0-9]{0,31})(?:[ \t]+(.*))?")
_BLANK = re.compile(r"[ \t]")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_HELO_LIMIT = 255
_NOT_IMPLEMENTED = frozenset(
    {"AUTH", "BDAT", "BURL", "ETRN", "EXPN", "SAML", "SEND", "SOML", "STARTTLS", "TURN", "XCLIENT"}
)


class Step(Enum):
    """What the transport does once the reply is written."""

    NEXT_COMMAND = auto()
    RECEIVE_DATA = auto()
    """Get a place for the message, answer 354 and take it (RFC 5321 4.1.1.4)."""
    CLOSE = auto()


@dataclass(frozen=True, slots=True)
class Answer:
    """The octets to write, and what to do then."""

    octets: bytes
    step: Step = Step.NEXT_COMMAND


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Addresses of the connection; all None on a unix socket."""

    peer_addr: str | None = None
    local_addr: str | None = None
    local_port: int | None = None


@dataclass(slots=True)
class _Transaction:
    arguments: MailArguments
    recipients: list[Recipient] = field(default_factory=list)
    refused_recipient: bool = False


class SmtpSession:
    """One connection's dialogue. Whoever owns the transport tells it when a message is done (`end_transaction`)."""

    def __init__(self, settings: Settings, endpoint: Endpoint) -> None:
        self._settings = settings
        self._endpoint = endpoint
        self._host = _host_name(settings, endpoint.local_addr)
        self._protocol = "SMTP"
        self._helo: str | None = None
        self._client = Client()
        self._transaction: _Transaction | None = None
        self._errors = 0
        self._commands: dict[str, Callable[[str], Answer]] = {
            "HELO": self._helo_command,
            "EHLO": self._ehlo_command,
            "LHLO": self._lhlo_command,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "RSET": self._rset,
            "NOOP": self._noop,
            "VRFY": self._vrfy,
            "HELP": self._help,
            "QUIT": self._quit,
            "XFORWARD": self._xforward,
        }

    @property
    def in_transaction(self) -> bool:
        """Whether a MAIL command was accepted and its message is not done yet."""
        return self._transaction is not None

    @property
    def reply_for_each_recipient(self) -> bool:
        """Whether a message gets one reply for each recipient (RFC 2033 4.2)."""
        return self._protocol == "LMTP"

    def greeting(self) -> bytes:
        """The first line of all (B6.01)."""
        return render(Reply(220, "", f"{self._host} ESMTP {self._settings.myproduct_name} service ready"))

    def command(self, line: bytes) -> Answer:
        """Answer one command line, given without its line end."""
        try:
            return self._perform(line)
        except CommandError as error:
            return self._error(error.reply, line)

    def line_too_long(self, start: bytes) -> Answer:
        """Answer a line over COMMAND_LINE_LIMIT; `start` is what of it goes into the log."""
        return self._error(replies.LINE_TOO_LONG, start)

    def envelope(self) -> Envelope:
        """The envelope of the transaction in progress."""
        transaction = self._current("DATA")
        given = transaction.arguments
        return Envelope(
            sender=given.sender,
            recipients=tuple(transaction.recipients),
            body_type=given.body_type,
            smtputf8=given.smtputf8,
            ret=given.ret,
            envid=given.envid,
        )

    def describe(self) -> Session:
        """How the message in progress reaches us."""
        return Session(
            protocol=self._protocol,
            helo=self._helo,
            peer_addr=self._endpoint.peer_addr,
            local_addr=self._endpoint.local_addr,
            local_port=self._endpoint.local_port,
            client=self._client,
        )

    def end_transaction(self) -> None:
        """The message is done, or given up: forget its envelope and its XFORWARD attributes."""
        self._transaction = None
        self._client = Client()

    def _perform(self, line: bytes) -> Answer:
        match = _COMMAND.fullmatch(line.decode("utf-8", "surrogateescape").rstrip(" \t"))
        if match is None or _CONTROL.search(line):
            raise CommandError(replies.BAD_SYNTAX)
        verb = match[1].upper()
        command = self._commands.get(verb)
        if command is None:
            unknown = replies.not_implemented if verb in _NOT_IMPLEMENTED else replies.not_recognized
            raise CommandError(unknown(verb))
        return command(match[2] or "")

    def _error(self, reply: Reply, line: bytes) -> Answer:
        self._errors += 1
        log.log(NOTICE, "protocol error of client %s: %s; line: %r", self._endpoint.peer_addr or "-", reply, line)
        if self._errors < ERROR_LIMIT:
            return Answer(render(reply))
        return Answer(render(reply) + render(replies.TOO_MANY_ERRORS), Step.CLOSE)

    def _current(self, command: str) -> _Transaction:
        if self._transaction is None:
            raise CommandError(replies.need_mail(command))
        return self._transaction

    def _greet(self, protocol: str, verb: str, arguments: str) -> None:
        if not arguments:
            raise CommandError(replies.syntax(f"{verb} hostname"))
        self.end_transaction()
        self._protocol = protocol
        self._helo = _BLANK.split(arguments, 1)[0][:_HELO_LIMIT]

    def _helo_command(self, arguments: str) -> Answer:
        self._greet("SMTP", "HELO", arguments)
        return Answer(render(Reply(250, "", self._host)))

    def _ehlo_command(self, arguments: str) -> Answer:
        self._greet("ESMTP", "EHLO", arguments)
        return self._capabilities()

    def _lhlo_command(self, arguments: str) -> Answer:
        self._greet("LMTP", "LHLO", arguments)
        return self._capabilities()

    def _capabilities(self) -> Answer:
        limit = self._settings.message_size_limit
        lines = [
            self._host,
            "VRFY",
            "PIPELINING",
            f"SIZE {limit}" if limit else "SIZE",
            "ENHANCEDSTATUSCODES",
            "8BITMIME",
            "SMTPUTF8",
            "DSN",
            f"XFORWARD {XFORWARD_ATTRIBUTES}",
        ]
        return Answer(render_lines(250, [line.encode() for line in lines]))

    def _mail(self, arguments: str) -> Answer:
        if self._transaction is not None:
            raise CommandError(replies.NESTED_MAIL)
        given = parse_mail(arguments)
        limit = self._settings.message_size_limit
        if limit and given.size is not None and given.size > limit:
            return Answer(render(replies.too_big(given.size)))
        self._transaction = _Transaction(given)
        return Answer(render(Reply(250, "2.1.0", f"Sender <{given.sender}> OK")))

    def _rcpt(self, arguments: str) -> Answer:
        transaction = self._current("RCPT")
        try:
            recipient = parse_rcpt(arguments)
        except CommandError:
            transaction.refused_recipient = True
            raise
        if len(transaction.recipients) >= self._settings.smtpd_recipient_limit:
            transaction.refused_recipient = True
            return Answer(render(replies.TOO_MANY_RECIPIENTS))
        transaction.recipients.append(recipient)
        return Answer(render(Reply(250, "2.1.5", f"Recipient <{recipient.address}> OK")))

    def _data(self, arguments: str) -> Answer:
        _no_arguments("DATA", arguments)
        transaction = self._current("DATA")
        if transaction.recipients:
            return Answer(b"", Step.RECEIVE_DATA)
        if not transaction.refused_recipient:
            raise CommandError(replies.NEED_RCPT)
        # RFC 2033 4.2 wants 503 here, RFC 5321 3.3 554.
        lmtp = self.reply_for_each_recipient
        raise CommandError(replies.NO_VALID_RECIPIENTS_LMTP if lmtp else replies.NO_VALID_RECIPIENTS)

    def _rset(self, arguments: str) -> Answer:
        _no_arguments("RSET", arguments)
        self.end_transaction()
        return Answer(render(replies.RSET_OK))

    def _noop(self, _arguments: str) -> Answer:
        return Answer(render(replies.NOOP_OK))

    def _vrfy(self, arguments: str) -> Answer:
        if not arguments:
            raise CommandError(replies.syntax("VRFY address"))
        return Answer(render(replies.VRFY_OK))

    def _help(self, _arguments: str) -> Answer:
        return Answer(render(Reply(214, "2.0.0", f"Commands: {' '.join(self._commands)}")))

    def _quit(self, arguments: str) -> Answer:
        _no_arguments("QUIT", arguments)
        text = f"{self._host} {self._settings.myproduct_name} closing transmission channel"
        return Answer(render(Reply(221, "2.0.0", text)), Step.CLOSE)

    def _xforward(self, arguments: str) -> Answer:
        if self._transaction is not None:
            raise CommandError(replies.TRANSACTION_IN_PROGRESS)
        self._client = parse_xforward(arguments, self._client)
        return Answer(render(replies.XFORWARD_OK))


def _no_arguments(verb: str, arguments: str) -> None:
    if arguments:
        raise CommandError(replies.syntax(verb))


def _host_name(settings: Settings, local_addr: str | None) -> str:
    """The bracketed local address, or our name where there is none."""
    if local_addr is None:
        return settings.localhost_name
    return f"[IPv6:{local_addr}]" if ":" in local_addr else f"[{local_addr}]"
