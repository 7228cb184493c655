# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the real clamd looks into, and what stops it: scan options, alerts and limits (features chapter 2d)."""

from __future__ import annotations

import bz2
import gzip
import io
import re
import struct
import subprocess
import zipfile

import pytest
from ansible_collections.mailcordon.gateway.tests.end_to_end.samples import attachment_mail, eicar, twin, zipped
from ansible_collections.mailcordon.gateway.tests.tools.clamav_bench import FOUND

CLEAN = "stream: OK"
LIMITS = "stream: Heuristics.Limits.Exceeded."
MEGABYTE = 1024 * 1024
BOMB = bytes(64 * MEGABYTE)


def nested(depth: int, content: bytes) -> bytes:
    """The content below that many zip archives."""
    for _ in range(depth):
        content = zipped("inner", content)
    return content


def with_files(number: int, content: bytes = b"") -> bytes:
    """A zip archive with that many files, no two alike."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for index in range(number):
            archive.writestr(f"file{index}", content + str(index).encode())
    return buffer.getvalue()


BOMBS = {
    "gzip": lambda: gzip.compress(BOMB),
    "bzip2": lambda: bz2.compress(BOMB),
    "zip": lambda: with_files(16, BOMB[: 4 * MEGABYTE]),
}


def encrypted(content: bytes) -> bytes:
    """A zip archive that says of its file that it is encrypted, in both of its headers."""
    archive = bytearray(zipped("file", content))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        archive[archive.index(signature) + offset] |= 1
    return bytes(archive)


def broken_program() -> bytes:
    """An ELF header that promises program headers which are not there."""
    identification = b"\x7fELF" + bytes([2, 1, 1, 0]) + bytes(8)
    fields = struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0x400000, 64, 0, 0, 64, 56, 500, 64, 0, 0)
    return identification + fields + bytes(64)


@pytest.mark.parametrize("name", ["ScanPE", "ScanOLE2", "ScanMail", "ScanHTML", "ScanArchive"])
def test_is_on_unless_switched_off(name):
    """Covers features 2.61, 2.62, 2.64, 2.65, 2.67, 2.68: the role leaves these at clamd's own default."""
    text = subprocess.run(["clamconf", "-g", "clamd.conf"], check=True, capture_output=True, text=True).stdout
    assert re.search(rf"(?m)^# Default: yes\n#{name} ", text)


@pytest.mark.parametrize("on", [True, False])
def test_archives(bench, on):
    """Covers features 2.68: the twin with ScanArchive off does not see into the zip."""
    clamd = bench.clamd({"ScanArchive": on}).start()
    assert clamd.stream(zipped("file", eicar())).endswith(FOUND) is on
    assert clamd.stream(zipped("file", twin())) == CLEAN
    assert clamd.stream(eicar()).endswith(FOUND)


@pytest.mark.parametrize("on", [True, False])
def test_mails(bench, on):
    """Covers features 2.65: base64 is decoded, or not."""
    clamd = bench.clamd({"ScanMail": on}).start()
    assert clamd.stream(attachment_mail("t1", "a@example.test", "file.com", eicar())).endswith(FOUND) is on
    assert clamd.stream(attachment_mail("t2", "a@example.test", "file.com", twin())) == CLEAN


@pytest.mark.parametrize("on", [True, False])
def test_broken_programs_by_the_old_name(bench, on):
    """Covers features 2.63: DetectBrokenExecutables is written as AlertBrokenExecutables and works."""
    clamd = bench.clamd({"DetectBrokenExecutables": on}).start()
    assert ("Broken.Executable" in clamd.stream(broken_program())) is on


@pytest.mark.parametrize("on", [True, False])
def test_encrypted_archives_by_the_old_name(bench, on):
    """Covers features 2.75: ArchiveBlockEncrypted is written as AlertEncryptedArchive and works."""
    clamd = bench.clamd({"ArchiveBlockEncrypted": on}).start()
    assert ("Encrypted.Zip" in clamd.stream(encrypted(twin()))) is on
    assert clamd.stream(zipped("file", twin())) == CLEAN


def test_file_size_by_the_old_name(bench):
    """Covers features 2.70: what is larger than ArchiveMaxFileSize is not scanned, and said so."""
    clamd = bench.clamd({"ArchiveMaxFileSize": "1M", "AlertExceedsMax": True}).start()
    assert clamd.stream(gzip.compress(bytes(2 * MEGABYTE) + eicar())).startswith(LIMITS + "MaxFileSize")
    assert clamd.stream(gzip.compress(bytes(MEGABYTE // 2) + eicar())).endswith(FOUND)
    assert clamd.stream(gzip.compress(bytes(MEGABYTE // 2) + twin())) == CLEAN


def test_depth_by_the_old_name(bench):
    """Covers features 2.71."""
    clamd = bench.clamd({"ArchiveMaxRecursion": 9, "AlertExceedsMax": True}).start()
    assert clamd.stream(nested(12, eicar())).startswith(LIMITS + "MaxRecursion")
    assert clamd.stream(nested(5, eicar())).endswith(FOUND)
    assert clamd.stream(nested(5, twin())) == CLEAN


def test_number_of_files_by_the_old_name(bench):
    """Covers features 2.72."""
    clamd = bench.clamd({"ArchiveMaxFiles": 100, "AlertExceedsMax": True}).start()
    assert clamd.stream(with_files(200)).startswith(LIMITS + "MaxFiles")
    assert clamd.stream(with_files(50)) == CLEAN


@pytest.mark.parametrize("alert", [True, False])
@pytest.mark.parametrize("form", BOMBS)
def test_a_bomb_is_stopped_by_the_limits(bench, form, alert):
    """Covers features 2.73, 2.74, 2.76, 18.05: a ratio over 300, stopped and flagged without the removed options.

    The twin without ArchiveBlockMax is stopped too, but nobody would know.
    """
    bomb = BOMBS[form]()
    assert len(BOMB) / len(bomb) > 300
    options = {"MaxScanSize": "16M", "MaxFileSize": "8M", "ArchiveBlockMax": alert}
    verdict = bench.clamd(options).start().stream(bomb)
    assert verdict.startswith(LIMITS) if alert else verdict == CLEAN


def test_an_archive_with_a_high_ratio_within_the_limits_passes(bench):
    """The twin of features 2.73: a ratio alone is no reason."""
    archive = zipped("file", bytes(4 * MEGABYTE))
    assert 4 * MEGABYTE / len(archive) > 300
    clamd = bench.clamd({"MaxScanSize": "16M", "MaxFileSize": "8M", "ArchiveBlockMax": True}).start()
    assert clamd.stream(archive) == CLEAN
