"""Submission of mail by users with a password, as a mail client does it."""

import smtplib
import ssl
from dataclasses import dataclass

from end_to_end import samples
from end_to_end.gateway import RECIPIENT, Gateway, Reply


@dataclass(frozen=True)
class User:
    """Somebody who may submit mail, or not."""

    name: str
    password: str


ALICE = User("alice", "right password of alice")
BOB = User("bob", "secret")


def unverified() -> ssl.SSLContext:
    """TLS without looking at the certificate: the test host's is self-signed."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def connect(gateway: Gateway, port: int = 587) -> smtplib.SMTP:
    """A session under TLS, before the login: STARTTLS on 587, TLS from the start on 465."""
    client: smtplib.SMTP
    if port == 465:
        client = smtplib.SMTP_SSL(gateway.address, port, context=unverified(), timeout=60)
    else:
        client = smtplib.SMTP(gateway.address, port, timeout=60)
        client.starttls(context=unverified())
    client.ehlo("client.sender.example")
    return client


def submit(
    gateway: Gateway,
    user: User,
    token: str,
    message: bytes,
    port: int = 587,
    sender: str = "",
) -> Reply:
    """Submits one mail; returns the last reply.

    Raises:
        smtplib.SMTPAuthenticationError: when name or password are wrong.
    """
    with connect(gateway, port) as client:
        assert client.sock is not None
        own_address = client.sock.getsockname()[0]
        client.login(user.name, user.password)
        code, text = client.mail(sender or samples.sender_of(token))
        if code < 400:
            code, text = client.rcpt(RECIPIENT)
        if code < 400:
            code, text = client.data(message)
    return Reply(code, text.decode(errors="replace"), own_address)
