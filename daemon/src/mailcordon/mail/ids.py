"""Identifiers of a message."""

import base64
import secrets
from itertools import count


def new_mail_id(size_bits: int = 72) -> str:
    """A random mail_id in base64url whose first and last character are alphanumeric (B10.07).

    `size_bits` must be a multiple of 24, so that no padding is needed: 72 bits give 12 characters.
    """
    while True:
        mail_id = base64.urlsafe_b64encode(secrets.token_bytes(size_bits // 8)).decode("ascii")
        if mail_id[0].isalnum() and mail_id[-1].isalnum():
            return mail_id


class LogIds:
    """Makes the am_id of log lines, `pid-number` (B8.01); one instance a worker process."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._numbers = count(1)

    def new(self) -> str:
        """The next id, e.g. `58725-05`."""
        return f"{self._pid:05d}-{next(self._numbers):02d}"
