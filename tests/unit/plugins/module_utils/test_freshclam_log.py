# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The log of freshclam, in lines as freshclam 1.4 writes them (features 2.30)."""

from __future__ import annotations

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils._freshclam_log import last_results, parse_runs

STAMP = "Mon Nov 23 05:59:48 2026 -> "
SECONDS = 1795413588
START = STAMP + "ClamAV update process started at Mon Nov 23 05:59:48 2026\n"
GOOD = START + STAMP + "WARNING: Can't query current.cvd.clamav.net\n" + STAMP + "eicar.ndb updated (version: custom database, sigs: 1)\n"
CURRENT = START + STAMP + "daily.cld database is up-to-date (version: 27690, sigs: 2076437, f-level: 90, builder: raynman)\n"
BAD = (
    START
    + STAMP + "ERROR: Download failed (7) " + STAMP + "ERROR:  Message: Couldn't connect to server\n"
    + STAMP + "ERROR: Can't download eicar.ndb from http://me:secret@127.0.0.1:18099/eicar.ndb\n"
    + STAMP + "ERROR: Database update process failed: Connection failed\n"
    + STAMP + "ERROR: Update failed.\n"
)
REASON = (
    "Download failed (7); Message: Couldn't connect to server; "
    "Can't download eicar.ndb from http://********@127.0.0.1:18099/eicar.ndb"
)


def results(text):
    return [(run.ok, run.reason) for run in parse_runs(text, utc=True)]


def test_a_run_that_fetched_and_one_that_found_nothing_new():
    assert results(GOOD + CURRENT) == [(True, None), (True, None)]
    assert parse_runs(GOOD, utc=True)[0].time == SECONDS


def test_a_failed_run_tells_its_causes_without_the_password():
    """Features 2.21: the credentials in a URL are not shown."""
    assert results(BAD) == [(False, REASON)]


def test_a_run_that_got_only_a_part_has_failed():
    assert results(BAD.replace("ERROR: Can't", "ERROR: x\n" + STAMP + "daily.cvd updated (version: 1, sigs: 1)\nERROR: Can't", 1))[0][0] is False


def test_a_host_that_the_mirrors_have_shut_out():
    line = "WARNING: You are still on cool-down until after: 2026-11-24 05:59:48"
    assert results(START + STAMP + line + "\n") == [(False, line[len("WARNING: "):])]


def test_a_run_that_was_killed_and_one_that_is_under_way():
    runs = parse_runs(START + START, utc=True)
    assert [(run.ok, run.finished) for run in runs] == [(False, True), (False, False)]
    assert runs[0].reason == "it ended without a result"


def test_the_last_success_and_the_last_failure():
    success, failure, dummy = last_results(parse_runs(GOOD + BAD + START, utc=True))
    assert success.time == SECONDS and failure.reason == REASON
    assert last_results([]) == (None, None, False)


@pytest.mark.parametrize("text, failing", [(GOOD + BAD, True), (BAD + GOOD, False), (GOOD + BAD + START, True), (BAD + START, True)])
def test_of_two_runs_in_one_second_the_later_one_counts(text, failing):
    """Features 2.30: freshclam starts a run whenever it is restarted, and one under way tells nothing yet."""
    runs = parse_runs(text, utc=True)
    assert runs[0].time == runs[1].time
    assert last_results(runs).failing is failing


def test_without_time_stamps_the_start_tells_the_time():
    assert [(run.time, run.ok) for run in parse_runs((GOOD + BAD).replace(STAMP, ""), utc=True)] == [(SECONDS, True), (SECONDS, False)]


def test_lines_before_the_first_run_do_not_count():
    assert parse_runs(STAMP + "ERROR: old\n" + GOOD, utc=True)[0].ok is True
