"""What becomes of mails sent to port 25: checklist 9-12; features 1.12; contracts B8.02-B8.04, B10.01."""

import re

import pytest

from end_to_end import samples
from end_to_end.gateway import RECIPIENT, Gateway, body_of, new_token

FORMS = sorted(samples.FORMS)

AWKWARD_BODY = b"".join(
    [
        "Umlauts äöü and a sign of 4 bytes: \U0001f4e8\r\n".encode(),
        b"bytes that are no UTF-8: \xe9\xff\x80\r\n",
        b".\tone dot at the start of a line\r\n",
        b"..two dots\r\n",
        b".\x20\r\n",
        b"From here on a line that mbox would escape\r\n",
        b"trailing white space \t  \r\n",
        b"x" * 990 + b"\r\n",
        b"-- \r\n",
        b"\r\n\r\n  \r\n\r\n",
    ]
)


def test_clean_mail_keeps_its_body_byte_for_byte(gateway: Gateway) -> None:
    """Rule 3 (bytes are sacred): 8-bit bytes, long lines, dots, trailing white space."""
    token = new_token()
    message = samples.text_mail(token, RECIPIENT, AWKWARD_BODY, transfer_encoding="8bit")
    gateway.send_accepted(token, message)
    assert body_of(gateway.wait_delivered(token)) == AWKWARD_BODY
    assert gateway.wait_logged(token, "Passed").find("Passed CLEAN ") >= 0


@pytest.mark.parametrize("form", FORMS)
def test_eicar_is_blocked_and_quarantined(gateway: Gateway, form: str) -> None:
    """Checklist 9: in every form; the log entry names sender and recipient; the quarantine holds the mail."""
    token = gateway.send_form(form, samples.eicar())
    entry = gateway.wait_logged(token, "Blocked")
    assert re.search(
        r"Blocked INFECTED \(Eicar-Test-Signature[^)]*\) \{DiscardedInbound,Quarantined\}, "
        rf".*<{re.escape(samples.sender_of(token))}> -> <{re.escape(RECIPIENT)}>, .*quarantine: \S+,",
        entry,
    ), entry
    kept = gateway.quarantined(entry)
    assert kept is not None, f"no such file in the quarantine: {entry}"
    assert token.encode() in kept
    assert not gateway.delivered(token)
    assert gateway.queued(token) is None


@pytest.mark.parametrize("form", FORMS)
def test_harmless_twin_arrives(gateway: Gateway, form: str) -> None:
    """Checklist 10: one byte changed, and the same mail arrives unchanged."""
    token = new_token()
    gateway.passes_unchanged(token, samples.FORMS[form](token, RECIPIENT, samples.twin()))


def test_gtube_is_blocked_as_spam(gateway: Gateway) -> None:
    """Checklist 11."""
    token = gateway.send_form("plain", samples.gtube())
    entry = gateway.wait_logged(token, "Blocked")
    assert re.search(r"Blocked SPAM \{DiscardedInbound,Quarantined\}, .*Hits: \d{3,}", entry), entry
    kept = gateway.quarantined(entry)
    assert kept is not None, f"no such file in the quarantine: {entry}"
    assert token.encode() in kept
    assert not gateway.delivered(token)


@pytest.mark.parametrize("name", ["report.pdf.exe", "a.zip"])
def test_banned_attachment_is_blocked(gateway: Gateway, name: str) -> None:
    """Contract B12.02, B12.05: by its name, and by a name in an archive; a copy is kept."""
    content = samples.zipped("game.scr", b"text\r\n") if name.endswith(".zip") else b"text\r\n"
    token = new_token()
    gateway.send_accepted(token, samples.attachment_mail(token, RECIPIENT, name, content))
    entry = gateway.wait_logged(token, "Blocked")
    assert re.search(
        r"Blocked BANNED \([^)]*(report\.pdf\.exe|game\.scr)\) \{DiscardedInbound,Quarantined\}, ", entry
    ), entry
    assert gateway.quarantined(entry) is not None
    assert not gateway.delivered(token)


@pytest.mark.parametrize("name", ["report.exe.pdf", "a.zip"])
def test_twin_of_a_banned_attachment_arrives(gateway: Gateway, name: str) -> None:
    """Checklist 10, for names."""
    content = samples.zipped("scr.txt", b"text\r\n") if name.endswith(".zip") else b"text\r\n"
    token = new_token()
    gateway.passes_unchanged(token, samples.attachment_mail(token, RECIPIENT, name, content))


def test_gtube_twin_arrives(gateway: Gateway) -> None:
    """Checklist 10, for spam."""
    token = gateway.send_form("plain", samples.gtube_twin())
    assert samples.gtube_twin() in gateway.wait_delivered(token)


def test_unknown_recipient_is_refused_before_the_filter(gateway: Gateway) -> None:
    """Checklist 15; the log of the filter knows nothing of the mail."""
    token = new_token()
    recipient = "nobody-of-that-name@example.test"
    reply = gateway.send(token, samples.text_mail(token, recipient, b"hello\r\n"), recipient)
    assert reply.code == 550, reply
    assert gateway.log_entries(token) == []


def test_address_extension_survives(gateway: Gateway) -> None:
    """Checklist 16."""
    token = new_token()
    recipient = f"probe+{token}@example.test"
    reply = gateway.send(token, samples.text_mail(token, recipient, b"hello\r\n"), recipient)
    assert reply.code == 250, reply
    assert f"Delivered-To: {recipient}\n".encode() in gateway.wait_delivered(token)
