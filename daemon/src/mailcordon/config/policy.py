"""The settings as they hold for one recipient."""

from collections.abc import Iterable
from dataclasses import dataclass

from mailcordon.config.settings import Settings
from mailcordon.mail.category import Category, Destiny, Major
from mailcordon.mail.envelope import Recipient, Session


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that depends on the recipient, looked up once per message (B3.18)."""

    recipient: Recipient
    is_local: bool
    bypass_virus_checks: bool
    bypass_spam_checks: bool
    virus_lover: bool
    spam_lover: bool
    unchecked_lover: bool
    spam_tag_level: float | None
    spam_tag2_level: float | None
    spam_kill_level: float | None
    spam_subject_tag2: str | None
    spam_dsn_cutoff_level: float | None
    quarantine_to: dict[Major, str]
    """Mailbox alias or address by category; categories that are not kept are absent."""

    def loves(self, category: Category) -> bool:
        """Whether the recipient wants such mail in spite of it."""
        return {
            Major.VIRUS: self.virus_lover,
            Major.SPAM: self.spam_lover,
            Major.UNCHECKED: self.unchecked_lover,
        }.get(category.major, False)


def policy_for(settings: Settings, recipient: Recipient) -> Policy:
    """Look up every setting for `recipient`."""
    address, delimiter = recipient.address, settings.recipient_delimiter

    def yes(name: str) -> bool:
        return bool(getattr(settings, name).find(address, delimiter))

    def number(name: str) -> float | None:
        value: float | None = getattr(settings, name).find(address, delimiter)
        return value

    return Policy(
        recipient=recipient,
        is_local=yes("local_domains"),
        bypass_virus_checks=yes("bypass_virus_checks"),
        bypass_spam_checks=yes("bypass_spam_checks"),
        virus_lover=yes("virus_lovers"),
        spam_lover=yes("spam_lovers"),
        unchecked_lover=yes("unchecked_lovers"),
        spam_tag_level=number("spam_tag_level"),
        spam_tag2_level=number("spam_tag2_level"),
        spam_kill_level=number("spam_kill_level"),
        spam_subject_tag2=settings.spam_subject_tag2.find(address, delimiter),
        spam_dsn_cutoff_level=number("spam_dsn_cutoff_level"),
        quarantine_to={
            major: target
            for major, setting in _QUARANTINE_SETTINGS.items()
            if (target := getattr(settings, f"{setting}_quarantine_to").find(address, delimiter))
            and getattr(settings, f"{setting}_quarantine_method")
        },
    )


def policies_for(settings: Settings, recipients: Iterable[Recipient]) -> tuple[Policy, ...]:
    """The policy of each recipient, in order."""
    return tuple(policy_for(settings, recipient) for recipient in recipients)


def is_originating(settings: Settings, session: Session) -> bool:
    """Whether the mail comes from our own side: the client is in `mynetworks` (B4.04)."""
    return session.client.addr is not None and settings.mynetworks.contains(session.client.addr)


_QUARANTINE_SETTINGS = {
    Major.VIRUS: "virus",
    Major.BANNED: "banned",
    Major.UNCHECKED: "unchecked",
    Major.SPAM: "spam",
    Major.BAD_HEADER: "bad_header",
}


def quarantine_method(settings: Settings, major: Major) -> str:
    """The quarantine method of a category, empty for none (B10.01)."""
    setting = _QUARANTINE_SETTINGS.get(major)
    return str(getattr(settings, f"{setting}_quarantine_method")) if setting else ""


def final_destiny(settings: Settings, category: Category) -> Destiny:
    """What the configuration wants done with mail of that category (B5.06)."""
    return {
        Major.VIRUS: settings.final_virus_destiny,
        Major.BANNED: settings.final_banned_destiny,
        Major.UNCHECKED: settings.final_unchecked_destiny,
        Major.SPAM: settings.final_spam_destiny,
        Major.BAD_HEADER: settings.final_bad_header_destiny,
        Major.OVERSIZED: Destiny.BOUNCE,
        Major.MTA: Destiny.TEMPFAIL,
    }.get(category.major, Destiny.PASS)
