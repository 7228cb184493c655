# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""quarantine_info and quarantine_release with the running filter (checklist 26)."""

from __future__ import annotations

import pytest
from ansible_collections.mailcordon.gateway.plugins.modules import quarantine_info, quarantine_release
from ansible_collections.mailcordon.gateway.tests.tools.filter_bench import Filter


@pytest.fixture
def gate(tmp_path):
    running = Filter(tmp_path)
    yield running
    running.close()


def test_list_and_release(run, gate):
    """What is listed is released by its name in the list; each reply is told, and what was refused fails the task."""
    gate.send("first", "bob@example.test", "carol@example.test")
    gate.send("second", "dave@example.test")
    told = run(quarantine_info, **gate.arguments)
    assert (told["changed"], told["problems"]) == (False, [])
    assert sorted(mail["subject"] for mail in told["mails"]) == ["first", "second"]
    assert all("secret_id" not in mail for mail in told["mails"])
    (mail,) = run(quarantine_info, recipient="@EXAMPLE.test", subject="FIRST", limit=1, since="1h", **gate.arguments)[
        "mails"
    ]
    assert [one["address"] for one in mail["recipients"]] == ["bob@example.test", "carol@example.test"]
    assert run(quarantine_info, contents=["virus", "spam"], **gate.arguments)["mails"] == []
    before = gate.count("first")

    planned = run(quarantine_release, mail_ids=[mail["mail_id"]], _ansible_check_mode=True, **gate.arguments)
    assert (planned["changed"], planned["mails"], gate.count("first")) == (True, [], before)

    done = run(
        quarantine_release, mail_ids=[mail["release_as"]] * 2, requested_by="desk@example.test", **gate.arguments
    )
    assert (done["changed"], gate.count("first")) == (True, before + 1)
    assert gate.count("Resent-From: <desk@example.test>") == 1
    (entry,) = done["mails"]
    assert (entry["ok"], [reply["code"] for reply in entry["replies"]]) == (True, [250, 250])

    (with_secret,) = run(quarantine_info, mail_id=mail["mail_id"], secrets=True, **gate.arguments)["mails"]
    authorised = run(
        quarantine_release,
        mail_ids=[mail["mail_id"]],
        secret_id=with_secret["secret_id"],
        recipients=["eve@example.test"],
        **gate.arguments,
    )
    assert [reply["recipient"] for reply in authorised["mails"][0]["replies"]] == ["eve@example.test"]

    partly = run(quarantine_release, mail_ids=["nosuchidhere", mail["mail_id"]], **gate.arguments)
    assert (partly["failed"], partly["changed"]) == (True, True)
    assert [entry["ok"] for entry in partly["mails"]] == [False, True]
    assert partly["msg"].startswith("release refused for 1 of 2 mails: nosuchidhere: 450 4.5.0 ERROR: there is no file")

    wrong = run(quarantine_release, mail_ids=[mail["mail_id"]], secret_id="AAAAAAAAAAAAAAAA", **gate.arguments)
    assert (wrong["failed"], wrong["changed"]) == (True, False)
    assert wrong["msg"].endswith("450 4.5.0 ERROR: Secret_id does not match the mail_id")


def test_what_fails_is_one_line(run, gate, tmp_path):
    missing = run(quarantine_release, mail_ids=["nosuchidhere"], _ansible_check_mode=True, **gate.arguments)
    assert (missing["failed"], missing["msg"]) == (True, "not in quarantine: nosuchidhere")
    deaf = run(quarantine_release, mail_ids=["kg2P0rP9Lpu3"], socket=str(tmp_path / "no.sock"), **gate.arguments)
    assert deaf["msg"] == f"mailcordon: cannot ask the daemon at {tmp_path}/no.sock: No such file or directory"
    bad = run(quarantine_info, since="yesterday", **gate.arguments)
    assert "'yesterday' is neither a time such as" in bad["msg"]
    assert "\n" not in bad["msg"]
