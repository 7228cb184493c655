"""Whether a client is who it says it is (B6.04): by the hashes in `auth_users`."""

import asyncio
import logging

from mailcordon.config.password import PasswordHash
from mailcordon.config.settings import Settings
from mailcordon.receive.sasl import Credentials

log = logging.getLogger(__name__)


class Authenticator:
    """Checks credentials, one at a time: each takes a thread for a moment, and others want theirs for mail."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._nobody: PasswordHash | None = None

    async def accepts(self, settings: Settings, credentials: Credentials) -> bool:
        """Whether the password is that of the user. It takes as long for users who do not exist."""
        async with self._turn:
            return await asyncio.to_thread(self._check, settings, credentials)

    def _check(self, settings: Settings, credentials: Credentials) -> bool:
        stored = settings.auth_users.find(credentials.user) if credentials.user else None
        try:
            known = PasswordHash.parse(stored) if stored else None
        except ValueError as error:
            log.warning("auth_users: %r: %s", credentials.user, error)
            known = None
        if known is None:
            self._nobody = self._nobody or PasswordHash.of("")
            self._nobody.fits(credentials.password)
            return False
        return known.fits(credentials.password)
