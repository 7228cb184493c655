"""One message on its way through the rooms."""

from dataclasses import dataclass
from datetime import UTC, datetime

from mailcordon.mail.content import Content
from mailcordon.mail.envelope import Envelope, Session
from mailcordon.mail.header import HeaderSection
from mailcordon.mail.signature import Signature, ascii_form
from mailcordon.mail.timing import Timing


@dataclass(frozen=True, slots=True)
class Mail:
    """A received message: envelope, where it came from, its octets and its ids. Immutable from here on."""

    log_id: str
    mail_id: str
    received_at: datetime
    """Local time with zone: the daemon's own log and `Received` field show it so."""
    session: Session
    envelope: Envelope
    header: HeaderSection
    content: Content
    signatures: tuple[Signature, ...] = ()
    """The DKIM signatures that were verified before the mail is checked: banks of its authors may change what is."""
    os_fingerprint: str | None = None
    """What p0f takes the client's system for, once that is known: spam scanners are told (B9.08)."""
    client_delivers: bool = False
    """The client itself sends it on, as milters do: it wants to know how (B1.13)."""
    timing: Timing | None = None
    """Takes the time while the message goes through the rooms; None when nobody wants to know."""

    @property
    def size(self) -> int:
        """Length of the message in octets."""
        return self.content.size

    @property
    def age(self) -> float:
        """Seconds since it was received."""
        return max(0.0, (datetime.now(UTC) - self.received_at).total_seconds())

    @property
    def dkim_envsender_sig(self) -> bool:
        """Whether the domain of the envelope sender has signed it (features 9.13)."""
        domain = ascii_form(self.envelope.sender.rpartition("@")[2])
        return bool(domain) and any(
            signature.is_valid and signature.ascii_domain == domain for signature in self.signatures
        )

    def lap(self, section: str) -> None:
        """A section of the work on the message ends here, for `timing`."""
        if self.timing is not None:
            self.timing.lap(section)
