"""From the octets of a message to its tree of parts. Never trusts a single octet of what it reads."""

from mailcordon.unpack.mime import split
from mailcordon.unpack.structure import Limits, Structure
from mailcordon.unpack.transfer import decoded

__all__ = ["Limits", "Structure", "decoded", "split"]
