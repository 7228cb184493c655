"""One message on its way through the rooms."""

from dataclasses import dataclass
from datetime import datetime

from mailcordon.mail.content import Content
from mailcordon.mail.envelope import Envelope, Session
from mailcordon.mail.header import HeaderSection


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

    @property
    def size(self) -> int:
        """Length of the message in octets."""
        return self.content.size
