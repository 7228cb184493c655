"""Talks AM.PDP to the daemon, for the commands that release mail from quarantine (B1.38)."""

import grp
import os
import re
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mailcordon.config.load import ADMIN_DIRECTORY, load
from mailcordon.config.policy_banks import PolicyBanks
from mailcordon.config.settings import Settings
from mailcordon.errors import ConfigError, ProtocolError
from mailcordon.receive.ampdp_codec import Attribute, RequestParser, decode, encode_response

ENVIRONMENT = "MAILCORDON_SOCKET"
USUAL_SOCKETS = ("/var/lib/mailcordon/amavisd.sock", "/run/mailcordon/release.sock")
"""Of the daemon's own group, and of accounts that may release mail and read nothing."""
TIMEOUT = 900.0
"""Seconds for one answer: the next hop may take its time."""

_HOST_PORT = re.compile(r"\[?([^\[\]/]+)\]?:(\d{1,5})")
_REPLY = re.compile(r"([2-5]\d\d)\b.*", re.DOTALL)
_ARGUMENT = re.compile(r"((?:[^/]*/)*)([A-Za-z0-9][A-Za-z0-9_+-]*={0,2})(\.gz)?")
_KNOWN_PREFIX = re.compile(r"(?:virus|spam|banned|badh|bad-header|unchecked|clean|archive)[-_]")
_ANY_PREFIX = re.compile(r"[A-Za-z0-9]+[-_]")
_USUAL_LENGTH = 12
_TAG = re.compile(r"(.*)\[([^\]]*)\]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one line or one call of the command asks for."""

    mail_id: str
    mail_file: str
    secret_id: str | None = None
    partition_tag: str | None = None
    quar_type: str | None = None
    recipients: tuple[str, ...] = ()

    def attributes(self, kind: str) -> list[tuple[str, str]]:
        """Those of the request, in the order of amavisd-release."""
        optional = [
            ("secret_id", self.secret_id),
            ("quar_type", self.quar_type),
            ("mail_file", self.mail_file),
            ("partition_tag", self.partition_tag),
        ]
        return [
            ("request", kind),
            ("mail_id", self.mail_id),
            *((name, value) for name, value in optional if value),
            *(("recipient", recipient) for recipient in self.recipients),
        ]


def wanted(words: Sequence[str]) -> Wanted:
    """Read `mail_file [secret_id [recipient ...]]`. Raises ProtocolError."""
    text, rest = words[0], list(words[1:])
    tag = None
    match = _TAG.fullmatch(text)
    if match is not None:
        text, tag = match[1], match[2]
    parsed = _ARGUMENT.fullmatch(text)
    if parsed is None:
        raise ProtocolError(f"{words[0]!r} names no mail in quarantine")
    directory, name, packed = parsed.groups()
    secret = None
    if rest and "@" not in rest[0]:
        secret = rest.pop(0) or None
    quar_type = "Z" if packed else "F" if directory else None
    return Wanted(_mail_id(name), text, secret, tag, quar_type, tuple(rest))


def _mail_id(name: str) -> str:
    """The id in the name of a file such as `spam-kg2P0rP9Lpu3`; ids may hold `-` and `_` themselves (B10.07)."""
    prefix = _KNOWN_PREFIX.match(name)
    other = _ANY_PREFIX.match(name)
    if prefix is None and other is not None and len(name) - other.end() == _USUAL_LENGTH:
        prefix = other
    return name[prefix.end() :] if prefix else name


def socket_name(given: str | None, directories: tuple[Path, ...]) -> str:
    """Where the daemon listens: as said, by the environment, by the configuration, or the usual place."""
    name = given or os.environ.get(ENVIRONMENT)
    if name:
        return name
    try:
        return _configured(load(directories or (ADMIN_DIRECTORY,)).settings) or USUAL_SOCKETS[0]
    except ConfigError:
        # Who may use the socket need not be able to read the configuration.
        return usual(USUAL_SOCKETS)


def usual(paths: Sequence[str]) -> str:
    """The first one that this account may write to, else one that it can see."""
    usable = [path for path in paths if os.access(path, os.W_OK)]
    visible = [path for path in paths if os.path.lexists(path)]
    return (usable or visible or list(paths))[0]


def who_may(name: str) -> str:
    """For whom a socket is that refuses us, as far as this account can see."""
    try:
        return f"; members of the group {grp.getgrgid(os.lstat(name).st_gid).gr_name} may"
    except (OSError, KeyError):
        return ""


def _configured(settings: Settings) -> str | None:
    banks = PolicyBanks(settings)
    for path in settings.unix_socketname:
        if banks.at_interface(None, None, str(path)).settings.protocol == "AM.PDP":
            return str(path)
    return None


class PolicyClient:
    """A connection to the daemon."""

    def __init__(self, name: str) -> None:
        """`name`: path of a unix socket, or HOST:PORT. Raises OSError."""
        match = None if name.startswith("/") else _HOST_PORT.fullmatch(name)
        if match is not None:
            self._socket = socket.create_connection((match[1], int(match[2])), TIMEOUT)
        else:
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(TIMEOUT)
            self._socket.connect(name)

    def ask(self, attributes: Iterable[tuple[str, str]]) -> list[Attribute]:
        """The attributes of the answer. Raises OSError, and ProtocolError for what is no answer."""
        self._socket.sendall(encode_response(attributes))
        parser = RequestParser()
        while True:
            answer, more = parser.next_request()
            if answer is not None:
                return answer
            if more:
                continue
            octets = self._socket.recv(64 * 1024)
            if not octets:
                raise ProtocolError("the daemon closed the connection without an answer")
            parser.feed(octets)

    def close(self) -> None:
        """Take leave."""
        self._socket.close()


def replies_in(answer: Iterable[Attribute]) -> list[str]:
    """The SMTP replies of an answer as text."""
    return [
        " ".join(decode(field).decode("utf-8", "replace") for field in value.split(b" "))
        for name, value in answer
        if name == "setreply"
    ]


def succeeded(replies: Sequence[str]) -> bool:
    """Whether all went well: there are replies, and each of them is a 2xx."""
    return bool(replies) and all(_REPLY.fullmatch(reply) and reply.startswith("2") for reply in replies)
