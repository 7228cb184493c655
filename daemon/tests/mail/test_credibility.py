"""Whether the sender is credible at first (features 14.03, 14.04)."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from mailcordon.mail.credibility import credibility
from mailcordon.mail.envelope import Session
from mailcordon.mail.finding import Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.signature import Signature

MakeMail = Callable[..., Mail]


@pytest.mark.parametrize(
    ("originating", "signatures", "credible"),
    [
        (False, (), ""),
        (True, (), "originating"),
        (False, (Signature("sender.example", is_valid=True),), "dkim_envsender_sig"),
        (True, (Signature("sender.example", is_valid=True),), "originating,dkim_envsender_sig"),
        (False, (Signature("sender.example", is_valid=False),), ""),
        (False, (Signature("other.example", is_valid=True),), ""),
    ],
)
def test_first_value(make_mail: MakeMail, originating: bool, signatures: tuple[Signature, ...], credible: str) -> None:
    """Features 14.04: originating, or a signature of the envelope sender's domain, or neither."""
    mail = make_mail(b"\r\n", sender="alice@Sender.example", session=Session(originating=originating))
    assert credibility(replace(mail, signatures=signatures), Findings()) == credible


def test_a_check_s_own_reason_is_kept(make_mail: MakeMail) -> None:
    """Features 14.03: any text counts."""
    assert credibility(make_mail(b"\r\n"), Findings(sender_credible="known for years")) == "known for years"
