"""What an AM.PDP request says: its attributes, checked one by one (B1.03, B1.08 to B1.15, B1.23, B1.24)."""

import logging
from collections.abc import Sequence

from mailcordon.errors import ProtocolError
from mailcordon.mail.release import MAIL_ID, CopyKind, ReleaseRequest, RequestKind
from mailcordon.receive.addresses import bare_address
from mailcordon.receive.ampdp_codec import Attribute, decode

log = logging.getLogger(__name__)

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
