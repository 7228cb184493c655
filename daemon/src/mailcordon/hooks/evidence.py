"""Who may be reported for what, and how it is proven (features 6.11).

Nearly everything in a message may be forged. Two things are not: what our own MX wrote down about its client, and what
a valid DKIM signature covers.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailcordon.errors import HookError
from mailcordon.mail.envelope import Client
from mailcordon.mail.feedback import FeedbackReport, FeedbackType
from mailcordon.mail.message import Mail
from mailcordon.mail.signature import Signature

_ADDRESS = re.compile(r"[!-;=?A-~]+@[0-9A-Za-z.-]+")


@dataclass(frozen=True, slots=True)
class AbuseContact:
    """The party that is told, and what belongs to it: whois says so of networks, the name itself of domains.

    Raises HookError when the address or a network is none.
    """

    address: str
    networks: tuple[str, ...] = ()
    """Such as `192.0.2.0/24`."""
    domains: tuple[str, ...] = ()
    """Each with all domains below it."""

    def __post_init__(self) -> None:
        if not isinstance(self.address, str) or not _ADDRESS.fullmatch(self.address):
            raise HookError(f"{self.address!r} is not a mail address")
        if not all(isinstance(domain, str) and domain for domain in self.domains):
            raise HookError(f"domains: {self.domains!r} are no domains")
        for network in self.networks:
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                raise HookError(f"networks: {error}") from None

    def has_address(self, address: str) -> bool:
        """Whether that address lies in one of its networks."""
        try:
            number = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(number in ipaddress.ip_network(network) for network in self.networks)

    def has_domain(self, domain: str) -> bool:
        """Whether that domain is one of its own, or lies below one."""
        return any(f".{domain.lower()}".endswith(f".{own.lower()}") for own in self.domains)


@dataclass(frozen=True, slots=True)
class OwnReceived:
    """The Received field that our own MX put on top: it names the client that the mail came from."""


@dataclass(frozen=True, slots=True)
class SignedField:
    """A field that a valid DKIM signature of `domain` covers; `n` counts from the bottom, the lowest is the first."""

    domain: str
    name: str
    n: int = 1

    def __post_init__(self) -> None:
        if not (isinstance(self.domain, str) and isinstance(self.name, str) and isinstance(self.n, int) and self.n > 0):
            raise HookError(f"{self!r} names no field: a domain, a name, and a number from 1 on are needed")


Evidence = OwnReceived | SignedField


def proven(
    mail: Mail,
    signatures: Sequence[Signature],
    contact: AbuseContact,
    feedback_type: FeedbackType,
    evidence: Evidence,
    text: str,
) -> FeedbackReport:
    """The report, with the origin that `evidence` proves. Raises HookError when it proves nothing, or another party."""
    match evidence:
        case OwnReceived():
            client = _named_by_own_mx(mail)
            address = client.addr or ""
            if not contact.has_address(address):
                raise HookError(f"{address} is in no network of {contact.address}")
            return FeedbackReport(feedback_type, contact.address, text, address, client.port)
        case SignedField(domain, name, n):
            signed = any(signature.domain == domain.lower() and signature.covers(name, n) for signature in signatures)
            if not signed or len(mail.header.all(name)) < n:
                raise HookError(f"no valid signature of {domain} covers {name} field {n} from the bottom")
            if not contact.has_domain(domain):
                raise HookError(f"{domain} is no domain of {contact.address}")
            return FeedbackReport(feedback_type, contact.address, text, reported_domain=domain.lower())


def _named_by_own_mx(mail: Mail) -> Client:
    """The client, if XFORWARD and the topmost Received field tell of the same one.

    The field alone proves little: the client chooses the greeting that stands in it. Both come from our own MX.
    """
    client = mail.session.client
    if client.addr is None:
        raise HookError("the MTA told nothing of the client by XFORWARD")
    if mail.session.originating:
        raise HookError("the mail comes from our own side")
    trace = mail.header.text("Received") or ""
    literals = (f"[{client.addr}]".lower(), f"[ipv6:{client.addr}]".lower())
    if not any(literal in trace.lower() for literal in literals):
        raise HookError(f"the Received field on top does not name {client.addr}")
    if client.ident and not re.search(rf"\bid {re.escape(client.ident)}\b", trace):
        raise HookError(f"the Received field on top is not that of {client.ident}")
    return client
