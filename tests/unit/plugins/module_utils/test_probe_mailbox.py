# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finding and removing probe mails in real mailboxes, and the quarantined copy (contracts B10.04, B10.08)."""

from __future__ import annotations

import gzip
import mailbox
import os

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils._probe_mailbox import (
    Maildir,
    Mbox,
    open_mailbox,
    quarantined,
    shown_fields,
)

MAIL = b"X-Mailcordon-Probe: %s\nSubject: x\n\nbody of %s\n\nlast line\n"


def mail(token):
    return MAIL % (token, token)


@pytest.fixture(params=["mbox", "maildir"])
def box(request, tmp_path):
    """(path for the probe, a function that delivers, a function that lists what is there)."""
    path = str(tmp_path / "box")
    kind = mailbox.mbox if request.param == "mbox" else mailbox.Maildir
    store = kind(path)

    def deliver(text):
        store.lock()
        store.add(text)
        store.flush()
        store.unlock()

    def listing():
        now = kind(path)
        return sorted(now.get_bytes(key) for key in now.keys())

    return path + ("/" if request.param == "maildir" else ""), deliver, listing


def test_a_new_mail_is_found_byte_for_byte(box):
    path, deliver, dummy = box
    deliver(mail(b"old"))
    opened = open_mailbox(path)
    assert opened.find("new1") is None
    deliver(mail(b"other"))
    deliver(mail(b"new1"))
    assert opened.find("new1") == mail(b"new1")
    assert opened.find("old") is None


def test_cleanup_removes_the_named_mails_and_nothing_else(box):
    path, deliver, listing = box
    deliver(mail(b"old"))
    opened = open_mailbox(path)
    for token in (b"aa11", b"keep", b"bb22"):
        deliver(mail(token))
    assert opened.find("aa11") and opened.find("bb22")
    opened.remove(["aa11", "bb22"])
    assert listing() == [mail(b"keep"), mail(b"old")]
    opened.remove([])
    assert not os.path.exists(path + ".lock")


def test_a_mailbox_that_does_not_exist_yet(tmp_path):
    for path in (str(tmp_path / "none"), str(tmp_path / "none") + "/"):
        opened = open_mailbox(path)
        assert opened.find("x") is None
        opened.remove(["x"])
    assert isinstance(open_mailbox(str(tmp_path)), Maildir)
    assert isinstance(open_mailbox(str(tmp_path / "none")), Mbox)


def test_an_mbox_that_was_emptied_is_read_from_its_beginning(tmp_path):
    path = tmp_path / "box"
    path.write_bytes(b"From a\n" + mail(b"old") * 20 + b"\n")
    opened = open_mailbox(str(path))
    path.write_bytes(b"From a\n" + mail(b"new1") + b"\n")
    assert opened.find("new1") == mail(b"new1")


def test_quarantined_copies(tmp_path):
    folder = tmp_path / "quarantine" / "a"
    folder.mkdir(parents=True)
    (folder / "virus-aBc").write_bytes(mail(b"t0ken"))
    (folder / "spam-aBc.gz").write_bytes(gzip.compress(mail(b"t0ken")))
    (tmp_path / "outside").write_bytes(mail(b"t0ken"))
    (folder / "link").symlink_to(tmp_path / "outside")
    (folder / "broken.gz").write_bytes(b"no gzip")
    root = str(tmp_path / "quarantine")
    assert quarantined(root, "a/virus-aBc", "t0ken") == str(folder / "virus-aBc")
    assert quarantined(root, "a/spam-aBc.gz", "t0ken") == str(folder / "spam-aBc.gz")
    assert quarantined(root, str(folder / "virus-aBc"), "t0ken") == str(folder / "virus-aBc")
    for location in ("a/virus-none", "../outside", "/etc/passwd", "a/link", "a", "a/broken.gz"):
        assert quarantined(root, location, "t0ken") is None
    assert quarantined(root, "a/virus-aBc", "another") is None


def test_fields_that_the_filter_writes():
    text = b"X-Virus-Scanned: mailcordon at\n example.com\nX-Spam-Flag: NO\nSubject: x\nX-Quarantine-ID: <a>\n\nX-Spam-Not: b\n"
    assert shown_fields(text) == {
        "X-Virus-Scanned": "mailcordon at example.com", "X-Spam-Flag": "NO", "X-Quarantine-ID": "<a>",
    }
