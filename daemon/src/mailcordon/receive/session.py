"""The SMTP and LMTP dialogue (RFC 5321, RFC 2033) as a state machine: a command line in, a reply out. No I/O."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import NamedTuple

from mailcordon.config.policy import destiny_of_size, size_matters
from mailcordon.config.policy_banks import PolicyBanks, Regime
from mailcordon.config.settings import Settings
from mailcordon.log_levels import NOTICE
from mailcordon.mail.category import Destiny
from mailcordon.mail.envelope import Client, Envelope, Recipient, Session
from mailcordon.mail.reply import Reply
from mailcordon.receive import replies
from mailcordon.receive.addresses import MailArguments, parse_mail, parse_rcpt, plain_recipients
from mailcordon.receive.endpoint import Endpoint
from mailcordon.receive.greeting import capabilities, closing, greeting, host_name
from mailcordon.receive.replies import CommandError, render
from mailcordon.receive.sasl import Credentials, SaslExchange
from mailcordon.receive.xforward import parse_xforward

log = logging.getLogger(__name__)

COMMAND_LINE_LIMIT = 4096
"""Octets of a command line. RFC 5321 asks for 512 and more for each extension; XFORWARD and ORCPT need the most."""

_COMMAND = re.compile(r"([A-Za-z][A-Za-z0-9]{0,31})(?:[ \t]+(.*))?")
_BLANK = re.compile(r"[ \t]")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_HELO_LIMIT = 255
_BEFORE_TLS = frozenset({"EHLO", "LHLO", "NOOP", "QUIT", "STARTTLS"})
"""All that a client may say before STARTTLS where TLS is demanded (B6.10)."""
_BEFORE_AUTH = _BEFORE_TLS | {"AUTH", "HELO", "HELP", "RSET"}
"""The same before AUTH where that is demanded (B6.05)."""
_AUTH_LINE = b"AUTH ..."
"""Stands in the log for lines that may hold a password."""


class Step(Enum):
    """What the transport does once the reply is written."""

    NEXT_COMMAND = auto()
    RECEIVE_DATA = auto()
    """Get a place for the message, answer 354 and take it (RFC 5321 4.1.1.4)."""
    AUTHENTICATE = auto()
    """Check the session's `credentials`, and say what came of it (`authenticated`)."""
    START_TLS = auto()
    """Forget all input that waits, and make the handshake (RFC 3207 4.2)."""
    CLOSE = auto()


class Answer(NamedTuple):
    """The octets to write, and what to do then."""

    octets: bytes
    step: Step = Step.NEXT_COMMAND


@dataclass(slots=True)
class _Transaction:
    arguments: MailArguments
    regime: Regime
    recipients: list[Recipient] = field(default_factory=list)
    refused_recipient: bool = False


class SmtpSession:
    """One connection's dialogue. Whoever owns the transport tells it when a message is done (`message_done`)."""

    def __init__(self, banks: PolicyBanks, endpoint: Endpoint) -> None:
        self._banks = banks
        # The bank of the interface is what the connection falls back to after each message (B4.06).
        self._regime = banks.at_interface(endpoint.local_addr, endpoint.local_port, endpoint.path)
        self._endpoint = endpoint
        self._host = host_name(banks.base, endpoint.local_addr)
        self._protocol = "SMTP"
        self._helo: str | None = None
        self._client = Client()
        self._transaction: _Transaction | None = None
        self._errors = 0
        self._tls_level = self._regime.settings.tls_security_level_in
        self._tls = False
        self._cipher: str | None = None
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
        if self._tls_level != "none":
            self._commands["STARTTLS"] = self._starttls
        self._exchange: SaslExchange | None = None
        self._credentials: Credentials | None = None
        self._user: str | None = None
        if self._regime.settings.auth_mech_avail:
            self._commands["AUTH"] = self._auth

    @property
    def settings(self) -> Settings:
        """What holds for the message in progress, or for the connection between messages."""
        return self._in_force.settings

    @property
    def in_transaction(self) -> bool:
        """Whether a MAIL command was accepted and its message is not done yet."""
        return self._transaction is not None

    @property
    def encrypted(self) -> bool:
        """Whether the connection is under TLS."""
        return self._tls

    @property
    def announced_size(self) -> int:
        """Octets that the client announced for the message in progress, 0 when it did not (RFC 1870)."""
        return (self._transaction.arguments.size or 0) if self._transaction else 0

    @property
    def reply_for_each_recipient(self) -> bool:
        """Whether a message gets one reply for each recipient (RFC 2033 4.2)."""
        return self._protocol == "LMTP"

    def greeting(self) -> bytes:
        """The first line of all (B6.01)."""
        return greeting(self.settings, self._host)

    def command(self, line: bytes) -> Answer:
        """Answer one command line, given without its line end."""
        if self._exchange is not None:
            return self._sasl(self._exchange, line.decode("utf-8", "surrogateescape"))
        try:
            return self._perform(line)
        except CommandError as error:
            return self._error(error.reply, _AUTH_LINE if line[:4].upper() == b"AUTH" else line)

    def recipients(self, octets: bytearray) -> tuple[int, bytes]:
        """Take the RCPT commands that `octets` begin with, as many as `command` would accept without a closer look.

        The length of these commands, and the replies to them; 0 and nothing where that is for `command` to decide.
        """
        transaction = self._transaction
        # Who may give a MAIL command may give this one, too.
        if transaction is None or self._size_matters(transaction):
            return 0, b""
        room = self.settings.smtpd_recipient_limit - len(transaction.recipients)
        found, length = plain_recipients(octets, room) if room > 0 else ([], 0)
        transaction.recipients += found
        return length, replies.recipients_ok(found)

    def line_too_long(self, start: bytes) -> Answer:
        """Answer a line over COMMAND_LINE_LIMIT; `start` is what of it goes into the log."""
        line, self._exchange = (_AUTH_LINE if self._exchange else start), None
        return self._error(replies.LINE_TOO_LONG, line)

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
            auth=given.auth,
        )

    def describe(self) -> Session:
        """How the message in progress reaches us."""
        return Session(
            protocol=self._protocol,
            tls=self._tls,
            cipher=self._cipher,
            helo=self._helo,
            peer_addr=self._endpoint.peer_addr,
            local_addr=self._endpoint.local_addr,
            local_port=self._endpoint.local_port,
            policy_banks=self._in_force.path,
            originating=self._in_force.settings.originating,
            client=self._client,
        )

    @property
    def credentials(self) -> Credentials:
        """What is to be checked after Step.AUTHENTICATE."""
        if self._credentials is None:
            raise RuntimeError("nobody has said who he is")
        return self._credentials

    def authenticated(self, *, accepted: bool) -> Answer:
        """What to answer once the credentials were checked."""
        user, self._credentials = self.credentials.user, None
        if not accepted:
            log.log(NOTICE, "authentication of client %s as %r failed", self._endpoint.client, user)
            return self._error(replies.AUTHENTICATION_FAILED, _AUTH_LINE)
        log.info("client %s authenticated as %r", self._endpoint.client, user)
        self._user = user
        return Answer(render(replies.AUTHENTICATED))

    def message_done(self, *, accepted: bool) -> None:
        """The transaction has its replies. A client that delivers mail may err anew: Postfix keeps its connections."""
        if accepted:
            self._errors = 0
        self.end_transaction()

    def end_transaction(self) -> None:
        """Forget the envelope and its XFORWARD attributes."""
        self._transaction = None
        self._client = Client()

    def tls_started(self, cipher: str) -> None:
        """The connection is encrypted: nothing that was said in clear holds any longer (B6.10, RFC 3207 4.2)."""
        self._tls, self._cipher = True, cipher
        self._protocol, self._helo, self._user = "SMTP", None, None
        self.end_transaction()

    @property
    def _in_force(self) -> Regime:
        return self._transaction.regime if self._transaction else self._regime

    def _perform(self, line: bytes) -> Answer:
        match = _COMMAND.fullmatch(line.decode("utf-8", "surrogateescape").rstrip(" \t"))
        if match is None or _CONTROL.search(line):
            raise CommandError(replies.BAD_SYNTAX)
        verb = match[1].upper()
        command = self._commands.get(verb)
        if command is None:
            raise CommandError(replies.unknown_command(verb))
        if self._tls_level == "encrypt" and not self._tls and verb not in _BEFORE_TLS:
            raise CommandError(replies.TLS_FIRST)
        if self._regime.settings.auth_required_inp and self._user is None and verb not in _BEFORE_AUTH:
            raise CommandError(replies.AUTHENTICATION_REQUIRED)
        return command(match[2] or "")

    def _error(self, reply: Reply, line: bytes) -> Answer:
        self._errors += 1
        log.log(NOTICE, "protocol error of client %s: %s; line: %r", self._endpoint.client, reply, line)
        if self._errors < self._regime.settings.smtpd_hard_error_limit:
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
        starttls = self._tls_level != "none" and not self._tls
        auth = self.settings.auth_mech_avail if self._user is None and self._may_authenticate else ()
        return Answer(capabilities(self.settings, self._host, starttls=starttls, auth=auth))

    @property
    def _may_authenticate(self) -> bool:
        return self._tls or not self._regime.settings.smtpd_tls_auth_only

    def _auth(self, arguments: str) -> Answer:
        mechanism, _, initial = arguments.partition(" ")
        if self._transaction is not None:
            raise CommandError(replies.TRANSACTION_IN_PROGRESS)
        if self._user is not None:
            raise CommandError(replies.AUTHENTICATED_ALREADY)
        if not self._may_authenticate:
            raise CommandError(replies.ENCRYPTION_REQUIRED)
        if mechanism.upper() not in self._regime.settings.auth_mech_avail:
            raise CommandError(replies.UNKNOWN_MECHANISM)
        return self._sasl(SaslExchange(mechanism.upper()), initial.strip(), begin=True)

    def _sasl(self, exchange: SaslExchange, response: str, *, begin: bool = False) -> Answer:
        self._exchange = None
        try:
            result = exchange.begin(response) if begin else exchange.respond(response)
        except CommandError as error:
            # What the client said may be a password.
            return self._error(error.reply, _AUTH_LINE)
        if isinstance(result, Credentials):
            self._credentials = result
            return Answer(b"", Step.AUTHENTICATE)
        self._exchange = exchange
        return Answer(result)

    def _mail(self, arguments: str) -> Answer:
        if self._transaction is not None:
            raise CommandError(replies.NESTED_MAIL)
        given = parse_mail(arguments)
        regime = self._banks.for_mail(self._regime, self._client.addr, given.sender)
        limit = regime.settings.size_limit_for_all
        if limit and given.size is not None and given.size > limit:
            return Answer(render(replies.too_big(given.size)))
        self._transaction = _Transaction(given, regime)
        return Answer(render(Reply(250, "2.1.0", f"Sender <{given.sender}> OK")))

    def _rcpt(self, arguments: str) -> Answer:
        transaction = self._current("RCPT")
        try:
            recipient = parse_rcpt(arguments)
        except CommandError:
            transaction.refused_recipient = True
            raise
        if len(transaction.recipients) >= self.settings.smtpd_recipient_limit:
            transaction.refused_recipient = True
            return Answer(render(replies.TOO_MANY_RECIPIENTS))
        size = transaction.arguments.size or 0
        destiny = Destiny.PASS
        if self._size_matters(transaction):
            destiny = destiny_of_size(self.settings, recipient, size)
        if destiny is not Destiny.PASS:
            if destiny is Destiny.DISCARD:
                # The judge discards it, if the message is as large as announced.
                transaction.recipients.append(recipient)
            else:
                transaction.refused_recipient = True
            return Answer(render(replies.too_big_for_recipient(size, destiny)))
        transaction.recipients.append(recipient)
        return Answer(render(replies.recipient_ok(recipient)))

    def _size_matters(self, transaction: _Transaction) -> bool:
        size = transaction.arguments.size
        # A data base may know of a larger limit: the judge, who asks it, decides then.
        return size is not None and not self._banks.base.lookup_sql_dsn and size_matters(self.settings, size)

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

    def _starttls(self, arguments: str) -> Answer:
        _no_arguments("STARTTLS", arguments)
        if self._tls:
            raise CommandError(replies.TLS_ACTIVE)
        if self._transaction is not None:
            raise CommandError(replies.TRANSACTION_IN_PROGRESS)
        return Answer(render(replies.READY_FOR_TLS), Step.START_TLS)

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
        return Answer(closing(self.settings, self._host), Step.CLOSE)

    def _xforward(self, arguments: str) -> Answer:
        if self._transaction is not None:
            raise CommandError(replies.TRANSACTION_IN_PROGRESS)
        self._client = parse_xforward(arguments, self._client)
        return Answer(render(replies.XFORWARD_OK))


def _no_arguments(verb: str, arguments: str) -> None:
    if arguments:
        raise CommandError(replies.syntax(verb))
