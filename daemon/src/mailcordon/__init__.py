"""mailcordon: the mail filter daemon between Postfix, ClamAV and SpamAssassin."""

from importlib.metadata import version

__version__ = version("mailcordon")
