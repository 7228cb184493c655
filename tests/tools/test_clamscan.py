# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module clamscan with the real clamd and the real clamscan; every infected sample has a twin that is clean."""

from __future__ import annotations

import base64
import os
import pathlib
import re
import socket
import threading
import time

import pytest
import yaml
from ansible_collections.mailcordon.gateway.plugins.module_utils import _clamscan_report as reports
from ansible_collections.mailcordon.gateway.plugins.module_utils._clamd_client import Clamd
from ansible_collections.mailcordon.gateway.plugins.module_utils._clamscan_engines import ClamdEngine
from ansible_collections.mailcordon.gateway.plugins.module_utils._clamscan_files import Item
from ansible_collections.mailcordon.gateway.plugins.modules import clamscan
from ansible_collections.mailcordon.gateway.tests.tools.clamd_server import signature

BAD = b"what the signature of the test finds"
GOOD = BAD.replace(b"signature", b"signatura")
NAME = "Test.Found.UNOFFICIAL"

METHODS = ["clamd", "clamscan"]


@pytest.fixture
def scan(run, clamd, tmp_path):
    """A function that scans with a clamd that is started the first time it is wanted."""
    clamd.database.mkdir()
    (clamd.database / "test.ndb").write_text(signature("Test.Found", BAD))
    os.chmod(tmp_path, 0o700)
    started = []

    def run_scan(**arguments):
        if arguments.get("method", "clamd") != "clamscan" and not started:
            clamd.start()
            started.append(True)
        return run(clamscan, **({"socket": str(clamd.socket), "database": str(clamd.database)} | arguments))

    return run_scan


@pytest.fixture
def tree(tmp_path) -> pathlib.Path:
    """A tree that only root can read, with two infected files."""
    tree = tmp_path / "tree"
    (tree / "a" / "deep").mkdir(parents=True)
    (tree / "b").mkdir()
    (tree / "bad").write_bytes(BAD)
    (tree / "twin").write_bytes(GOOD)
    (tree / "empty").write_bytes(b"")
    (tree / "a" / "deep" / "bad too").write_bytes(b"before " + BAD)
    (tree / "a" / "twin: of it").write_bytes(b"before " + GOOD)
    (tree / "b" / "line\nbreak").write_bytes(GOOD)
    for path in tree.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return tree


def found(result) -> list[tuple[str, str]]:
    assert "msg" not in result, result["msg"]
    return [(pathlib.Path(entry["path"]).name, entry["signature"]) for entry in result["infected"]]


@pytest.mark.parametrize("method", METHODS)
def test_one_file(scan, tree, method):
    """Features 3.02: infected, clean, and an error are told apart, as clamscan's exit codes 1, 0 and 2 do."""
    infected = scan(path=str(tree / "bad"), method=method)
    assert found(infected) == [("bad", NAME)]
    assert (infected["status"], infected["clean"], infected["changed"]) == ("infected", False, False)
    clean = scan(path=str(tree / "twin"), method=method)
    assert (clean["status"], clean["clean"], clean["scanned"], clean["bytes"]) == ("clean", True, 1, len(GOOD))
    error = scan(path=str(tree / "missing"), method=method)
    assert (error["status"], error["clean"], error["scanned"]) == ("error", False, 0)
    assert error["errors"] == [{"path": str(tree / "missing"), "reason": "No such file or directory"}]
    assert {infected["method"], clean["method"]} == {method}
    assert clean["engine"].startswith("1.")


@pytest.mark.parametrize("method", METHODS)
def test_one_directory(scan, tree, method):
    """Features 3.03: only what lies in it directly."""
    result = scan(path=str(tree), method=method)
    assert found(result) == [("bad", NAME)]
    assert result["scanned"] == 3
    assert result["left_out"]["directories"] == 2


@pytest.mark.parametrize("method", METHODS)
def test_a_tree(scan, tree, method):
    """Features 3.04: recursive, and only infected files are reported. clamd could not read any of these itself."""
    result = scan(path=str(tree), recursive=True, method=method)
    assert found(result) == [("bad too", NAME), ("bad", NAME)]
    assert result["scanned"] == 6
    assert result["errors"] == []


@pytest.mark.parametrize("method", METHODS)
def test_data(scan, method, tmp_path):
    """Features 3.05: what cat file | clamscan - did."""
    assert found(scan(content=BAD.decode(), method=method)) == [("stream", NAME)]
    assert scan(content=GOOD.decode(), method=method)["clean"]
    octets = bytes(range(256)) + BAD
    encoded = base64.encodebytes(octets).decode()
    result = scan(content=encoded, content_encoding="base64", method=method)
    assert found(result) == [("stream", NAME)]
    assert result["bytes"] == len(octets)
    (tmp_path / "file").write_bytes(octets)
    assert found(scan(src=str(tmp_path / "file"), method=method)) == [("file", NAME)]


def test_data_that_is_no_base64(scan):
    assert scan(content="not base64!", content_encoding="base64")["msg"].startswith("content is not valid base64")


def mail(number: int, body: bytes, separator: bytes = b"From sender@example.org Mon Nov 23 10:00:00 2026\n") -> bytes:
    return separator + b"Message-ID: <%d@example.org>\nSubject: x\n\n" % number + body + b"\n\n"


@pytest.fixture
def spool(tmp_path) -> pathlib.Path:
    """/var/spool/mail with a link to it, an mbox file and a Maildir."""
    spool = tmp_path / "mail"
    (spool / "maildir" / "cur").mkdir(parents=True)
    quoted = b"In the text\n\nFrom here on it is text, not a new mail\n\n" + GOOD
    (spool / "alice").write_bytes(mail(1, GOOD) + mail(2, BAD) + mail(3, quoted) + mail(4, b"Hi\n\n" + BAD))
    (spool / "bob").write_bytes(mail(5, GOOD))
    (spool / "maildir" / "cur" / "1.M1.host:2,S").write_bytes(mail(6, BAD, b""))
    (spool / "maildir" / "cur" / "2.M2.host:2,S").write_bytes(mail(7, GOOD, b""))
    (tmp_path / "link").symlink_to("mail")
    return tmp_path / "link"


@pytest.mark.parametrize("method", METHODS)
def test_a_spool(scan, spool, method):
    """Features 3.06: mbox files as a whole, and the mails of a Maildir."""
    result = scan(path=str(spool), recursive=True, method=method)
    assert found(result) == [("alice", NAME), ("1.M1.host:2,S", NAME)]
    assert result["scanned"] == 4


@pytest.mark.parametrize("method", METHODS)
def test_the_mails_of_a_spool(scan, spool, method):
    """Features 3.06: which mail of an mbox file is infected."""
    result = scan(path=str(spool), recursive=True, mbox=True, method=method)
    assert [(entry.get("message"), entry.get("message_id")) for entry in result["infected"]] == [
        (2, "<2@example.org>"),
        (4, "<4@example.org>"),
        (None, None),
    ]
    assert result["scanned"] == 7


def test_special_files_and_links_are_counted_not_scanned(scan, tree):
    """A pipe would hold the scan up for ever, a link would lead out of the tree."""
    os.mkfifo(tree / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tree / "socket"))
    (tree / "link").symlink_to(tree / "a" / "deep" / "bad too")
    (tree / "loop").symlink_to(tree)
    result = scan(path=str(tree), recursive=True)
    assert found(result) == [("bad too", NAME), ("bad", NAME)]
    assert result["left_out"]["special"] == 2
    assert result["left_out"]["symlinks"] == 2
    assert result["status"] == "infected"
    followed = scan(path=str(tree), recursive=True, follow_symlinks=True)
    assert found(followed) == [("bad too", NAME), ("bad", NAME), ("link", NAME)]


def test_what_is_left_out_on_demand(scan, tree):
    result = scan(path=str(tree), recursive=True, excludes=["bad", str(tree / "a" / "d*")])
    assert result["clean"]
    assert result["left_out"]["excluded"] == 2
    small = scan(path=str(tree), recursive=True, max_size=len(BAD))
    assert found(small) == [("bad", NAME)]
    assert small["left_out"]["too_large"] == 2


@pytest.mark.parametrize(("method", "mebioctets"), [("clamd", 3), ("clamscan", 101)])
def test_what_exceeds_the_limits_is_not_called_clean(scan, tmp_path, method, mebioctets):
    """Features 2.76: ClamAV reports that in the form of a virus name; it is none."""
    with open(tmp_path / "large", "wb") as large:
        large.truncate(mebioctets * 2**20)
    result = scan(path=str(tmp_path / "large"), method=method)
    assert result["status"] == "error"
    assert result["infected"] == []
    assert result["errors"][0]["reason"] == "not scanned in full: Heuristics.Limits.Exceeded.MaxFileSize"


def test_a_stream_that_exceeds_the_limit_is_not_called_clean(scan):
    result = scan(content="x" * 3 * 2**20)
    assert result["errors"] == [{"path": "stream", "reason": "not scanned, larger than StreamMaxLength of clamd"}]


def test_a_result_is_no_failure_unless_asked(scan, tree):
    assert "failed" not in scan(path=str(tree / "bad"))
    result = scan(path=str(tree), recursive=True, fail_on_infected=True)
    assert result["failed"]
    assert result["msg"].endswith(f"bad too is infected: {NAME}, and 1 more")
    assert scan(path=str(tree / "twin"), fail_on_infected=True)["clean"]


def test_check_mode_scans_too(scan, tree):
    assert found(scan(path=str(tree / "bad"), _ansible_check_mode=True)) == [("bad", NAME)]


def test_without_clamd_the_program_does_it(scan, run, clamd, tree):
    arguments = {"path": str(tree / "bad"), "socket": str(clamd.socket), "database": str(clamd.database)}
    result = run(clamscan, method="auto", **arguments)
    assert result["method"] == "clamscan"
    assert found(result) == [("bad", NAME)]
    assert run(clamscan, method="clamd", **arguments)["msg"] == (
        f"clamd does not answer at {clamd.socket}; start it, or set method to clamscan"
    )
    assert scan(path=str(tree / "bad"), method="auto")["method"] == "clamd"


def test_signatures_that_cannot_be_loaded_are_one_clear_line(scan, clamd, tree):
    (clamd.database / "test.ndb").write_text("broken\n")
    result = scan(path=str(tree), recursive=True, method="clamscan")
    assert result["msg"].startswith("clamscan does not scan: ")
    assert "\n" not in result["msg"]


def in_parts(scan, **arguments):
    """Scan as the action plugin does, until no part is left."""
    parts = [scan(**arguments)]
    while parts[-1]["cursor"]:
        parts.append(scan(**arguments, cursor=parts[-1]["cursor"]))
    return parts


def test_a_long_scan_goes_on_where_it_stopped(scan, tree, monkeypatch):
    """A part scans one file at least; here time is up after each."""
    os.mkfifo(tree / "a" / "pipe")
    (tree / os.fsdecode(b"not utf-8 \xff")).write_bytes(BAD)
    whole = scan(path=str(tree), recursive=True)
    clock = iter(range(10**6))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    parts = in_parts(scan, path=str(tree), recursive=True, progress=1)
    assert len(parts) == 8
    total = reports.total(parts)
    for name in ("infected", "errors", "scanned", "bytes", "left_out", "status", "cursor"):
        assert total[name] == whole[name], name
    assert len(whole["infected"]) == 3


def test_a_long_scan_never_stops_inside_an_mbox_file(scan, spool, monkeypatch):
    whole = scan(path=str(spool), recursive=True, mbox=True)
    clock = iter(range(10**6))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    parts = in_parts(scan, path=str(spool), recursive=True, mbox=True, progress=1)
    assert [part["scanned"] for part in parts] == [4, 1, 1, 1, 0]
    assert reports.total(parts)["infected"] == whole["infected"]


def test_a_long_scan_with_the_program(scan, tree, monkeypatch):
    whole = scan(path=str(tree), recursive=True, method="clamscan")
    monkeypatch.setattr(clamscan, "CLAMSCAN_PART_SECONDS", 0)
    clock = iter(range(10**6))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    parts = in_parts(scan, path=str(tree), recursive=True, method="clamscan", progress=1)
    assert len(parts) > 3
    total = reports.total(parts)
    assert (total["infected"], total["scanned"]) == (whole["infected"], whole["scanned"])


def test_a_restart_of_clamd_is_waited_for(scan, clamd, tree):
    """Between two files nobody listens for a second."""
    assert scan(path=str(tree / "twin"))["clean"]
    engine = ClamdEngine(Clamd(str(clamd.socket)))
    clamd.stop()
    later = threading.Timer(1.5, clamd.start)
    later.start()
    results = list(engine.scan([Item(os.fsencode(tree / "bad"), len(BAD), None, True)]))
    later.join()
    assert [verdict.text for _, verdict in results] == [NAME]


def test_the_page_on_scanning_names_what_exists():
    """Features 3.01: docs/scanning.md says what manual scans are for, and every option that it shows is one."""
    root = pathlib.Path(__file__).resolve().parents[2]
    page = (root / "docs/scanning.md").read_text()
    assert page.startswith("# Scanning by hand\n\nThe filter has every mail scanned by itself.")
    examples = re.findall(r"`clamscan: ([^`]+)`", page)
    options = {word.partition("=")[0] for example in examples for word in example.split()}
    assert {"path", "src", "content", "recursive"} <= options <= set(yaml.safe_load(clamscan.DOCUMENTATION)["options"])
    variables = set(re.findall(r"gateway_scan_\w+", page))
    playbook = (root / "playbooks/scan.yml").read_text()
    assert "gateway_scan_path" in variables
    assert {name for name in variables if f"{name} |" not in playbook} == set()
