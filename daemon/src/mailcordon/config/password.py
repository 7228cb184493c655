"""Hashes of passwords: `$scrypt$ln=14,r=8,p=1$salt$hash`, the form that passlib and others write, too."""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

_FORM = re.compile(r"\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d)\$([A-Za-z0-9+/]{8,})\$([A-Za-z0-9+/]{22,})")
_MOST_MEMORY = 256 * 1024 * 1024
_SALT_OCTETS = 16
_HASH_OCTETS = 32


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """One stored hash."""

    cost: int
    """Binary logarithm of scrypt's N."""
    block_size: int
    parallel: int
    salt: bytes
    octets: bytes

    @classmethod
    def parse(cls, text: str) -> "PasswordHash":
        """Raises ValueError with one line, which never holds the hash."""
        match = _FORM.fullmatch(text)
        salt, octets = (_decoded(match[number]) for number in (4, 5)) if match else (None, None)
        if match is None or not salt or not octets:
            raise ValueError("not a hash of the form $scrypt$ln=14,r=8,p=1$SALT$HASH; see mailcordon password")
        cost, block_size, parallel = (int(match[number]) for number in (1, 2, 3))
        if not cost or not block_size or not parallel or 128 * block_size << cost > _MOST_MEMORY:
            raise ValueError(
                f"scrypt with ln={cost}, r={block_size}, p={parallel} is too weak or takes too much memory"
            )
        return cls(cost, block_size, parallel, salt, octets)

    @classmethod
    def of(cls, password: str) -> "PasswordHash":
        """A new one for `password`. Takes some 50 ms."""
        made = cls(14, 8, 1, secrets.token_bytes(_SALT_OCTETS), bytes(_HASH_OCTETS))
        return cls(made.cost, made.block_size, made.parallel, made.salt, made._derived(password))

    def fits(self, password: str) -> bool:
        """Whether it is the hash of `password`. Takes some 50 ms, and always as long."""
        return hmac.compare_digest(self._derived(password), self.octets)

    def _derived(self, password: str) -> bytes:
        return hashlib.scrypt(
            password.encode("utf-8", "surrogateescape"),
            salt=self.salt,
            n=1 << self.cost,
            r=self.block_size,
            p=self.parallel,
            maxmem=2 * _MOST_MEMORY,
            dklen=len(self.octets),
        )

    def __str__(self) -> str:
        values = f"ln={self.cost},r={self.block_size},p={self.parallel}"
        return f"$scrypt${values}${_encoded(self.salt)}${_encoded(self.octets)}"


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        return None


def _encoded(octets: bytes) -> str:
    return base64.b64encode(octets).decode().rstrip("=")
