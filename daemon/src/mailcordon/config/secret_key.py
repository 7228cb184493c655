"""The key file of secret ids: below MYHOME, made when it is first needed, for the daemon's account alone (B1.25)."""

import contextlib
import os
import secrets
import stat
from pathlib import Path

from mailcordon.config.settings import Settings
from mailcordon.errors import StartupError
from mailcordon.mail.secret_id import SecretIds

FILE_NAME = "secret-id.key"
KEY_SIZE = 32
_FILE_MODE = 0o600


def secret_ids(settings: Settings) -> SecretIds:
    """The secrets under the key of this configuration. Blocks for a moment when first asked.

    Raises StartupError when the key can neither be read nor made.
    """
    return settings.once(_read)


def secret_ids_if_allowed(settings: Settings) -> SecretIds | None:
    """The secrets for one who may read the key, None for others. Only the owner of MYHOME makes a missing key: made by
    anybody else it could not be read by the daemon. Blocks."""
    try:
        if settings.MYHOME.stat().st_uid == os.geteuid():
            return secret_ids(settings)
        return SecretIds(_key_in(settings.MYHOME / FILE_NAME))
    except (OSError, StartupError):
        return None


def _read(settings: Settings) -> SecretIds:
    path = settings.MYHOME / FILE_NAME
    try:
        try:
            key = _key_in(path)
        except FileNotFoundError:
            _make(path)
            key = _key_in(path)
    except OSError as error:
        raise StartupError(f"{path}: the key of secret ids cannot be used: {error.strerror}") from None
    if len(key) < KEY_SIZE:
        raise StartupError(f"{path}: holds less than {KEY_SIZE} octets; remove it to have a new key made")
    return SecretIds(key)


def _key_in(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
            raise StartupError(f"{path}: others than its owner have rights; chmod 600 {path}")
        return file.read(4096)


def _make(path: Path) -> None:
    """Whoever comes first makes it; it is never seen incomplete."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_SIZE))
            file.flush()
            os.fsync(descriptor)
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink()
