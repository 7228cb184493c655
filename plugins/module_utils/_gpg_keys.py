# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Public OpenPGP keys as "gpg --with-colons" lists them (doc/DETAILS of GnuPG)."""

from __future__ import annotations

import re

from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError

_UNUSABLE = {"d": "is disabled", "e": "has expired", "i": "is invalid", "r": "is revoked"}


class Key(object):
    """A primary key: fingerprint, why it cannot be used (or None), and the parts by which a renewed key differs."""

    def __init__(self, unusable):
        self.fingerprint = None
        self.unusable = unusable
        self.parts = []


def parse_listing(listing):
    """The keys of a listing, by their fingerprints. Raises GatewayError on a secret key, which has no place here."""
    keys = []
    for line in listing.splitlines():
        fields = line.split(":")
        if fields[0] == "sec":
            raise GatewayError("it holds a secret key; export the public one only (gpg --export)")
        if fields[0] == "pub":
            keys.append(Key(_UNUSABLE.get(fields[1][:1])))
        if not keys:
            continue
        if fields[0] in ("pub", "sub"):
            # Id, time of expiry and abilities: what differs when a key is renewed.
            keys[-1].parts.append((fields[4], fields[6], fields[11].lower() if fields[0] == "sub" else ""))
        elif fields[0] == "fpr" and keys[-1].fingerprint is None:
            keys[-1].fingerprint = fields[9]
    return {key.fingerprint: key for key in keys}


def normal_fingerprint(text):
    """A fingerprint without blanks, in capitals. Raises GatewayError when it is none, or only the id of a key."""
    fingerprint = re.sub(r"[\s:]", "", text).upper()
    if fingerprint.startswith("0X"):
        fingerprint = fingerprint[2:]
    if not re.match(r"(?:[0-9A-F]{40}|[0-9A-F]{64})\Z", fingerprint):
        raise GatewayError("%s is no fingerprint: give all 40 digits, ids of keys can be forged" % text)
    return fingerprint


def check_wanted(keys, fingerprint):
    """Refuse a key file that cannot serve: none or several keys, an unusable one, another than expected."""
    if len(keys) != 1:
        raise GatewayError("it holds %s; give one" % ("no public key" if not keys else "%d keys" % len(keys)))
    found, key = list(keys.items())[0]
    if fingerprint and found != fingerprint:
        raise GatewayError("it holds the key %s, not %s" % (found, fingerprint))
    if key.unusable:
        raise GatewayError("the key %s %s" % (found, key.unusable))
