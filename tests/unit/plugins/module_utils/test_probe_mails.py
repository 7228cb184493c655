# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The probe mails: what is in them."""

from __future__ import annotations

import email
import io
import zipfile

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils._probe_mails import KINDS, ProbeMail

EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*" + b"GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"


def mail_of(kind):
    return ProbeMail(kind, "0123abcd", "probe@example.com", "you@example.org")


def content_of(kind):
    """What a decoder finds at the bottom of the mail."""
    message = email.message_from_bytes(mail_of(kind).data)
    part = message.get_payload()[1] if message.is_multipart() else message
    content = part.get_payload(decode=True)
    for _dummy in range(kind.count("zip")):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            content = archive.read(archive.namelist()[0])
    return content


@pytest.mark.parametrize("kind", ["eicar", "eicar_base64", "eicar_zip", "eicar_zip_zip"])
def test_eicar_is_the_whole_attachment(kind):
    """Checklist 9: plain, base64, zip, zip in a zip."""
    assert content_of(kind) == EICAR


@pytest.mark.parametrize("kind", ["twin", "twin_base64", "twin_zip", "twin_zip_zip"])
def test_a_twin_differs_from_eicar_in_one_byte(kind):
    content = content_of(kind)
    assert len(content) == len(EICAR)
    assert sum(one != other for one, other in zip(content, EICAR)) == 1


def test_gtube_and_its_twin():
    assert GTUBE in content_of("gtube")
    twin = content_of("twin_gtube")
    assert GTUBE not in twin and len(twin) == len(content_of("gtube"))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("banned", "probe.txt.scr"),
        ("banned_zip", "probe.txt.scr"),
        ("twin_banned", "probe.scr.txt"),
        ("twin_banned_zip", "probe.scr.txt"),
    ],
)
def test_what_is_banned_is_a_name(kind, name):
    """Contract B12.05: the contents are the same, harmless text; a twin has the extensions the other way round."""
    part = email.message_from_bytes(mail_of(kind).data).get_payload()[1]
    content = part.get_payload(decode=True)
    found = part.get_filename()
    if kind.endswith("_zip"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            (found,) = archive.namelist()
            content = archive.read(found)
    assert found == name
    assert content.startswith(b"This mail was sent by the probe")


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_mail_is_well_formed_and_carries_its_token(kind):
    mail = mail_of(kind)
    message = email.message_from_bytes(mail.data)
    assert message["Message-ID"] == "<0123abcd@example.com>" == mail.message_id
    assert message["X-Mailcordon-Probe"] == "0123abcd"
    assert not message.defects and all(message[name] for name in ("Date", "From", "To", "Subject", "MIME-Version"))
    assert b"\n" not in mail.data.replace(b"\r\n", b"")
    assert max(len(line) for line in mail.data.splitlines()) <= 78
    # An mbox would quote such a line, and the body would not come back byte for byte.
    assert b"\r\nFrom " not in mail.body


def test_the_sources_hold_no_test_string_that_a_scanner_would_find():
    source = ProbeMail.__init__.__code__.co_filename
    with open(source, "rb") as handle:
        text = handle.read().replace(b"\\\\", b"\\")
    assert EICAR not in text and GTUBE not in text


def test_one_changed_byte_in_the_body_is_seen():
    mail = mail_of("clean")
    delivered = b"Received: x\n" + mail.data.replace(b"\r\n", b"\n")
    assert mail.body_matches(delivered)
    assert not mail.body_matches(delivered.replace(b"ends in blanks  ", b"ends in blanks "))
    assert not mail.body_matches(delivered[:-1])
    assert not mail.body_matches(b"no body at all")
