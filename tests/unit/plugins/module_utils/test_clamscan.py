# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Walking through trees, splitting mbox files, reading clamscan, adding reports up (features 3.02 to 3.06)."""

from __future__ import annotations

import io
import os

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils import _clamd_client as client
from ansible_collections.mailcordon.gateway.plugins.module_utils import _clamscan_engines as engines
from ansible_collections.mailcordon.gateway.plugins.module_utils import _clamscan_files as files
from ansible_collections.mailcordon.gateway.plugins.module_utils import _clamscan_report as reports

SEPARATOR = b"From sender@example.org Mon Nov 23 10:00:00 2026\n"


def options(**changes):
    everything = dict(recursive=True, excludes=[], max_size=None, follow_symlinks=False, one_file_system=True)
    return files.Options(**dict(everything, **changes))


@pytest.fixture
def tree(tmp_path):
    for name in ("a/x", "a-b", "a/y/deep", "b", "c/z"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "c" / "up").symlink_to(tmp_path)
    os.mkfifo(str(tmp_path / "c" / "pipe"))
    return os.fsencode(str(tmp_path))


def walk(tree, after=None, **changes):
    events = list(files.items(tree, options(**changes), after=after))
    names = [os.path.relpath(event.path, tree).decode("ascii") for event in events if isinstance(event, files.Item)]
    return names, [event.reason for event in events if isinstance(event, files.Skipped)]


def test_order_and_what_is_left_out(tree):
    assert walk(tree) == (["a/x", "a/y/deep", "a-b", "b", "c/z"], ["special", "symlinks"])
    assert walk(tree, recursive=False) == (["a-b", "b"], ["directories", "directories"])


def test_a_walk_goes_on_after_every_file(tree):
    """Whatever comes after a file and nothing before it, so that the parts together are the whole."""
    whole, reasons = walk(tree)
    for position, name in enumerate(whole):
        assert walk(tree, after=os.path.join(tree, name.encode("ascii")))[0] == whole[position + 1:]
    assert walk(tree, after=os.path.join(tree, b"b"))[1] == reasons
    assert walk(tree, after=os.path.join(tree, b"c/z"))[1] == []


def test_a_walk_goes_on_when_the_file_is_gone(tree):
    assert walk(tree, after=os.path.join(tree, b"a/w"))[0][0] == "a/x"
    assert walk(tree, after=os.path.join(tree, b"a/y/zz"))[0][0] == "a-b"


def test_a_loop_of_links_ends(tree):
    names, reasons = walk(tree, follow_symlinks=True)
    assert names == ["a/x", "a/y/deep", "a-b", "b", "c/z"]
    assert reasons == ["special", "symlinks"]


def test_excludes_and_sizes(tree):
    assert walk(tree, excludes=[b"y", os.path.join(tree, b"c/*")])[0] == ["a/x", "a-b", "b"]
    assert walk(tree, max_size=3)[0] == ["a/x", "a-b", "b", "c/z"]


def test_a_file_and_nothing(tree):
    assert walk(os.path.join(tree, b"b"))[0] == ["."]
    assert list(files.items(os.path.join(tree, b"none"), options())) == [
        files.Failed(os.path.join(tree, b"none"), "No such file or directory")
    ]


def mail(number, body):
    return SEPARATOR + b"Subject: x\nMessage-Id:\n <%d@example.org>\n\n" % number + body + b"\n\n"


def content_of(part):
    return b"".join(iter(lambda: part.read(1000), b""))


def test_messages_of_an_mbox_file():
    """Features 3.06: an empty line and a separator with a date begin a new message, a sentence does not."""
    bodies = [b"one", b"two\n\nFrom here on\n", b"no empty line before\n" + SEPARATOR + b"x", b"x" * 3000000 + b"\n"]
    octets = b"".join(mail(number, body) for number, body in enumerate(bodies))
    stream = io.BytesIO(octets)
    assert files.is_mbox(stream)
    found = list(files.messages(stream))
    assert [message.index for message in found] == [1, 2, 3, 4]
    assert [message.message_id for message in found] == ["<%d@example.org>" % number for number in range(4)]
    for message, body in zip(found, bodies):
        content = content_of(files.Part(stream, message.offset, message.length))
        assert content.startswith(b"Subject: x\n") and content.endswith(body + b"\n\n")


def test_an_mbox_file_with_crlf():
    octets = (mail(1, b"one") + mail(2, b"two")).replace(b"\n", b"\r\n")
    assert [message.message_id for message in files.messages(io.BytesIO(octets))] == ["<1@example.org>", "<2@example.org>"]


def test_what_is_no_mbox_file():
    for octets in (b"", b"From the beginning\n", b"Subject: x\n\n" + SEPARATOR, b"\xff" * 5000):
        assert not files.is_mbox(io.BytesIO(octets))


def test_messages_without_an_id():
    message = next(files.messages(io.BytesIO(SEPARATOR + b"Subject: \xff\n\nbody")))
    assert message.message_id == ""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"/a: OK", (b"/a", client.Verdict(client.CLEAN, ""))),
        (b"/a: b: Empty file", (b"/a: b", client.Verdict(client.CLEAN, ""))),
        (b"/a: Name.UNOFFICIAL FOUND", (b"/a", client.Verdict(client.INFECTED, "Name.UNOFFICIAL"))),
        (b"/a: Can't open file ERROR", (b"/a", client.Verdict(client.ERROR, "Can't open file ERROR"))),
        (b"/a: Access denied", (b"/a", client.Verdict(client.ERROR, "Access denied"))),
        (b"Loading:  1s, ETA: 5s", None),
        (b"", None),
    ],
)
def test_lines_of_clamscan(line, expected):
    assert engines.parse_line(line) == expected


def report(infected=(), failed=(), clean=0):
    result = reports.Report()
    for name in infected:
        result.add(files.Item(name, 10, None, True), client.Verdict(client.INFECTED, "Name"))
    for name in failed:
        result.add(files.Failed(name, "no"))
    for number in range(clean):
        result.add(files.Item(b"%d" % number, 10, None, True), client.Verdict(client.CLEAN, ""))
    result.add(files.Skipped("special"))
    return result.as_dict(1.26)


def test_status_is_that_of_clamscan():
    """Features 3.02: the exit codes 0, 1 and 2."""
    assert report(clean=1)["status"] == "clean"
    assert report(infected=[b"a"], failed=[b"b"])["status"] == "infected"
    assert report(failed=[b"b"], clean=1)["status"] == "error"


def test_reports_are_added_up():
    total = reports.total([report([b"a"], clean=2), report([], [b"x"]), report([b"b", b"c\xff"])])
    assert [entry["path"] for entry in total["infected"]] == ["a", "b", "c\\xff"]
    assert total["errors"] == [{"path": "x", "reason": "no"}]
    assert (total["scanned"], total["bytes"], total["seconds"], total["left_out"]["special"]) == (5, 50, 3.9, 3)
    assert total["status"] == "infected" and not total["clean"] and total["changed"] is False
    assert reports.found_line(total) == "a is infected: Name, and 2 more"


def test_the_message_is_named():
    result = reports.Report()
    message = files.Message(3, 0, 10, "<3@example.org>")
    result.add(files.Item(b"spool", 10, message, True), client.Verdict(client.INFECTED, "Name"))
    assert result.infected == [{"path": "spool", "signature": "Name", "message": 3, "message_id": "<3@example.org>"}]
