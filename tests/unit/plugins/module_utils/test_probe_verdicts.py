# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading the filter's main log entry and its SMTP replies (contracts B5.10, B5.11, B8.01 to B8.05)."""

from __future__ import annotations

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils._probe_verdicts import (
    find_entry,
    reply_verdict,
    whole_lines,
)

ID = "<t0ken@example.com>"
TAIL = "[127.0.0.1]:5000 <s@example.com> -> <r@example.com>, %sMessage-ID: <t0ken@example.com>, mail_id: aBc-12, Hits: %s, size: 900%s, 45 ms"
BLOCKED = "(58725-05) Blocked INFECTED (Eicar-Test-Signature) {DiscardedInbound,Quarantined}, " + TAIL % ("quarantine: a/virus-aBc-12, ", "-", "")
PASSED = "(58725-06) Passed CLEAN {RelayedInbound}, " + TAIL % ("Queue-ID: 4X, ", "-0.1", ", queued_as: 4Y")


def test_a_blocked_entry():
    entry = find_entry(["(1-1) starting.", BLOCKED], ID)
    assert entry.blocked and not entry.temporary and entry.category == "INFECTED"
    assert entry.names == ["Eicar-Test-Signature"]
    assert entry.facts == {"quarantine": "a/virus-aBc-12", "mail_id": "aBc-12", "hits": "-"}


def test_a_passed_entry():
    entry = find_entry([PASSED], ID)
    assert not entry.blocked and entry.category == "CLEAN" and entry.names == []
    assert entry.facts == {"mail_id": "aBc-12", "hits": "-0.1", "queued_as": "4Y"}


def test_other_mails_do_not_count():
    assert find_entry([BLOCKED.replace("t0ken", "t1ken"), "(1-1) (!)%s vanished" % ID], ID) is None


def test_the_old_form_without_actions_and_a_syslog_prefix():
    """B8.05, and a log file in place of the journal."""
    line = (
        "Nov 22 10:00:00 host amavis[58725]: (58725-05) Passed CLEAN, LOCAL [10.0.0.1] [10.0.0.1] <s> -> <r>,"
        " Message-ID: %s, mail_id: x, Hits: 0.1, size: 1, queued_as: 4Z, 9 ms"
    )
    assert find_entry([line % ID], ID).facts["queued_as"] == "4Z"


def test_several_names_and_brackets_in_them():
    line = BLOCKED.replace("Eicar-Test-Signature", "A.B-1 (x),C.D-2")
    assert find_entry([line], ID).names == ["A.B-1 (x)", "C.D-2"]


def test_a_temporary_failure_is_no_verdict():
    """The mail stays in Postfix's queue and is judged again, so the later entry counts."""
    later = BLOCKED.replace("58725-05", "58725-07")
    first = BLOCKED.replace("DiscardedInbound,Quarantined", "TempFailedInbound").replace("INFECTED (Eicar-Test-Signature)", "UNCHECKED")
    assert find_entry([first], ID).temporary
    assert find_entry([first, later], ID).line == later
    assert find_entry([later, first], ID).line == later


def test_long_entries_are_put_together_again():
    """B8.01: pieces end and start with three dots, entries of other mails may stand between them."""
    pieces = [BLOCKED[:60] + "...", "(9-9) something else...", "(58725-05) ..." + BLOCKED[60:100] + "...", "(58725-05) ..." + BLOCKED[100:]]
    assert whole_lines(pieces) == [BLOCKED, "(9-9) something else..."]
    assert whole_lines(["(1-1) a", "no id ..."]) == ["(1-1) a", "no id ..."]


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("250 2.7.0 Ok, discarded, id=58725-05 - INFECTED: Eicar-Test-Signature", ("INFECTED", ["Eicar-Test-Signature"])),
        ("554 5.7.0 Reject, id=58725-05 - INFECTED: A, B", ("INFECTED", ["A", "B"])),
        ("250 2.7.0 Ok, discarded, id=1-1 - spam", ("SPAM", [])),
        ("554 5.7.0 Reject, id=1-1 - BANNED: .exe,x.exe", ("BANNED", [".exe", "x.exe"])),
        ("250 2.5.0 Bounce, id=1-1 - BAD HEADER: duplicate", ("BAD-HEADER", [])),
        ("552 5.3.4 Reject, id=1-1 - Message size exceeds recipient's size limit", ("OVERSIZED", [])),
        ("554 5.7.0 Reject, id=1-1 - something new", ("OTHER", [])),
    ],
)
def test_replies_that_say_blocked(reply, verdict):
    assert reply_verdict(reply) == verdict


@pytest.mark.parametrize(
    "reply",
    [
        "250 2.0.0 Ok: queued as 4ABC",
        "250 2.5.0 Ok, id=58725-05, continue delivery",
        "250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 4ABC",
        "450 4.7.0 Temporary failure, id=58725-05 - INFECTED: x",
        "554 5.7.1 <r@example.com>: Relay access denied",
    ],
)
def test_other_replies_do_not(reply):
    assert reply_verdict(reply) is None
