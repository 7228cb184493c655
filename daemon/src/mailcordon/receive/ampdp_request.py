"""What an AM.PDP request says: its attributes, checked one by one (B1.03, B1.08 to B1.15, B1.23, B1.24)."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import PurePosixPath

from mailcordon.errors import ProtocolError
from mailcordon.mail.envelope import Client, Envelope, Recipient
from mailcordon.mail.release import MAIL_ID, CopyKind, ReleaseRequest, RequestKind
from mailcordon.receive.addresses import bare_address
from mailcordon.receive.ampdp_codec import Attribute, decode

log = logging.getLogger(__name__)

CHECK = "AM.PDP"
INCOMPLETE = "Incomplete request"
DEFAULT_FILE = "email.txt"
"""Name of the message in `tempdir` (B1.11)."""
_SAFE_PATH = re.compile(r"(?:/[A-Za-z0-9_.-]+)+")
_UNPRINTABLE = re.compile(r"[^!-~]")
_UNKNOWN = frozenset({"[UNAVAILABLE]", "[TEMPUNAVAIL]"})
_PORT = re.compile(r"[0-9]{1,5}")
_TEXT_LIMIT = 255
_CHECK_ATTRIBUTES = frozenset(
    {
        "request",
        "version_client",
        "sender",
        "recipient",
        "tempdir",
        "tempdir_removed_by",
        "mail_file",
        "delivery_care_of",
        "queue_id",
        "protocol_name",
        "helo_name",
        "client_address",
        "client_port",
        "client_name",
        "client_source",
        "protocol_state",
        "policy_bank",
    }
)

_RELEASE_ATTRIBUTES = frozenset(
    {
        "request",
        "mail_id",
        "secret_id",
        "partition_tag",
        "quar_type",
        "mail_file",
        "requested_by",
        "sender",
        "recipient",
    }
)


class Attributes:
    """The attributes of one request by name."""

    def __init__(self, attributes: Sequence[Attribute]) -> None:
        """Raises ProtocolError when the first one is not the kind of request."""
        self._values: dict[str, list[str]] = {}
        for name, value in attributes:
            self._values.setdefault(name, []).append(decode(value).decode("utf-8", "surrogateescape"))
        if not attributes or attributes[0][0] != "request":
            raise ProtocolError("the first attribute of a request must be request")
        self.kind = self._values["request"][0].strip()

    def first(self, name: str) -> str | None:
        """The value of an attribute, None when it is not there."""
        return self._values.get(name, [None])[0]

    def all(self, name: str) -> list[str]:
        """All values of an attribute, in their order."""
        return self._values.get(name, [])

    def log_unknown(self, known: frozenset[str]) -> None:
        """Attributes of others are ignored (B1.05)."""
        unknown = sorted(self._values.keys() - known)
        if unknown:
            log.info("AM.PDP: unknown attributes ignored: %s", ", ".join(unknown)[:200])


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """A message that a client, mostly a milter, wants to have checked (B1.09 to B1.15)."""

    envelope: Envelope
    client: Client
    mail_file: PurePosixPath
    """Absolute."""
    removed_by_server: bool
    """The file and its directory go once the message is done with."""
    client_delivers: bool
    policy_banks: tuple[str, ...]


def is_check(attributes: Attributes) -> bool:
    """Whether it is about a message that is to be checked."""
    return attributes.kind == CHECK


def check_request(attributes: Attributes) -> CheckRequest:
    """Read such a request. Raises ProtocolError, with `INCOMPLETE` when something is missing (B1.06)."""
    attributes.log_unknown(_CHECK_ATTRIBUTES)
    sender = attributes.first("sender")
    recipients = [address(value) for value in attributes.all("recipient")]
    tempdir, mail_file = attributes.first("tempdir"), attributes.first("mail_file")
    if tempdir is not None:
        tempdir = tempdir.rstrip("/")
        mail_file = mail_file or f"{tempdir}/{DEFAULT_FILE}"
    if sender is None or not recipients or not mail_file:
        raise ProtocolError(INCOMPLETE)
    bare_sender = bare_address(sender)
    if bare_sender is None:
        raise ProtocolError(f"sender {sender!r} is not an address")
    path = _path(mail_file, "mail_file")
    if tempdir is not None and path.parent != _path(tempdir, "tempdir"):
        raise ProtocolError(f"mail_file {mail_file!r} is not in tempdir")
    return CheckRequest(
        envelope=Envelope(sender=bare_sender, recipients=tuple(Recipient(item) for item in recipients)),
        client=_client(attributes),
        mail_file=path,
        removed_by_server=_choice(attributes, "tempdir_removed_by", "server") == "server",
        client_delivers=_choice(attributes, "delivery_care_of", "client") == "client",
        policy_banks=tuple(
            name.strip() for value in attributes.all("policy_bank") for name in value.split(",") if name.strip()
        ),
    )


def _path(value: str, name: str) -> PurePosixPath:
    """An absolute path of harmless names (B1.10). Raises ProtocolError."""
    path = PurePosixPath(value)
    if not _SAFE_PATH.fullmatch(value) or ".." in path.parts:
        raise ProtocolError(f"{name} {value!r} is not allowed")
    return path


def _choice(attributes: Attributes, name: str, default: str) -> str:
    value = (attributes.first(name) or default).strip().lower()
    if value not in ("client", "server"):
        raise ProtocolError(f"{name} is client or server, not {value!r}")
    return value


def _client(attributes: Attributes) -> Client:
    """What is told of the original client; what makes no sense counts as unknown (features 6.14)."""

    def text(name: str) -> str | None:
        value = _UNPRINTABLE.sub("?", (attributes.first(name) or "").strip())[:_TEXT_LIMIT]
        return value if value and value.upper() not in _UNKNOWN else None

    port = text("client_port") or ""
    source = (text("client_source") or "").upper()
    return Client(
        name=text("client_name"),
        addr=_ip_address(text("client_address")),
        port=int(port) if _PORT.fullmatch(port) and 0 < int(port) < 65536 else None,
        proto=text("protocol_name"),
        helo=text("helo_name"),
        ident=text("queue_id"),
        source=source if source in ("LOCAL", "REMOTE") else None,
    )


def _ip_address(value: str | None) -> str | None:
    try:
        return str(ip_address(re.sub(r"(?i)^\[?(?:IPv6:)?|\]$", "", value or "")))
    except ValueError:
        return None


def release_kind(attributes: Attributes) -> RequestKind | None:
    """Whether it is about a mail in quarantine, and what is to be done with that."""
    word = attributes.kind.lower()
    return next((kind for kind in RequestKind if kind.value == word), None)


def release_request(kind: RequestKind, attributes: Attributes) -> ReleaseRequest:
    """Read such a request. Raises ProtocolError."""
    attributes.log_unknown(_RELEASE_ATTRIBUTES)
    mail_id = attributes.first("mail_id") or ""
    if not MAIL_ID.fullmatch(mail_id):
        raise ProtocolError(f"mail_id {mail_id!r} is not one" if mail_id else "mail_id is missing")
    return ReleaseRequest(
        kind=kind,
        mail_id=mail_id,
        secret_id=attributes.first("secret_id") or None,
        partition_tag=attributes.first("partition_tag") or None,
        copy_kind=_copy_kind(attributes.first("quar_type")),
        mail_file=attributes.first("mail_file") or None,
        requested_by=_optional_address(attributes.first("requested_by")) or None,
        sender=_optional_address(attributes.first("sender")),
        recipients=tuple(dict.fromkeys(address(value) for value in attributes.all("recipient"))),
    )


def address(value: str) -> str:
    """A recipient's address, in angle brackets or not. Raises ProtocolError."""
    found = bare_address(value)
    if not found:
        raise ProtocolError(f"{value!r} is not an address")
    return found


def _optional_address(value: str | None) -> str | None:
    """An address, empty for the null sender. Raises ProtocolError."""
    if value is None or not value.strip():
        return None
    found = bare_address(value)
    if found is None:
        raise ProtocolError(f"{value!r} is not an address")
    return found


def _copy_kind(value: str | None) -> CopyKind | None:
    if not value or not value.strip():
        return None
    try:
        return CopyKind(value.strip())
    except ValueError:
        raise ProtocolError(f"quar_type {value!r} is unknown") from None
