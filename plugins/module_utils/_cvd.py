# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The first 512 bytes of a signed signature file (CVD, CLD, CUD): its version and when it was built."""

from __future__ import annotations

import collections

HEADER_SIZE = 512
_MAGIC = "ClamAV-VDB"

# version: number of the database. build_time: seconds since 1970. signatures: how many it holds.
# functionality_level: what libclamav must be able to do. md5, signature: as written; "X" in unsigned ones (CUD).
CvdHeader = collections.namedtuple(
    "CvdHeader", ["version", "build_time", "signatures", "functionality_level", "md5", "signature", "builder"]
)


class NotACvdError(ValueError):
    """The bytes are no such header; its text says what is wrong with them."""


def parse_header(data):
    """The header at the start of data. Raises NotACvdError.

    Fields are separated by colons: magic, build time as text (its hour and minute are joined by a dash), version,
    signatures, functionality level, MD5, digital signature, builder, build time in seconds.
    """
    if len(data) < HEADER_SIZE:
        raise NotACvdError("only %d bytes, the header alone has %d" % (len(data), HEADER_SIZE))
    try:
        fields = data[:HEADER_SIZE].decode("ascii").rstrip(" \0\n").split(":")
    except UnicodeDecodeError:
        raise NotACvdError("it does not begin with %s" % _MAGIC)
    if fields[0] != _MAGIC:
        raise NotACvdError("it does not begin with %s" % _MAGIC)
    if len(fields) < 9:
        raise NotACvdError("its header has %d fields instead of 9" % len(fields))
    numbers = {}
    for name, position in (("version", 2), ("signatures", 3), ("functionality_level", 4), ("build_time", 8)):
        if not fields[position].isdigit():
            raise NotACvdError("the %s in its header is no number: %r" % (name.replace("_", " "), fields[position]))
        numbers[name] = int(fields[position])
    return CvdHeader(md5=fields[5], signature=fields[6], builder=fields[7], **numbers)


def read_header(path):
    """The header of a file. Raises NotACvdError, and OSError when it cannot be read."""
    with open(path, "rb") as handle:
        return parse_header(handle.read(HEADER_SIZE))
