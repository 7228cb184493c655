"""Identifiers of a message (B10.07, features 12.07)."""

import re

from mailcordon.mail.ids import new_mail_id


def test_mail_id_is_a_safe_name() -> None:
    """B10.07, features 12.07: twelve characters that are good in file names and are no option."""
    made = [new_mail_id() for _ in range(2000)]
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{10}[A-Za-z0-9]", mail_id) for mail_id in made)
    assert len(set(made)) == len(made)


def test_longer_ids() -> None:
    """B10.07."""
    assert len(new_mail_id(96)) == 16
