# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Markers that prove what clamd has loaded."""

from __future__ import annotations

from ansible_collections.mailcordon.gateway.plugins.module_utils import _signatures_marker as markers

DIGESTS = {"daily.cvd": "ab" * 32, "own.ndb": "cd" * 32}


def test_the_text_tells_what_is_marked():
    text = markers.marker_text(DIGESTS)
    assert markers.marked(text) == {"daily.cvd": "ab" * 8, "own.ndb": "cd" * 8}
    assert markers.marked("") == {}


def test_each_line_finds_its_own_probe_only():
    lines = markers.marker_text(DIGESTS).splitlines()[1:]
    for name, digest in DIGESTS.items():
        found = [line.split(":")[0] for line in lines if bytes.fromhex(line.split(":")[3]) in markers.marker_probe(name, digest)]
        assert found == [markers.marker_name(name, digest)]


def test_another_content_has_another_probe():
    assert markers.marker_probe("a.ndb", "ab" * 32) != markers.marker_probe("a.ndb", "cd" * 32)
    assert markers.marker_probe("a.ndb", "ab" * 32) != markers.marker_probe("b.ndb", "ab" * 32)


def test_what_clamd_calls_it():
    name = markers.marker_name("a.ndb", "ab" * 32)
    assert markers.is_marker(name + ".UNOFFICIAL", "a.ndb", "ab" * 32)
    assert not markers.is_marker(name + ".UNOFFICIAL", "a.ndb", "cd" * 32)
    assert not markers.is_marker("", "a.ndb", "ab" * 32)
