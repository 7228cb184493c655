"""Who is told of what: settings that depend on the category, the sender or the name of a virus."""

from collections.abc import Iterable, Mapping

from mailcordon.config.lookup_key import LookupKey, key_of
from mailcordon.config.message_settings import MessageSettings
from mailcordon.mail.category import Category, Major


def sender_is_warned(settings: MessageSettings, category: Category, *, sender_credible: str) -> bool:
    """Whether the sender is told of mail of that category though it be discarded or delivered.

    Only if he is credible: one whose address somebody else wrote into the envelope gets no mail (features 5.36, 18.07).
    """
    return bool(sender_credible) and settings.once(_warned).get(category.major, False)


def _warned(settings: MessageSettings) -> Mapping[Major, bool]:
    return {Major.BANNED: settings.warnbannedsender, Major.BAD_HEADER: settings.warnbadhsender}


def sender_cutoff(settings: MessageSettings, sender: str, *, sender_credible: str) -> float | None:
    """The score from which on that sender is not told, by the lookups by sender (B11.03); None: they name none."""
    lookup = (
        settings.spam_crediblefrom_dsn_cutoff_level_bysender
        if sender_credible
        else settings.spam_dsn_cutoff_level_bysender
    )
    return lookup.at(key_of(sender, settings))


def fakes_sender(settings: MessageSettings, viruses: Iterable[str]) -> bool:
    """Whether any of these viruses writes the address of somebody else into the envelope."""
    return any(settings.viruses_that_fake_sender.at(LookupKey(name)) for name in viruses)
