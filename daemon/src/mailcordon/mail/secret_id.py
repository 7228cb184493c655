"""Secrets that stand beside mail_ids: who knows one may have that mail released (B1.25)."""

import base64
import binascii
import hashlib
import hmac

SECRET_LENGTH = 16
"""Characters: 96 bits, and what the column of the SQL tables holds."""
_LEAST_OLD_LENGTH = 12
"""Shorter mail_ids were never made; somebody could find a secret for one by trying."""
_BASE64_OF_MD5 = 22


class SecretIds:
    """Secrets that follow from a key; one who does not know the key cannot tell them from random ones."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, mail_id: str) -> str:
        """The secret of a mail, in base64url. It begins with a letter or digit: no command takes it for an option."""
        digest = hmac.digest(self._key, mail_id.encode("utf-8", "surrogateescape"), "sha256")
        return base64.urlsafe_b64encode(digest).decode("ascii").lstrip("-_")[:SECRET_LENGTH]

    def accepts(self, mail_id: str, given: str, stored: str = "") -> bool:
        """Whether `given` is a secret of the mail: ours, the `stored` one, or one made by amavisd-new.

        All are compared in constant time.
        """
        candidates = [self.of(mail_id)]
        if stored:
            candidates.append(stored)
        ours = [_equal(given, candidate) for candidate in candidates]
        old = [_equal(mail_id, made) for made in _old_mail_ids(mail_id, given)]
        return any([*ours, *old])


def _old_mail_ids(mail_id: str, secret: str) -> list[str]:
    """The mail_ids that amavisd-new would have made of the secret: since 2.7.0 of its octets, before of its text."""
    length = len(mail_id)
    if not _LEAST_OLD_LENGTH <= length <= _BASE64_OF_MD5:
        return []
    text = secret.encode("utf-8", "surrogateescape")
    made = [base64.b64encode(_md5(text)).replace(b"/", b"-")]
    try:
        octets = base64.b64decode(text.ljust(-(-len(text) // 4) * 4, b"="), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        octets = None
    if octets:
        made.append(base64.urlsafe_b64encode(_md5(octets)))
    return [item.decode("ascii")[:length] for item in made]


def _md5(octets: bytes) -> bytes:
    return hashlib.md5(octets, usedforsecurity=False).digest()


def _equal(first: str, second: str) -> bool:
    return hmac.compare_digest(first.encode("utf-8", "surrogateescape"), second.encode("utf-8", "surrogateescape"))
