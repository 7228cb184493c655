# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names, headers and versions of signature files, and which may replace which (features 2.01)."""

from __future__ import annotations

import os

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils import _signatures as signatures

HEADER = "ClamAV-VDB:22 Jun 2021 21-34 -0400:%d:14:81:3e249e00076b0b15bb54ced37be880c7:Dou6:builder:1624412045"


def database(version, content="a"):
    return signatures.SignatureFile(content, 9000, signatures.Header(version, "2021-06-23T01:34:05Z", 14))


def plain(content="a"):
    return signatures.SignatureFile(content, 10, None)


def test_header_of_a_database():
    found = signatures.header_of((HEADER % 6).encode("ascii").ljust(512) + b"\x1f\x8b")
    assert found == signatures.Header(6, "2021-06-23T01:34:05Z", 14)


def test_what_has_no_header():
    assert signatures.header_of(b"<html>" * 100) is None
    assert signatures.header_of((HEADER % 6).encode("ascii")) is None


@pytest.mark.parametrize("name", ["daily.cvd", "main.cld", "a.cud", "own.ndb", "Own-1_2.ldb", "rules.yar", "x.ign2"])
def test_names_that_clamav_loads(name):
    assert signatures.name_problem(name) is None


@pytest.mark.parametrize("name", ["daily", "daily.cvd.sign", "own.nbd", "DAILY.CVD", ".a.ndb", "a b.ndb", "../a.ndb", "a\n.ndb"])
def test_names_that_are_refused(name):
    assert signatures.name_problem(name)


def test_libclamav_loads_what_is_hidden_too():
    assert signatures.is_signature_file(".old.cvd") and signatures.is_signature_file("A.NDB")
    assert not signatures.is_signature_file(".mailcordon-daily.cvd~")


def test_twins():
    assert signatures.twin_of("main.cvd") == "main.cld" and signatures.twin_of("main.cld") == "main.cvd"
    assert signatures.twin_of("main.cud") is None


@pytest.mark.parametrize(
    ("wanted", "installed", "install", "keep", "twins"),
    [
        ({"daily.cvd": database(6)}, {}, ["daily.cvd"], [], []),
        ({"daily.cvd": database(6)}, {"daily.cvd": database(5, "b")}, ["daily.cvd"], [], []),
        ({"daily.cvd": database(6)}, {"daily.cvd": database(6)}, [], ["daily.cvd"], []),
        # Damaged on the host's disk
        ({"daily.cvd": database(6)}, {"daily.cvd": database(6, "b")}, ["daily.cvd"], [], []),
        ({"daily.cvd": database(6)}, {"daily.cvd": signatures.SignatureFile("b", 3, None)}, ["daily.cvd"], [], []),
        ({"daily.cvd": database(6)}, {"daily.cld": database(5, "b")}, ["daily.cvd"], [], ["daily.cld"]),
        ({"daily.cvd": database(6)}, {"daily.cld": database(6, "b")}, [], ["daily.cld"], []),
        # Left side by side by something else
        ({"daily.cvd": database(6)}, {"daily.cvd": database(6), "daily.cld": database(5, "b")}, [], ["daily.cvd"], ["daily.cld"]),
        ({"own.ndb": plain()}, {"own.ndb": plain("b")}, ["own.ndb"], [], []),
        ({"own.ndb": plain()}, {"own.ndb": plain(), "other.ndb": plain("b")}, [], ["own.ndb"], []),
    ],
)
def test_what_is_to_be_done(wanted, installed, install, keep, twins):
    plan = signatures.plan(wanted, installed)
    assert (plan.install, plan.keep, plan.twins, plan.problems) == (install, keep, twins, [])


def test_older_ones_are_refused_unless_allowed():
    for installed in ({"daily.cvd": database(6)}, {"daily.cld": database(6)}):
        plan = signatures.plan({"daily.cvd": database(5, "b")}, installed)
        assert plan.install == [] and "version 5 is older than the installed 6" in plan.problems[0]
        assert signatures.plan({"daily.cvd": database(5, "b")}, installed, allow_downgrade=True).install == ["daily.cvd"]


def test_unsigned_and_empty_ones_are_refused():
    plan = signatures.plan({"a.cud": database(1), "b.ndb": signatures.SignatureFile("e", 0, None), "c.cvd": plain()}, {})
    assert [problem.partition(":")[0] for problem in plan.problems] == ["a.cud", "b.ndb", "c.cvd"]
    assert signatures.plan({"a.cud": database(1)}, {}, allow_unsigned=True).install == ["a.cud"]


@pytest.mark.parametrize(
    ("returncode", "output", "reason"),
    [
        (1, "ERROR: cvdinfo: Verification: Can't verify database integrity", "Can't verify database integrity"),
        (1, "LibClamAV Error: x\nERROR: cvdinfo: Can't read/parse CVD header of a", "Can't read/parse CVD header of a"),
        (0, "Verification: Unsigned container", "no digital signature"),
        (1, "Verification OK.", "no digital signature"),
    ],
)
def test_what_sigtool_does_not_vouch_for(returncode, output, reason):
    assert reason in signatures.sigtool_problem("a.cvd", returncode, output)


def test_what_sigtool_vouches_for():
    assert signatures.sigtool_problem("a.cvd", 0, "File: a\nVersion: 6\nVerification OK.\n") is None


@pytest.mark.parametrize(
    ("returncode", "output", "reason"),
    [
        (2, "LibClamAV Error: Problem parsing database at line 1\nERROR: Malformed database", "Problem parsing database at line 1"),
        # clamscan goes on without such a file and exits with 0
        (0, "LibClamAV Warning: cli_loadyara: failed to parse or load 1 yara rules from file /tmp/x/a.yar, ok", "file a.yar, ok"),
        (2, "", "exit code 2"),
    ],
)
def test_what_clamav_cannot_load(returncode, output, reason):
    assert reason in signatures.load_problem("a.yar", returncode, output, "/tmp/x/a.yar")


def test_what_clamav_loads():
    assert signatures.load_problem("a.ndb", 0, "/tmp/nothing: Empty file\n", "/tmp/a.ndb") is None


def test_files_and_directories_are_collected(tmp_path):
    for name in ("main.cvd", "dns.txt", "daily-1.cdiff", ".hidden", "more.ndb"):
        (tmp_path / name).write_text("x")
    (tmp_path / "subdirectory.ndb").mkdir()
    paths, problems = signatures.collect([str(tmp_path), str(tmp_path / "main.cvd")])
    assert (sorted(paths), problems) == (["main.cvd", "more.ndb"], [])


def test_all_problems_of_the_sources_at_once(tmp_path):
    for name in ("a/own.ndb", "b/own.ndb", "b/main.cvd", "b/main.cld", "b/own.nbd"):
        os.makedirs(os.path.dirname(str(tmp_path / name)), exist_ok=True)
        (tmp_path / name).write_text("x")
    dummy_paths, problems = signatures.collect([str(tmp_path / "a"), str(tmp_path / "b"), str(tmp_path / "c")])
    text = "; ".join(problems)
    for part in ("own.ndb: given twice", "main.cvd: given together with main.cld", "own.nbd: ClamAV loads", "c: No such file"):
        assert part in text
    assert len(problems) == 4


def test_an_empty_directory_is_a_problem(tmp_path):
    assert signatures.collect([str(tmp_path)]) == ({}, ["no signature files in %s" % tmp_path])


def test_a_file_survives_the_way_through_json(tmp_path):
    path = tmp_path / "daily.cvd"
    path.write_bytes((HEADER % 6).encode("ascii").ljust(512) + b"rest")
    item = signatures.read_file(str(path))
    assert item.header.version == 6 and item.size == 516
    assert signatures.from_dict(signatures.as_dict(item)) == item
    assert signatures.describe("daily.cvd", item) == "daily.cvd version 6, 14 signatures, built 2021-06-23T01:34:05Z"
