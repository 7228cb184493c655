# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The log of freshclam: when an update succeeded last, when one failed last, and why (features 2.30)."""

from __future__ import annotations

import calendar
import collections
import re
import time

# time: seconds since 1970, of the run's start. ok: whether every database is up to date after it.
# reason: what went wrong, in one line; None when ok. finished: whether its result stands in the log already.
UpdateRun = collections.namedtuple("UpdateRun", ["time", "ok", "reason", "finished"])
# success, failure: the last UpdateRun of either kind, or None. failing: whether the last one of all has failed.
LastResults = collections.namedtuple("LastResults", ["success", "failure", "failing"])

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CTIME = r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) +(\d+) (\d+):(\d+):(\d+) (\d{4})"
_START = re.compile(r"ClamAV update process started at " + _CTIME)
_STAMP = re.compile(_CTIME + r" -> ")
_FETCHED = re.compile(r"\S+ (?:database )?(?:is up-to-date|updated) \(version: ")
# What freshclam says after it has told the reason.
_CONSEQUENCE = re.compile(r"(?:Update failed\.|Database update process failed|Update failed for )")
# The mirrors have shut this host out for a while; freshclam calls that a warning and ends with success.
_SHUT_OUT = re.compile(r"WARNING: (You are (?:still )?on cool-down until after: .*)")
_CREDENTIALS = re.compile(r"://[^/@\s]*@")


def parse_runs(text, utc=False):
    """All update runs in a log, oldest first. Times are in the host's zone, or in UTC for tests."""
    runs = []
    for line in text.splitlines():
        started = _START.search(line)
        if started:
            runs.append((_seconds(started.groups(), utc), []))
        elif runs:
            runs[-1][1].append(line)
    last = len(runs) - 1
    return [_judge(start, lines, over=number < last) for number, (start, lines) in enumerate(runs)]


def last_results(runs):
    """What the runs come to, oldest first.

    Their order tells which one was last, not their times: a freshclam that is restarted may begin two in one second.
    """
    finished = [run for run in runs if run.finished]
    good = [run for run in finished if run.ok]
    bad = [run for run in finished if not run.ok]
    return LastResults(
        success=good[-1] if good else None,
        failure=bad[-1] if bad else None,
        failing=bool(finished) and not finished[-1].ok,
    )


def _judge(start, lines, over):
    """The result of one run; over says that another one has begun since."""
    errors = []
    fetched = False
    for line in lines:
        # One error may share its line with the next one, each with a time stamp of its own.
        messages = re.split(r"ERROR: ", _STAMP.sub("", line))[1:] + _SHUT_OUT.findall(line)
        errors.extend(message for message in messages if message.strip() and message not in errors)
        fetched = fetched or _FETCHED.search(line) is not None
    if not errors and not fetched and over:
        errors = ["it ended without a result"]
    if not errors:
        return UpdateRun(start, fetched, None, fetched)
    causes = [message for message in errors if not _CONSEQUENCE.match(message)] or errors
    reason = "; ".join(" ".join(cause.split()) for cause in causes)
    return UpdateRun(start, False, _CREDENTIALS.sub("://********@", reason), True)


def _seconds(parts, utc):
    month, day, hour, minute, second, year = parts
    fields = (int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), 0, 0, -1)
    return int(calendar.timegm(fields) if utc else time.mktime(fields))
