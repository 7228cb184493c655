# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hashes of passlib. That Dovecot verifies them is proven by the scenario submission (issue 3, point 6)."""

from __future__ import annotations

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError
from ansible_collections.mailcordon.gateway.plugins.plugin_utils import _passlib_hashes
from ansible_collections.mailcordon.gateway.plugins.plugin_utils._passlib_hashes import Hasher

# Made by `openssl passwd -6 -salt saltsalt secret`: not by passlib.
FOREIGN = "{SHA512-CRYPT}$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1"


def test_two_hashes_differ_and_both_are_kept():
    hasher = Hasher("sha512-crypt")
    first, second = hasher.hash("secret"), hasher.hash("secret")
    assert first != second
    assert first.startswith("{SHA512-CRYPT}$6$rounds=100000$")
    assert hasher.keeps(first, "secret") and hasher.keeps(second, "secret")


@pytest.mark.parametrize("password", ["Secret", "secret ", "", "sécret"])
def test_a_hash_of_another_password_is_not_kept(password):
    hasher = Hasher("sha512-crypt")
    assert not hasher.keeps(hasher.hash("secret"), password)


def test_another_scheme_and_what_is_no_hash_are_not_kept():
    hasher = Hasher("sha512-crypt")
    for hashed in ("", "{SHA512-CRYPT}", "{SHA512-CRYPT}$6$x", "{PLAIN}secret", "{SSHA}x", "secret"):
        assert not hasher.keeps(hashed, "secret")


def test_rounds_count_only_when_they_are_asked_for():
    cheap = Hasher("sha512-crypt", 5000).hash("secret")
    assert Hasher("sha512-crypt").keeps(cheap, "secret")
    assert Hasher("sha512-crypt", 5000).keeps(cheap, "secret")
    assert not Hasher("sha512-crypt", 6000).keeps(cheap, "secret")


def test_hashes_of_other_programs_are_kept():
    assert Hasher("sha512-crypt").keeps(FOREIGN, "secret")
    assert not Hasher("sha512-crypt").keeps(FOREIGN, "secret2")


def test_unknown_schemes_and_impossible_rounds_are_refused():
    with pytest.raises(GatewayError, match="scheme must be one of sha512-crypt, bcrypt, argon2id, not 'md5'"):
        Hasher("md5")
    with pytest.raises(GatewayError, match="sha512-crypt cannot be computed on the controller: "):
        Hasher("sha512-crypt", 1)


def test_passwords_that_bcrypt_would_cut_are_refused():
    """Whether bcrypt is there or not: the answer is one line, never a shorter password."""
    try:
        hasher = Hasher("bcrypt", 4)
    except GatewayError as error:
        assert "bcrypt" in str(error) and "\n" not in str(error)
        return
    hashed = hasher.hash("x" * 72)
    assert hashed.startswith("{BLF-CRYPT}$2") and hasher.keeps(hashed, "x" * 72)
    with pytest.raises(GatewayError, match="more than 72 octets"):
        hasher.hash("x" * 73)


def test_without_passlib_there_is_one_clear_line(monkeypatch):
    monkeypatch.setattr(_passlib_hashes, "handlers", None)
    with pytest.raises(GatewayError, match=r"the Python of the controller \(.+\) has no passlib: install it there, or give password_hash"):
        Hasher("sha512-crypt")
