"""The SMTP envelope and what XFORWARD tells of the original client."""

from dataclasses import dataclass, field
from typing import NamedTuple


class Recipient(NamedTuple):
    """One RCPT TO: address without angle brackets, and its DSN parameters as received (RFC 3461)."""

    address: str
    notify: str | None = None
    """NOTIFY value, upper case: `NEVER` or a comma list of SUCCESS, FAILURE, DELAY."""
    orcpt: str | None = None
    """ORCPT value as received, `rfc822;xtext`."""

    @property
    def domain(self) -> str:
        """The domain in lower case; empty when the address has none."""
        return self.address.rpartition("@")[2].lower() if "@" in self.address else ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """MAIL FROM and the accepted recipients. Addresses are text with surrogate escapes for 8-bit octets."""

    sender: str
    """Without angle brackets; empty for the null sender."""
    recipients: tuple[Recipient, ...]
    body_type: str | None = None
    """BODY parameter, `7BIT` or `8BITMIME`, if given."""
    smtputf8: bool = False
    ret: str | None = None
    """RET parameter, `FULL` or `HDRS`."""
    envid: str | None = None
    """ENVID parameter, xtext as received."""
    auth: str | None = None
    """AUTH parameter, who submitted the mail (RFC 4954 5): xtext as received, or `<>`."""


@dataclass(frozen=True, slots=True)
class Client:
    """The client that gave the mail to the first MTA, as told by XFORWARD (B6.03); None means unknown."""

    name: str | None = None
    addr: str | None = None
    """IPv4 or IPv6 address in plain form, without `IPv6:`."""
    port: int | None = None
    proto: str | None = None
    helo: str | None = None
    ident: str | None = None
    """The MTA's own queue id."""
    source: str | None = None
    """`LOCAL` or `REMOTE`; not for security decisions (features 13.18)."""
    claimed_addr: str | None = None
    """What a Received field says where `addr` is unknown (B6.13): anybody may have written it. For the log."""


@dataclass(frozen=True, slots=True)
class Session:
    """How the message reached us: the connection from the MTA."""

    protocol: str = "SMTP"
    """`SMTP`, `ESMTP` or `LMTP`, as announced by HELO, EHLO or LHLO."""
    tls: bool = False
    """The connection is encrypted."""
    cipher: str | None = None
    """The name of its cipher (B9.06)."""
    helo: str | None = None
    peer_addr: str | None = None
    """None on a unix socket and for offline scans."""
    local_addr: str | None = None
    local_port: int | None = None
    policy_banks: tuple[str, ...] = ()
    """Policy banks that hold for the message, in the order of their loading (B4.02)."""
    originating: bool = False
    """It comes from our own side (features 10.09)."""
    client: Client = field(default_factory=Client)
