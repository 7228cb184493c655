"""What a recipient thinks of the sender: white, black and soft lists (contracts B3.21, B3.22; features 8.05, 8.06)."""

import math
from functools import cached_property
from typing import NamedTuple

from mailcordon.config.lookup import Lookup
from mailcordon.config.lookup_key import LookupKey
from mailcordon.config.message_settings import MessageSettings
from mailcordon.mail.addresses import authors_of
from mailcordon.mail.header import HeaderSection

_WHITE = frozenset("WYT")
_BLACK = frozenset("BNF")


class Senders:
    """The envelope sender and the authors of a mail, looked for when they are asked for."""

    def __init__(self, envelope_sender: str, header: HeaderSection) -> None:
        self._envelope_sender = envelope_sender
        self._header = header

    @cached_property
    def addresses(self) -> tuple[str, ...]:
        """The envelope sender, then each address in From, without repeats."""
        return tuple(dict.fromkeys([self._envelope_sender, *authors_of(self._header)]))


NOBODY = Senders("", HeaderSection(b"", 0))


class SenderRating(NamedTuple):
    """What the lists of one recipient say of one mail's senders. A sender may be on both hard lists."""

    whitelisted: bool = False
    blacklisted: bool = False
    points: float = 0.0
    """What the soft lists add to the score."""

    @property
    def is_listed(self) -> bool:
        """Whether a hard list decides, so that a score does not matter."""
        return self.whitelisted or self.blacklisted


NEUTRAL = SenderRating()


class SenderTables:
    """The lists under certain settings."""

    def __init__(self, settings: MessageSettings) -> None:
        self._delimiter = settings.recipient_delimiter
        self._case_sensitive = settings.localpart_is_case_sensitive
        self._white = (settings.whitelist_sender, settings.per_recip_whitelist_sender_lookup_tables)
        self._black = (settings.blacklist_sender, settings.per_recip_blacklist_sender_lookup_tables)
        self._points = settings.score_sender
        everything = (*self._white, *self._black, self._points)
        self._is_empty = all(_says_nothing(lookup) for lookup in everything)

    def rating(self, recipient: LookupKey, senders: Senders) -> SenderRating:
        """What the recipient's lists and the general ones say; its own ones in a data base come first (B3.02)."""
        ratings = recipient.fields.ratings if recipient.fields is not None else {}
        if self._is_empty and not ratings:
            return NEUTRAL
        keys = [
            LookupKey(address, self._delimiter, case_sensitive=self._case_sensitive)
            for address in senders.addresses
            if address not in ratings
        ]
        listed = [_of_data_base(ratings[address]) for address in senders.addresses if address in ratings]
        return SenderRating(
            whitelisted=any(one.whitelisted for one in listed) or _is_on(*self._white, recipient, keys),
            blacklisted=any(one.blacklisted for one in listed) or _is_on(*self._black, recipient, keys),
            points=round(self._sum(recipient, keys) + sum(one.points for one in listed), 3),
        )

    def _sum(self, recipient: LookupKey, senders: list[LookupKey]) -> float:
        total = 0.0
        for table in self._points.all_at(recipient):
            # What holds for any sender is no fact about each of them: it counts once.
            asked = senders[:1] if table.is_constant else senders
            total += sum(points for sender in asked if (points := table.at(sender)) is not None)
        return round(total, 3)


def _is_on(general: Lookup[bool], own: Lookup[Lookup[bool]], recipient: LookupKey, senders: list[LookupKey]) -> bool:
    lists = [general, *filter(None, [own.at(recipient)])]
    return any(table.at(sender) for table in lists for sender in senders)


def _of_data_base(word: str) -> SenderRating:
    """A value of `wb` (B2.03): a letter, a number of points, or a blank, which says that nothing else counts."""
    word = word.strip()
    if word[:1].upper() in _WHITE:
        return SenderRating(whitelisted=True)
    if word[:1].upper() in _BLACK:
        return SenderRating(blacklisted=True)
    try:
        points = float(word)
    except ValueError:
        return NEUTRAL
    return SenderRating(points=points) if math.isfinite(points) else NEUTRAL


def _says_nothing(lookup: Lookup[bool] | Lookup[Lookup[bool]] | Lookup[Lookup[float]]) -> bool:
    return lookup.is_constant and not lookup.at(LookupKey(""))
