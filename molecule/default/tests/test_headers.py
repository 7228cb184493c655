"""Header fields of delivered mail: checklist 12, 18; contracts B9.01-B9.06; features 4 (XFORWARD)."""

import re

import pytest

from end_to_end import samples
from end_to_end.gateway import RECIPIENT, Gateway, new_token, parse


@pytest.fixture(scope="module")
def clean(gateway: Gateway) -> tuple[str, str, bytes]:
    """A clean mail: its token, the address that it was sent from, and the mail as delivered."""
    token = new_token()
    reply = gateway.send_accepted(token, samples.text_mail(token, RECIPIENT, b"hello\r\n"))
    return token, reply.client_address, gateway.wait_delivered(token)


def test_x_virus_scanned(gateway: Gateway, clean: tuple[str, str, bytes]) -> None:
    """B9.02: once, and it names the mail domain."""
    fields = parse(clean[2]).get_all("X-Virus-Scanned", [])
    assert len(fields) == 1, fields
    assert fields[0].endswith("example.test")


def test_spam_fields(clean: tuple[str, str, bytes]) -> None:
    """B9.03, with the tag level below any score."""
    mail = parse(clean[2])
    assert re.match(r"No, score=-?[\d.]+ ", mail["X-Spam-Status"].replace("\n", " ")), mail["X-Spam-Status"]
    assert float(mail["X-Spam-Score"]) < 6
    assert mail["X-Spam-Flag"] == "NO"


def test_chain_of_received_fields(gateway: Gateway, clean: tuple[str, str, bytes]) -> None:
    """Checklist 18: from the top reinjection, filter, the entry from outside."""
    _, client_address, delivered = clean
    received = [" ".join(value.split()) for value in parse(delivered).get_all("Received", [])]
    assert len(received) == 3, received
    reinjection, by_filter, entry = received
    assert f"by {gateway.hostname} (Postfix" in reinjection
    assert "[127.0.0.1]" in reinjection
    assert re.search(r"\(mailcordon, port 10024\) with LMTP", by_filter), by_filter
    assert f"[{client_address}]" in entry
    assert f"by {gateway.hostname} (Postfix" in entry


def test_client_address_reaches_the_log(gateway: Gateway, clean: tuple[str, str, bytes]) -> None:
    """XFORWARD: the log names the client that Postfix saw, not Postfix."""
    token, client_address, _ = clean
    assert f"[{client_address}]:" in gateway.wait_logged(token, "Passed")


def test_forged_fields_are_removed(gateway: Gateway) -> None:
    """B9.01: spam fields of the sender do not survive."""
    token = new_token()
    message = b"X-Spam-Status: No, score=-99\r\nX-Spam-Level:\r\n" + samples.text_mail(token, RECIPIENT, b"hello\r\n")
    gateway.send_accepted(token, message)
    assert b"score=-99" not in gateway.wait_delivered(token)
