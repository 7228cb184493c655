# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module signatures with the real sigtool, clamscan and clamd, and databases with genuine digital signatures."""

from __future__ import annotations

import io
import os
import pathlib
import shutil
import stat

import pytest
from ansible_collections.mailcordon.gateway.plugins.module_utils._clamd_client import Clamd
from ansible_collections.mailcordon.gateway.plugins.modules import signatures
from ansible_collections.mailcordon.gateway.tests.tools.clamd_server import signature, unsigned_database

FIRST = b"what the first signature finds"
SECOND = b"what the second signature finds"


class Bench:
    """A controller's directory, a host's directory and a clamd on it."""

    def __init__(self, run, clamd, genuine: pathlib.Path, tmp_path: pathlib.Path) -> None:
        self.source = tmp_path / "source"
        self.source.mkdir()
        self.clamd = clamd
        self.dest: pathlib.Path = clamd.database
        self._run = run
        self._genuine = genuine

    def give(self, name: str, version: int) -> pathlib.Path:
        """Lay a signed database of this version under a name of its own."""
        return pathlib.Path(shutil.copy(self._genuine / f"test-{version}.cvd", self.source / name))

    def write(self, name: str, text: str) -> None:
        (self.source / name).write_text(text)

    def install(self, *names: str, **arguments):
        """Run the module on the whole source directory, or on single files in it."""
        sources = [str(self.source / name) for name in names] or [str(self.source)]
        return self.run(src=sources, remote_src=True, **arguments)

    def run(self, **arguments):
        arguments = {"socket": str(self.clamd.socket), "owner": "clamav", "group": "clamav", "timeout": 20} | arguments
        return self._run(signatures, dest=str(self.dest), **arguments)

    def finds(self, content: bytes) -> str:
        """The signature that the running clamd finds."""
        return Clamd(str(self.clamd.socket)).scan_stream(io.BytesIO(content)).text

    def content(self) -> dict[str, bytes]:
        """All that lies in the host's directory."""
        return {path.name: path.read_bytes() for path in self.dest.iterdir()}


@pytest.fixture
def bench(run, clamd, genuine, tmp_path) -> Bench:
    return Bench(run, clamd, genuine, tmp_path)


@pytest.fixture
def running(bench) -> Bench:
    """With signatures of our own in a running clamd."""
    bench.write("own.ndb", signature("First", FIRST))
    result = bench.install()
    assert result.get("installed") == ["own.ndb"], result
    bench.clamd.start()
    return bench


def modes(directory: pathlib.Path) -> dict[str, tuple[str, str, int]]:
    paths = [directory, *directory.iterdir()]
    return {path.name: (path.owner(), path.group(), stat.S_IMODE(path.stat().st_mode)) for path in paths}


def test_an_empty_host_gets_databases_for_clamds_first_start(bench):
    """Features 2.01, 2.03: main.cvd and daily.cvd by hand, owner and modes as clamd needs them."""
    bench.give("main.cvd", 5)
    bench.give("daily.cvd", 6)
    (bench.source / "dns.txt").write_text("left by a mirror")
    old = os.umask(0o077)
    try:
        result = bench.install()
    finally:
        os.umask(old)
    assert result["changed"]
    assert result["installed"] == ["daily.cvd", "main.cvd"]
    assert result["clamd"] == "not running"
    assert result["files_after"]["daily.cvd"]["version"] == 6
    everything = modes(bench.dest)
    assert everything.pop("database") == ("clamav", "clamav", 0o755)
    assert set(everything.values()) == {("clamav", "clamav", 0o644)}
    assert set(everything) == {"main.cvd", "daily.cvd", "mailcordon-loaded.ndb"}
    bench.clamd.start()
    assert Clamd(str(bench.clamd.socket)).version().signatures == 6
    again = bench.install()
    assert not again["changed"]
    assert again["clamd"] == "loaded"
    assert not again["reloaded"]


def test_a_newer_daily_is_loaded_by_the_running_clamd(bench):
    """Features 2.01: installed atomically, reloaded, and proven by the version that clamd itself tells."""
    bench.give("daily.cvd", 5)
    bench.install()
    bench.clamd.start()
    bench.give("daily.cvd", 6)
    result = bench.install(reload="always")
    assert "msg" not in result, result["msg"]
    assert result["reloaded"]
    assert result["clamd"] == "loaded"
    assert "/5/" in result["clamd_version_before"]
    assert "/6/" in result["clamd_version_after"]
    assert result["files_before"]["daily.cvd"]["version"] == 5
    assert "daily.cvd version 6" in result["diff"][0]["after"]


def test_signatures_of_our_own_are_loaded_by_the_running_clamd(running):
    """The twin: what the second signature finds was clean before."""
    assert running.finds(FIRST) == "First.UNOFFICIAL"
    assert running.finds(SECOND) == ""
    running.write("own.ndb", signature("First", FIRST) + signature("Second", SECOND))
    result = running.install()
    assert result["changed"]
    assert result["reloaded"]
    assert result["clamd"] == "loaded"
    assert running.finds(SECOND) == "Second.UNOFFICIAL"
    assert running.install()["changed"] is False


def test_files_that_others_laid_there_are_not_loaded_until_it_is_proven(running):
    """The right file on disk is not enough: clamd must have it."""
    running.write("own.ndb", signature("Second", SECOND))
    shutil.copy(running.source / "own.ndb", running.dest / "own.ndb")
    assert running.finds(SECOND) == ""
    result = running.install()
    assert result["installed"] == []
    assert result["reloaded"]
    assert result["changed"]
    assert running.finds(SECOND) == "Second.UNOFFICIAL"


def damage(bench: Bench, kind: str) -> str:
    """Make bad databases; returns the name of the bad one."""
    path = bench.give("daily.cvd", 6)
    good = path.read_bytes()
    if kind == "truncated":
        path.write_bytes(good[:6000])
    elif kind == "cut in the header":
        path.write_bytes(good[:300])
    elif kind == "one bit":
        path.write_bytes(good[:7000] + bytes([good[7000] ^ 1]) + good[7001:])
    elif kind == "a version of its own":
        path.write_bytes(good.replace(b":6:14:", b":9:14:", 1))
    elif kind == "no database":
        path.write_bytes(b"<html>404</html>")
    elif kind == "empty":
        path.write_bytes(b"")
    return path.name


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("truncated", "sigtool cannot verify it"),
        ("cut in the header", "has no header of a ClamAV database"),
        ("one bit", "sigtool cannot verify it"),
        ("a version of its own", "sigtool cannot verify it"),
        ("no database", "has no header of a ClamAV database"),
        ("empty", "is empty"),
    ],
)
@pytest.mark.parametrize("check_mode", [False, True])
def test_a_bad_database_changes_nothing(bench, kind, reason, check_mode):
    """Features 2.01: what sigtool does not vouch for is refused in one line, and the old one stays."""
    bench.give("daily.cvd", 5)
    bench.install()
    before = bench.content()
    name = damage(bench, kind)
    bench.write("good.ndb", signature("First", FIRST))
    result = bench.install(_ansible_check_mode=check_mode)
    assert result["failed"]
    assert result["msg"].startswith(f"nothing is installed: {name}: ")
    assert reason in result["msg"]
    assert "\n" not in result["msg"]
    assert bench.content() == before


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("own.ndb", "Bad:0:*:zz\n", "Problem parsing database at line 1"),
        ("own.hdb", "no digest:5:Bad\n", "invalid hash"),
        ("own.ldb", "L;Engine:51-255,Target:0;0;61626x\n", "Problem adding signature"),
        ("own.yar", "rule a { condition: $b }\n", "undefined string"),
        ("own.nbd", "typing error in the extension\n", "ClamAV loads no files of this name"),
        ("own file.ndb", signature("A", FIRST), "a name may hold letters"),
    ],
)
def test_what_clamav_cannot_load_changes_nothing(running, name, text, reason):
    """clamd with one bad file loads none at all, so it must not get there."""
    before = running.content()
    running.write(name, text)
    result = running.install()
    assert result["failed"]
    assert reason in result["msg"]
    assert "\n" not in result["msg"]
    assert str(running.source) not in result["msg"]
    assert running.content() == before
    assert running.finds(FIRST) == "First.UNOFFICIAL"


def test_all_that_is_wrong_is_said_at_once(bench):
    bench.give("daily.cvd", 6).write_bytes(b"")
    bench.write("wrong.xyz", "")
    bench.write("own.ndb", "Bad:0:*:zz\n")
    names = bench.install("daily.cvd", "wrong.xyz", "missing.ndb")
    assert "wrong.xyz" in names["msg"]
    assert "missing.ndb: No such file" in names["msg"]
    (bench.source / "wrong.xyz").unlink()
    bench.give("daily.cvd", 6).write_bytes(bench.give("x.cvd", 6).read_bytes()[:5000])
    both = bench.install("daily.cvd", "own.ndb")
    assert "daily.cvd: sigtool" in both["msg"]
    assert "own.ndb: ClamAV" in both["msg"]
    assert not bench.dest.exists()


def test_an_older_version_is_refused_unless_asked_for(bench):
    """Features 2.01."""
    bench.give("daily.cvd", 6)
    bench.install()
    bench.give("daily.cvd", 5)
    result = bench.install()
    assert "daily.cvd: version 5 is older than the installed 6" in result["msg"]
    assert bench.install(allow_downgrade=True)["files_after"]["daily.cvd"]["version"] == 5


def test_a_newer_cvd_takes_the_place_of_a_cld(bench):
    """main.cvd and main.cld never lie side by side."""
    bench.give("daily.cld", 5)
    bench.install()
    (bench.source / "daily.cld").unlink()
    bench.give("daily.cvd", 6)
    result = bench.install()
    assert result["installed"] == ["daily.cvd"]
    assert result["removed"] == ["daily.cld"]
    assert "daily.cld" not in bench.content()
    assert "daily.cvd" in bench.content()
    # The same version in the other form is nothing to do, an older one is refused.
    (bench.source / "daily.cvd").unlink()
    bench.give("daily.cld", 6)
    assert bench.install()["changed"] is False
    bench.give("daily.cld", 5)
    assert "daily.cld: version 5 is older than the installed 6" in bench.install()["msg"]


def test_both_twins_at_once_are_refused(bench):
    bench.give("daily.cld", 5)
    bench.give("daily.cvd", 6)
    assert "daily.cvd: given together with daily.cld" in bench.install()["msg"]


def test_an_unsigned_database_needs_leave(bench):
    """Features 2.01: a CUD that the real sigtool has built."""
    unsigned_database(bench.source / "local.cud", FIRST, 7)
    assert "local.cud: has no digital signature; set allow_unsigned" in bench.install()["msg"]
    assert bench.install(allow_unsigned=True)["files_after"]["local.cud"]["version"] == 7
    bench.clamd.start()
    assert bench.finds(FIRST) == "Built.Here.UNOFFICIAL"


def test_an_unsigned_database_under_a_signed_name_is_refused(bench):
    unsigned_database(bench.source / "local.cud", FIRST, 7)
    (bench.source / "local.cud").rename(bench.source / "daily.cvd")
    assert "daily.cvd: sigtool cannot verify it" in bench.install(allow_unsigned=True)["msg"]


def test_owner_and_modes_are_put_right(bench):
    """Features 2.03: after a copy that somebody made as root with a strict umask."""
    bench.give("daily.cvd", 6)
    bench.install()
    os.chmod(bench.dest / "daily.cvd", 0o600)
    os.chown(bench.dest / "daily.cvd", 0, 0)
    os.chmod(bench.dest, 0o700)
    result = bench.install()
    assert result["changed"]
    assert result["installed"] == []
    assert "wrong owner" in result["diff"][0]["before"]
    assert set(modes(bench.dest).values()) == {("clamav", "clamav", 0o755), ("clamav", "clamav", 0o644)}
    assert bench.install()["changed"] is False


def test_links_in_the_directory_lead_nowhere(bench, tmp_path):
    """The directory belongs to clamav, and the module runs as root."""
    secret = tmp_path / "secret"
    secret.write_text("root only\n")
    secret.chmod(0o600)
    bench.give("daily.cvd", 6)
    bench.install()
    (bench.dest / "a.ndb").symlink_to(secret)
    os.link(secret, bench.dest / "b.ndb")
    result = bench.install()
    assert result["failed"]
    assert "b.ndb has a second name (hard link)" in result["msg"]
    (bench.dest / "b.ndb").unlink()
    assert bench.install()["changed"] is False
    assert (secret.owner(), stat.S_IMODE(secret.stat().st_mode)) == ("root", 0o600)


def test_a_file_of_our_own_is_removed(running):
    running.write("more.ndb", signature("Second", SECOND))
    running.install()
    assert running.finds(SECOND) == "Second.UNOFFICIAL"
    result = running.run(state="absent", names=["more.ndb", "never-there.ndb"])
    assert "msg" not in result, result["msg"]
    assert result["removed"] == ["more.ndb"]
    assert result["reloaded"]
    assert running.finds(SECOND) == ""
    assert running.finds(FIRST) == "First.UNOFFICIAL"
    assert running.run(state="absent", names=["more.ndb"])["changed"] is False


def test_the_last_file_stays(running):
    result = running.run(state="absent", names=["own.ndb"])
    assert "would be without signatures" in result["msg"]
    assert running.finds(FIRST) == "First.UNOFFICIAL"


def test_check_mode_verifies_and_changes_nothing(running):
    before = running.content()
    running.write("own.ndb", signature("Second", SECOND))
    result = running.install(_ansible_check_mode=True, _ansible_diff=True)
    assert result["changed"]
    assert result["verified"]
    assert result["installed"] == ["own.ndb"]
    assert running.content() == before
    running.install()
    assert running.install(_ansible_check_mode=True)["changed"] is False


def test_what_clamd_does_not_load_is_taken_back(running):
    """clamd is told to ignore what is not signed, so that it cannot load our own signatures."""
    running.clamd.stop()
    running.give("daily.cvd", 5)
    shutil.copy(running.source / "daily.cvd", running.dest / "daily.cvd")
    running.clamd.configure("OfficialDatabaseOnly yes")
    running.clamd.start()
    before = running.content()
    running.write("own.ndb", signature("Second", SECOND))
    result = running.install(timeout=3)
    assert "has not loaded the new state of" in result["msg"]
    assert "the former signatures are back" in result["msg"]
    assert running.content() == before


def test_a_clamd_that_must_run_and_does_not(bench):
    bench.write("own.ndb", signature("First", FIRST))
    result = bench.install(reload="always")
    assert result["msg"].startswith("nothing is changed: clamd at ")
    assert not bench.dest.exists()
    assert bench.install(reload="never")["clamd"] == "not asked"


def test_an_account_that_is_not_there(bench):
    bench.write("own.ndb", signature("First", FIRST))
    assert "there is no account nobody-here" in bench.install(owner="nobody-here")["msg"]
    assert not list(bench.dest.glob("*"))
