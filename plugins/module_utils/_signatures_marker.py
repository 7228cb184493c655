# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Markers: the proof that clamd has loaded certain signature files.

clamd tells the version of the daily database only. So a small signature file of our own lies beside the others, with
one signature for each file that was installed, made from the file's name and digest. clamd loads its directory as a
whole or not at all; once it finds the marker of a file in a stream that holds just that marker, it has loaded the file.
"""

from __future__ import annotations

import hashlib

MARKER_FILE = "mailcordon-loaded.ndb"
_PREFIX = "Mailcordon.Loaded."


def marker_name(name, sha256):
    """Name of the signature that marks a file with this digest."""
    return "%s%s.%s" % (_PREFIX, name, sha256[:16])


def marker_probe(name, sha256):
    """The octets in which only that signature is found."""
    text = "mailcordon-loaded %s %s" % (name, sha256)
    return ("mailcordon-loaded " + hashlib.sha256(text.encode("utf-8")).hexdigest()).encode("ascii")


def marker_text(digests):
    """The signature file for a dictionary of file name to digest."""
    any_file_type, any_offset = "0", "*"
    lines = ["# Proves which files clamd has loaded. Managed by Ansible (mailcordon.gateway.signatures)."]
    for name in sorted(digests):
        probe = marker_probe(name, digests[name])
        lines.append(":".join([marker_name(name, digests[name]), any_file_type, any_offset, probe.hex()]))
    return "\n".join(lines) + "\n"


def marked(text):
    """The names of the marked files with the first digits of their digests, from the text of the signature file."""
    found = {}
    for line in text.splitlines():
        if line.startswith(_PREFIX):
            name, dummy_dot, digits = line.partition(":")[0][len(_PREFIX):].rpartition(".")
            found[name] = digits
    return found


def is_marker(found, name, sha256):
    """Whether what clamd found is this marker; clamd adds C(.UNOFFICIAL) to what is not signed."""
    return found in (marker_name(name, sha256), marker_name(name, sha256) + ".UNOFFICIAL")
