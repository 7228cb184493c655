"""After a run with another password for alice, without bob, and without port 465."""

import smtplib

import pytest

from end_to_end import samples
from end_to_end.gateway import RECIPIENT, Gateway, new_token
from end_to_end.submitting import ALICE, BOB, User, submit


def test_the_new_password_counts(gateway: Gateway) -> None:
    """The old one does not, and bob is gone."""
    token = new_token()
    message = samples.text_mail(token, RECIPIENT, b"hello\r\n")
    for user in (ALICE, BOB):
        with pytest.raises(smtplib.SMTPAuthenticationError):
            submit(gateway, user, token, message)
    assert submit(gateway, User("alice", "another password of alice"), token, message).code == 250
    gateway.wait_delivered(token)
    assert "bob" not in gateway.host.file("/etc/mailcordon-auth/users").content_string


def test_port_465_is_closed(gateway: Gateway) -> None:
    """Asked for no more; 587 stays."""
    assert gateway.host.check_output("ss -Hltn 'sport = :465'") == ""
    assert gateway.host.check_output("ss -Hltn 'sport = :587'") != ""
