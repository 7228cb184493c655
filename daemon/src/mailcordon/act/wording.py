"""The words of a notification: which kinds there are, and what a template makes of a context."""

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """A kind of notification: the name of its template and the beginning of its Message-ID (B11.05, B11.09)."""

    DSN = ("template-dsn.txt", "DSN")
    VIRUS_SENDER = ("template-virus-sender.txt", "VS")
    VIRUS_ADMIN = ("template-virus-admin.txt", "VA")
    VIRUS_RECIPIENT = ("template-virus-recipient.txt", "VR")
    SPAM_SENDER = ("template-spam-sender.txt", "SS")
    SPAM_ADMIN = ("template-spam-admin.txt", "SA")
    REPORT = ("template-report.txt", "ARF")
    RELEASE = ("template-release.txt", "QRA")

    @property
    def file_name(self) -> str:
        """Of its template, the same in every language."""
        return self.value[0]

    def message_id(self, mail_id: str, hostname: str) -> str:
        """Of the notification about a mail."""
        return f"<{self.value[1]}{mail_id}@{hostname}>"


@dataclass(frozen=True, slots=True)
class Wording:
    """What a template has made."""

    fields: tuple[tuple[str, str], ...]
    """Names and bodies of header fields."""
    text: str
