# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The header of signed signature files (features 1.20, 2.01)."""

from __future__ import annotations

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils._cvd import HEADER_SIZE, NotACvdError, parse_header, read_header

FIELDS = ["ClamAV-VDB", "07 Jul 2025 04-29 -0400", "27690", "2076437", "90", "f" * 32, "sig+/nature", "builder", "1751876940"]


def header(fields, size=HEADER_SIZE):
    return ":".join(fields).encode("ascii").ljust(size)


def test_all_fields_are_read(tmp_path):
    path = tmp_path / "daily.cvd"
    path.write_bytes(header(FIELDS) + b"\x1f\x8b compressed")
    found = read_header(str(path))
    assert (found.version, found.signatures, found.functionality_level) == (27690, 2076437, 90)
    assert (found.build_time, found.md5, found.signature, found.builder) == (1751876940, "f" * 32, "sig+/nature", "builder")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "only 0 bytes, the header alone has 512"),
        (header(FIELDS)[:511], "only 511 bytes, the header alone has 512"),
        (header(["ClamAV-XYZ"] + FIELDS[1:]), "it does not begin with ClamAV-VDB"),
        (b"\xff" * 600, "it does not begin with ClamAV-VDB"),
        (header(FIELDS[:8]), "its header has 8 fields instead of 9"),
        (header(FIELDS[:2] + ["new"] + FIELDS[3:]), "the version in its header is no number: 'new'"),
        (header(FIELDS[:8] + ["-5"]), "the build time in its header is no number: '-5'"),
    ],
)
def test_what_is_no_header_is_told(data, reason):
    with pytest.raises(NotACvdError) as error:
        parse_header(data)
    assert str(error.value) == reason
