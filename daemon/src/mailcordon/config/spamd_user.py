"""Names of users that spamd may be given (B14.06)."""

import logging
import re

log = logging.getLogger(__name__)

_NAME = re.compile(r"(?!\.)[A-Za-z0-9._+=@-]{1,200}", re.ASCII)


def spamd_user(name: str) -> str:
    """`name`, or empty for one that could mean another directory or another field of the request.

    A name may be made of a recipient's address, which strangers choose, and spamd makes the name of a file of it.
    """
    if not name or _NAME.fullmatch(name):
        return name
    log.info("sa_username: %r is no name for spamd, the preferences for everybody hold", name[:200])
    return ""
