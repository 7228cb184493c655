"""Secrets beside mail_ids: ours, and those of amavisd-new (contract B1.25, B21.04)."""

import base64
import hashlib
import secrets

import pytest

from mailcordon.mail.ids import new_mail_id
from mailcordon.mail.secret_id import SECRET_LENGTH, SecretIds

OURS = SecretIds(b"k" * 32)
RAW = bytes(range(9))


def test_secret_follows_from_the_key() -> None:
    """B1.25, features 18.15: it fits into its column, differs by mail and key, is accepted by its own key only."""
    mail_id = new_mail_id()
    secret = OURS.of(mail_id)
    assert len(secret) == SECRET_LENGTH == 16
    assert OURS.accepts(mail_id, secret)
    other = SecretIds(b"l" * 32)
    assert not other.accepts(mail_id, secret)
    assert not OURS.accepts(new_mail_id(), secret)
    assert not OURS.accepts(mail_id, secret[:-1])
    assert other.accepts(mail_id, secret, stored=secret)


def test_secret_is_no_option() -> None:
    """B1.25: a secret stands on command lines, where a leading `-` would make an option of it."""
    made = [OURS.of(f"mail-{number}") for number in range(2000)]
    assert all(secret[0].isalnum() and len(secret) == SECRET_LENGTH for secret in made)


@pytest.mark.parametrize("padded", [False, True])
def test_secret_of_amavisd_since_2_7(padded: bool) -> None:
    """B1.25: the mail_id is the beginning of base64url of MD5 of what the secret stands for."""
    raw = RAW + b"x" if padded else RAW
    secret = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    mail_id = base64.urlsafe_b64encode(hashlib.md5(raw).digest()).decode()[:12]
    assert OURS.accepts(mail_id, secret)
    assert not OURS.accepts(mail_id, "B" + secret[1:])


def test_secret_of_amavisd_before_2_7() -> None:
    """B1.25: MD5 of the text, base64 with `-` for `/`."""
    for number in range(200):
        secret = f"secret{number}"
        mail_id = base64.b64encode(hashlib.md5(secret.encode()).digest()).decode().replace("/", "-")[:12]
        assert OURS.accepts(mail_id, secret)
        assert not OURS.accepts(mail_id, f"{secret}x")


def test_old_relation_needs_a_whole_id() -> None:
    """A secret for four characters can be found by trying; such ids were never made."""
    mail_id = base64.urlsafe_b64encode(hashlib.md5(RAW).digest()).decode()[:4]
    assert not OURS.accepts(mail_id, base64.urlsafe_b64encode(RAW).decode())


@pytest.mark.parametrize("secret", ["", "=", "====", "\udcff", "ä", "x" * 5000, "%00"])
def test_nonsense_is_no_secret(secret: str) -> None:
    assert not OURS.accepts(new_mail_id(), secret)
    assert not OURS.accepts("\udcff" * 12, secret)


def test_random_secrets_are_refused() -> None:
    mail_id = new_mail_id()
    assert not any(OURS.accepts(mail_id, secrets.token_urlsafe(9)) for _ in range(1000))
