# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""quarantine_info and quarantine_release without a filter; with the real one see tests/tools."""

from __future__ import annotations

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils import _quarantine as quarantine
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError
from ansible_collections.mailcordon.gateway.plugins.modules import quarantine_info, quarantine_release

MISSING = {"command": "/nonexistent/mailcordon"}


def test_check_mode_on_a_bare_host(run_module):
    """Checklist 29."""
    told = run_module(quarantine_info.main, _ansible_check_mode=True, **MISSING)
    assert (told["mails"], told["changed"]) == ([], False)
    assert run_module(quarantine_release.main, _ansible_check_mode=True, mail_ids=["kg2P0rP9Lpu3"], **MISSING)["changed"]
    for module, arguments in ((quarantine_info, {}), (quarantine_release, {"mail_ids": ["kg2P0rP9Lpu3"]})):
        failed = run_module(module.main, **arguments, **MISSING)
        assert (failed["failed"], failed["msg"]) == (True, "there is no /nonexistent/mailcordon: install the filter first")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mail_ids": ["a b"]}, "mail_ids: 'a b' names no mail in quarantine"),
        ({"mail_ids": ["../x"]}, "mail_ids: '../x' names no mail in quarantine"),
        ({"mail_ids": ["x\nk"]}, "mail_ids: 'x\\nk' names no mail in quarantine"),
        ({"mail_ids": ["-x", ""]}, "mail_ids: '-x', '' names no mail in quarantine"),
        ({"mail_ids": ["x"], "recipients": ["a@b c"]}, "recipients: 'a@b c' is empty or has blanks or control characters"),
        ({"mail_ids": ["x"], "requested_by": ""}, "requested_by: '' is empty or has blanks or control characters"),
        ({"mail_ids": ["x", "y"], "secret_id": "0123456789abcdef"}, "secret_id: is that of one mail, but mail_ids names 2"),
    ],
)
def test_bad_arguments(run_module, arguments, message):
    """One clear line, and nothing is run."""
    failed = run_module(quarantine_release.main, **arguments, **MISSING)
    assert (failed["failed"], failed["msg"], failed["changed"], failed["mails"]) == (True, message, False, [])


def test_negative_limit(run_module):
    assert run_module(quarantine_info.main, limit=-1, **MISSING)["msg"] == "limit: must be 0 or more, not -1"


def test_names():
    """Each once, in their order."""
    names = ["k/spam-kg2P0rP9Lpu3.gz", "aX3C4f6btXgX[25]", "kg2P0rP9Lpu3", "aX3C4f6btXgX[25]", "W48/spam/k/x.gz"]
    assert quarantine.checked_names(names) == [*names[:3], names[4]]


@pytest.mark.parametrize(
    ("answer", "changed", "refusal"),
    [
        ({"ok": True, "replies": ["250 2.6.0 Ok"]}, True, ""),
        ({"ok": True, "replies": ["250 2.5.0 No recipients, nothing to do"]}, False, ""),
        (
            {"ok": False, "replies": ["250 2.6.0 Ok", "550 5.1.1 no\nsuch user"]},
            True,
            "release refused for 1 of 1 mails: x: 550 5.1.1 no such user",
        ),
        ({"ok": False, "replies": []}, False, "release refused for 1 of 1 mails: x: it said so"),
    ],
)
def test_what_an_answer_means(answer, changed, refusal):
    entry = quarantine.entry("x", answer, ["a@b"], "it\nsaid so\n" if not answer["replies"] else "")
    assert entry["changed"] is changed
    assert [reply["recipient"] for reply in entry["replies"]] == (
        ["a@b"] if len(answer["replies"]) == 1 else [None] * len(answer["replies"])
    )
    assert quarantine.refusals("release", [entry]).replace("it; said", "it said") == refusal


def test_filters():
    """Values go as one word with their option, so that none can be taken for an option."""
    params = dict.fromkeys(quarantine_info.FILTERS) | {"partition_tag": "25", "contents": ["spam"], "sender": "--raw", "limit": 0}
    assert quarantine_info.filters(params) == ["--sender=--raw", "--limit=0", "--tag=25", "--content=spam"]


def test_command_that_answers_otherwise(tmp_path):
    command = tmp_path / "mailcordon"
    command.write_text("#!/bin/sh\necho out of order >&2; echo more >&2; exit 69\n")
    command.chmod(0o755)
    ours = quarantine.QuarantineCommand(str(command), [], "", 10)
    with pytest.raises(GatewayError, match="^out of order; more$"):
        ours.listed([], [])
    command.write_text("#!/bin/sh\necho '<html>'\n")
    with pytest.raises(GatewayError, match="printed no JSON: <html>$"):
        ours.listed([], [])
    command.write_text("#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(GatewayError, match="^mailcordon quarantine took more than 1 s$"):
        quarantine.QuarantineCommand(str(command), [], "", 1).listed([], [])
