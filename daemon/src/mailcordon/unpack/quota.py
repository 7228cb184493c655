"""How much unpacking one message may cost (B13.03)."""

from mailcordon.config.settings import Settings
from mailcordon.unpack.job import Quota

SHARE = 0.15
"""Of the time for a message, what unpacking may take: about what the scanners' shares leave (B18.07)."""


def quota_for(size: int, settings: Settings) -> Quota:
    """The quota of a message of `size` octets."""
    upper = min(settings.MAX_EXPANSION_QUOTA, size * settings.MAX_EXPANSION_FACTOR)
    octets = max(settings.MIN_EXPANSION_QUOTA, size * settings.MIN_EXPANSION_FACTOR, upper)
    return Quota(settings.MAXLEVELS, settings.MAXFILES, octets, SHARE * settings.child_timeout)
