# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dovecot's passwd-file: one line a user, name:password hash:further fields (doc.dovecot.org, passwd-file)."""

from __future__ import annotations

import re

from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError, one_line

# What auth_username_chars allows, in lower case: Dovecot lowers a name before it looks it up.
_NAME = re.compile(r"[a-z0-9._@-]+\Z")
_HASH = re.compile(r"(\{[A-Za-z0-9.-]+\}[^\s:]+|\$[0-9a-z]+\$[^\s:]+)\Z")
_READABLE = re.compile(r"\{(PLAIN|CLEARTEXT|PLAIN-TRUNC|CLEAR|PLAIN\.[A-Z0-9]+)\}", re.I)


def parse(text):
    """The password hashes by name. Lines without a name and comments do not count; of double names the first does."""
    hashes = {}
    for line in text.splitlines():
        name, rest = _split(line)
        if name is not None and name not in hashes:
            hashes[name] = rest.partition(":")[0]
    return hashes


def problems_of(users):
    """What is wrong with the users of a task, as sentences that never hold a password or a hash.

    A user is a dictionary with name, state and at most one of password and password_hash.
    """
    problems = []
    seen = set()
    for number, user in enumerate(users, 1):
        name = user.get("name")
        if not isinstance(name, str) or not _NAME.match(name):
            reason = "use lower case letters, digits and . _ @ -"
            problems.append("user %d: the name %r is none that Dovecot looks up, %s" % (number, name, reason))
            continue
        if name in seen:
            problems.append("%s: given twice" % name)
        seen.add(name)
        if user.get("state") != "absent":
            problems.extend("%s: %s" % (name, problem) for problem in _secret_problems(user))
    return problems


def normalise(users):
    """The users of a task as (hashes by name, names of absent users). Raises GatewayError.

    A hash without a scheme, such as those of crypt(3), gets the scheme CRYPT.
    """
    problems = problems_of(users)
    if problems:
        raise GatewayError(one_line(problems))
    hashes = {}
    for user in users:
        if user.get("state") != "absent":
            hashed = user["password_hash"]
            hashes[user["name"]] = hashed if hashed.startswith("{") else "{CRYPT}" + hashed
    return hashes, [user["name"] for user in users if user.get("state") == "absent"]


def apply(text, hashes, absent, exclusive):
    """The text with the users as wanted, and the names of those that changed.

    Comments, the order of the lines and further fields of a user stay. exclusive removes all users who are not wanted.
    """
    lines = []
    changed = []
    written = set()
    for line in text.splitlines():
        name, rest = _split(line)
        if name is None:
            lines.append(line)
        elif name in absent or (name in hashes and name in written) or (exclusive and name not in hashes):
            changed.append(name)
        elif name in hashes and rest.partition(":")[0] != hashes[name]:
            dummy, colon, fields = rest.partition(":")
            lines.append("%s:%s%s%s" % (name, hashes[name], colon, fields))
            changed.append(name)
            written.add(name)
        else:
            lines.append(line)
            written.add(name)
    for name, hashed in hashes.items():
        if name not in written:
            lines.append("%s:%s" % (name, hashed))
            changed.append(name)
    return "".join(line + "\n" for line in lines), sorted(set(changed))


def without_hashes(text):
    """The text for a diff: who is there, with the scheme but without the hash."""
    lines = []
    for line in text.splitlines():
        name, rest = _split(line)
        if name is not None:
            hashed, colon, fields = rest.partition(":")
            scheme = re.match(r"\{[^}]*\}", hashed)
            line = "%s:%s***%s%s" % (name, scheme.group() if scheme else "", colon, fields)
        lines.append(line)
    return "".join(line + "\n" for line in lines)


def _split(line):
    """(name, what follows the first colon); (None, None) for lines that Dovecot skips."""
    if not line or line[0] in ":#":
        return None, None
    name, dummy, rest = line.partition(":")
    return name, rest


def _secret_problems(user):
    password, hashed = user.get("password"), user.get("password_hash")
    if (password is None) == (hashed is None):
        return ["needs one of password and password_hash"]
    if password is not None:
        if not isinstance(password, str) or not password or "\0" in password:
            return ["the password must be text, quote it, and not empty"]
        return []
    if not isinstance(hashed, str) or not _HASH.match(hashed):
        return ["password_hash must begin with {SCHEME} or with $, and hold no blank and no colon"]
    if _READABLE.match(hashed):
        return ["password_hash holds a readable password, give it as password"]
    return []
