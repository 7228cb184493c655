# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Password hashes for Dovecot, made and verified on the controller with passlib."""

from __future__ import annotations

import sys

from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError

try:
    from passlib import exc, hash as handlers
except ImportError:
    exc = handlers = None

# bcrypt looks at no more of a password, and passlib cuts it silently.
BCRYPT_OCTETS = 72
# By name: Dovecot's name of the scheme, passlib's, and the rounds. Dovecot verifies one login after the other, so the
# default of SHA512-CRYPT is one that takes some 50 ms; passlib's own takes six times as long.
SCHEMES = {
    "sha512-crypt": ("SHA512-CRYPT", "sha512_crypt", 100000),
    "bcrypt": ("BLF-CRYPT", "bcrypt", 11),
    "argon2id": ("ARGON2ID", "argon2", None),
}


class Hasher(object):
    """One scheme with its rounds. Raises GatewayError when the controller cannot compute it."""

    def __init__(self, scheme, rounds=None):
        if scheme not in SCHEMES:
            raise GatewayError("scheme must be one of %s, not %r" % (", ".join(SCHEMES), scheme))
        if handlers is None:
            raise GatewayError(
                "the Python of the controller (%s) has no passlib: install it there, or give password_hash instead of password"
                % sys.executable
            )
        prefix, name, default_rounds = SCHEMES[scheme]
        self.scheme = scheme
        self._prefix = "{%s}" % prefix
        self._must_have_rounds = rounds is not None
        try:
            handler = getattr(handlers, name)
            # Where the program that computes the hash is missing, passlib finds out at the first hash only.
            handler.using(rounds=handler.min_rounds).hash("x")
            self._handler = handler.using(rounds=rounds or default_rounds) if rounds or default_rounds else handler
        except exc.MissingBackendError:
            raise GatewayError(
                "%s needs another Python package on the controller: install %s for %s"
                % (scheme, {"argon2": "argon2-cffi"}.get(name, name), sys.executable)
            )
        except (ValueError, TypeError, AttributeError) as error:
            raise GatewayError("%s cannot be computed on the controller: %s" % (scheme, error))

    def hash(self, password):
        """A new hash with a new salt, as Dovecot reads it."""
        if self.scheme == "bcrypt" and len(password.encode("utf-8")) > BCRYPT_OCTETS:
            raise GatewayError("a password has more than %d octets, which bcrypt cannot take: use another scheme" % BCRYPT_OCTETS)
        return self._prefix + self._handler.hash(password)

    def keeps(self, hashed, password):
        """Whether a hash that is there serves: same scheme, verifies the password, and has the rounds asked for."""
        if not hashed.startswith(self._prefix):
            return False
        hashed = hashed[len(self._prefix):]
        try:
            if not self._handler.verify(password, hashed):
                return False
            return not (self._must_have_rounds and self._handler.needs_update(hashed))
        except ValueError:
            return False
