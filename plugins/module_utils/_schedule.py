# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The texts of freshclam's schedules: the line in a crontab, the file in cron.d, the units of a timer (features 2.05).

Texts of crontabs hold every byte of the file: read with "surrogateescape" and without translation of line ends.
"""

from __future__ import annotations

import hashlib
import re

# A comment for the shell: it stays with the line when somebody edits or moves it.
MARK = "# Ansible: mailcordon.gateway.freshclam_schedule"
# Said when the file had no line end at its end, so that a removal restores it byte for byte.
MARK_LINE_END = MARK + " (line end added before)"

_MANAGED = "# Managed by Ansible (mailcordon.gateway.freshclam_schedule): changes here are overwritten.\n"
_JOB = re.compile(r"\s*[@0-9*]\S*\s+(?:.*\W)?freshclam\b")
_ASSIGNMENT = re.compile(r"\s*[A-Za-z_][A-Za-z0-9_]*\s*=")


def minute_of(host):
    """A minute from 0 to 59 for a host: always the same for its name, and spread evenly over a fleet."""
    return int(hashlib.sha256(host.lower().encode("utf-8", "surrogateescape")).hexdigest(), 16) % 60


def check_minute(value, host):
    """The minute that value (host, or a number from 0 to 59) means. Raises ValueError with what is wrong."""
    text = str(value).strip()
    if text == "host":
        return minute_of(host)
    if re.match(r"[0-9]{1,2}\Z", text) and int(text) <= 59:
        return int(text)
    raise ValueError("minute: must be host or a number from 0 to 59, not %r" % (value,))


def check_hours(values):
    """The hours in order, each once. Raises ValueError with what is wrong."""
    wrong = [value for value in values if not 0 <= value <= 23]
    if wrong:
        raise ValueError("hours: must be numbers from 0 to 23, not %s" % ", ".join(str(value) for value in wrong))
    return sorted(set(values))


def cron_job(minute, hours, user, program):
    """The job as /etc/crontab and cron.d have it. --quiet: cron sends mail when something is printed."""
    return "%d %s * * * %s %s --quiet" % (minute, _hours(hours), user, program)


def cron_file(minute, hours, user, program):
    """The text of the file in cron.d."""
    return _MANAGED + cron_job(minute, hours, user, program) + "\n"


def with_line(crontab, job):
    """The crontab with our job in it once. All other bytes stay as they are."""
    lines = crontab.split("\n")
    ours = [number for number, line in enumerate(lines) if MARK in line]
    if not ours:
        if not crontab or crontab.endswith("\n"):
            return "%s%s %s\n" % (crontab, job, MARK)
        # cron ignores a crontab whose last line does not end.
        return "%s\n%s %s\n" % (crontab, job, MARK_LINE_END)
    first = ours[0]
    mark = MARK_LINE_END if MARK_LINE_END in lines[first] else MARK
    lines = [line for number, line in enumerate(lines) if number not in ours[1:]]
    lines[first] = "%s %s" % (job, mark)
    return "\n".join(lines if lines[-1] == "" else lines + [""])


def without_line(crontab):
    """The crontab without our job, however often it is there; what with_line added is taken out again."""
    lines = crontab.split("\n")
    terminated = lines[-1] == ""
    body = lines[:-1] if terminated else lines
    kept = [line for line in body if MARK not in line]
    if len(kept) == len(body):
        return crontab
    if not kept:
        return ""
    if MARK in body[-1]:
        terminated = MARK_LINE_END not in body[-1]
    return "\n".join(kept) + ("\n" if terminated else "")


def freshclam_jobs(crontab):
    """The active lines of a crontab that run freshclam and are not ours."""
    return [
        line.strip()
        for line in crontab.split("\n")
        if MARK not in line and _JOB.match(line) and not _ASSIGNMENT.match(line)
    ]


def our_job(crontab):
    """Our active line of a crontab without its mark, None when there is none."""
    for line in crontab.split("\n"):
        job, mark, dummy = line.partition(MARK)
        if mark and _JOB.match(job):
            return job.strip()
    return None


def timer_unit(minute, hours, random_delay):
    """The timer. Persistent: a run that was missed while the host was off is made up for."""
    return _MANAGED + (
        "[Unit]\n"
        "Description=When the virus signatures are updated (mailcordon)\n"
        "\n"
        "[Timer]\n"
        "OnCalendar=*-*-* %s:%02d:00\n"
        "RandomizedDelaySec=%d\n"
        "AccuracySec=1s\n"
        "Persistent=true\n"
        "\n"
        "[Install]\n"
        "WantedBy=timers.target\n"
    ) % (_hours(hours), minute, random_delay)


def service_unit(user, program):
    """What the timer starts. One hour is enough for every database over a slow line."""
    return _MANAGED + (
        "[Unit]\n"
        "Description=Update of the virus signatures (mailcordon)\n"
        "Documentation=man:freshclam(1)\n"
        "Wants=network-online.target\n"
        "After=network-online.target\n"
        "\n"
        "[Service]\n"
        "Type=oneshot\n"
        "User=%s\n"
        "ExecStart=%s --quiet\n"
        "TimeoutStartSec=1h\n"
    ) % (user, program)


def _hours(hours):
    return ",".join(str(hour) for hour in hours) if hours else "*"
