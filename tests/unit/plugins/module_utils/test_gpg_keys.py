# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys of channels as gpg lists them (spam rules from sa-update, features chapter 8)."""

from __future__ import annotations

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils import _gpg_keys as gpg_keys
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError

ONE, TWO = "A" * 40, "B" * 40


def listing(fingerprint=ONE, validity="-", expiry="", kind="pub"):
    return (
        "tru::1:1700000000:0:3:1:5\n"
        "%s:%s:255:22:AAAAAAAAAAAAAAAA:1700000000:%s::-:::scESC::::::23::0:\n"
        "fpr:::::::::%s:\n"
        "uid:%s::::1700000000::0123::Rules <rules@example.com>::::::::::0:\n"
        "sub:-:255:18:CCCCCCCCCCCCCCCC:1700000000::::::e::::::23:\n"
        "fpr:::::::::%s:\n"
    ) % (kind, validity, expiry, fingerprint, validity, "C" * 40)


def refusal(text, fingerprint=None):
    with pytest.raises(GatewayError) as raised:
        gpg_keys.check_wanted(gpg_keys.parse_listing(text), fingerprint)
    return str(raised.value)


def test_the_fingerprint_is_that_of_the_primary_key():
    assert list(gpg_keys.parse_listing(listing())) == [ONE]
    gpg_keys.check_wanted(gpg_keys.parse_listing(listing()), ONE)
    gpg_keys.check_wanted(gpg_keys.parse_listing(listing()), None)


def test_a_renewed_key_differs_in_its_parts():
    old, new = gpg_keys.parse_listing(listing(expiry="1800000000")), gpg_keys.parse_listing(listing(expiry="1900000000"))
    assert old[ONE].parts != new[ONE].parts


@pytest.mark.parametrize(
    ("text", "fingerprint", "reason"),
    [
        ("", None, "it holds no public key; give one"),
        (listing() + listing(TWO), None, "it holds 2 keys; give one"),
        (listing(), TWO, "it holds the key %s, not %s" % (ONE, TWO)),
        (listing(validity="e"), None, "the key %s has expired" % ONE),
        (listing(validity="r"), ONE, "the key %s is revoked" % ONE),
        (listing(kind="sec"), ONE, "it holds a secret key; export the public one only (gpg --export)"),
    ],
)
def test_keys_that_cannot_serve(text, fingerprint, reason):
    assert refusal(text, fingerprint) == reason


@pytest.mark.parametrize("text", [ONE, ONE.lower(), "0x" + ONE, " ".join([ONE[:4]] * 10)])
def test_fingerprints_as_people_write_them(text):
    assert gpg_keys.normal_fingerprint(text) == ONE


@pytest.mark.parametrize("text", ["", "24F434CE", "6C55397824F434CE", "G" * 40, ONE + "A"])
def test_ids_of_keys_are_no_fingerprints(text):
    with pytest.raises(GatewayError, match="give all 40 digits"):
        gpg_keys.normal_fingerprint(text)
