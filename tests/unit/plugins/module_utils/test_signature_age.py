# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How old signatures are (features 1.20) and the last update (features 2.30), from files as ClamAV leaves them."""

from __future__ import annotations

import os
import time

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils import _signature_age as signature_age
from ansible_collections.mailcordon.gateway.plugins.module_utils._inspector import Inspector

DAY = 86400
NOW = int(time.time())


def write(path, built=None, modified=None, version=27690):
    """A signature file; built makes it a signed one."""
    text = "Name:0:*:4142\n"
    if built is not None:
        text = "ClamAV-VDB:07 Jul 2025 04-29 -0400:%d:10:90:%s:sig:builder:%d" % (version, "f" * 32, built)
    path.write_bytes(text.encode("ascii").ljust(600))
    os.utime(str(path), (modified or NOW, modified or NOW))


def read(directory, log="/nonexistent/log"):
    inspector = Inspector(timeout=5)
    return signature_age.read_signatures(inspector, str(directory), log), inspector.problems


def test_the_daily_database_tells_the_age(tmp_path):
    """Features 1.20: main is built once in years, and copying a file makes no signatures younger."""
    write(tmp_path / "main.cvd", built=NOW - 700 * DAY, version=62)
    write(tmp_path / "daily.cld", built=NOW - 8 * DAY)
    write(tmp_path / "bytecode.cvd", built=NOW - 3 * DAY)
    write(tmp_path / "site.ndb")
    found, problems = read(tmp_path)
    assert (found["age_of"], found["version"], problems) == ("daily.cld", 27690, [])
    assert 8 * DAY <= found["age_seconds"] < 8 * DAY + 60
    assert [entry["name"] for entry in found["databases"]] == ["bytecode.cvd", "daily.cld", "main.cvd", "site.ndb"]
    assert [entry["official"] for entry in found["databases"]] == [True, True, True, False]


def test_files_of_ones_own_are_as_old_as_the_newest(tmp_path):
    """Features 1.20: without official databases; unsigned ones tell a build time that nobody vouches for."""
    write(tmp_path / "old.hdb", modified=NOW - 20 * DAY)
    write(tmp_path / "new.ndb", modified=NOW - 2 * DAY)
    write(tmp_path / "daily.cud", built=NOW, modified=NOW - 5 * DAY)
    (tmp_path / "freshclam.dat").write_bytes(b"x")
    (tmp_path / "tmp.ndb").mkdir()
    found, problems = read(tmp_path)
    assert (found["age_of"], found["version"], problems) == ("new.ndb", None, [])
    assert 2 * DAY <= found["age_seconds"] < 2 * DAY + 60


def test_a_broken_file_is_told_and_the_others_count(tmp_path):
    write(tmp_path / "daily.cvd", built=NOW - DAY)
    (tmp_path / "main.cvd").write_bytes(b"<html>")
    found, problems = read(tmp_path)
    assert found["age_of"] == "daily.cvd"
    assert problems == [{"part": "signatures", "problem": "%s: only 6 bytes, the header alone has 512" % (tmp_path / "main.cvd")}]


def test_an_empty_directory_and_none(tmp_path):
    found, problems = read(tmp_path)
    assert (found["age_seconds"], found["age_of"], found["databases"], problems) == (None, None, [], [])
    assert read(tmp_path / "none") == (None, [])


def log_of(start, *lines):
    stamp = time.strftime("%a %b %d %H:%M:%S %Y", time.localtime(start))
    return "".join("%s -> %s\n" % (stamp, line) for line in ("ClamAV update process started at " + stamp,) + lines)


GOOD = "daily.cld updated (version: 27690, sigs: 2076437, f-level: 90, builder: raynman)"
BAD = "ERROR: Can't download daily.cvd from https://database.clamav.net/daily.cvd"


@pytest.fixture
def log(tmp_path):
    return tmp_path / "freshclam.log"


def update(log):
    return signature_age.last_update(Inspector(timeout=5), str(log))


def test_a_failure_after_a_success(log):
    """Features 2.30."""
    log.write_text(log_of(NOW - 7200, GOOD) + log_of(NOW - 3600, BAD))
    found = update(log)
    assert found["failing"] and found["last_failure_reason"] == BAD[len("ERROR: "):] and found["source"] == str(log)
    assert 7200 <= found["last_success_age_seconds"] < 7260
    assert found["last_failure"] == signature_age.iso(NOW - 3600)


def test_a_success_after_a_failure(log):
    log.write_text(log_of(NOW - 7200, BAD) + log_of(NOW - 3600, GOOD))
    found = update(log)
    assert not found["failing"] and 3600 <= found["last_success_age_seconds"] < 3660 and found["last_failure"] is not None


def test_the_former_log_counts_after_a_rotation(log):
    log.write_text("")
    (log.parent / "freshclam.log.1").write_text(log_of(NOW - 3600, GOOD))
    assert 3600 <= update(log)["last_success_age_seconds"] < 3660
    log.write_text(log_of(NOW, BAD))
    assert update(log)["failing"]


def test_only_the_end_of_a_long_log_is_read(log):
    with log.open("w") as handle:
        for number in range(20000):
            handle.write(log_of(NOW - 20000 + number, GOOD))
    started = time.monotonic()
    assert update(log)["last_success_age_seconds"] < 60
    assert time.monotonic() - started < 2


def test_dates_are_in_utc():
    assert signature_age.iso(1795413588) == "2026-11-23T05:59:48Z" and signature_age.iso(None) is None
