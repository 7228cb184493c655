# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""freshclam's line in a crontab, its file in cron.d and its timer (features 2.04, 2.05, 18.03)."""

from __future__ import annotations

import random

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils import _schedule as schedule

JOB = "39 * * * * root /usr/bin/freshclam --quiet"
OURS = "%s %s\n" % (JOB, schedule.MARK)
STOCK = """# /etc/crontab: system-wide crontab
SHELL=/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin

37 * * * * root run-parts /etc/cron.hourly
19 0 * * * root run-parts /etc/cron.daily
22 5 * * 0 root run-parts /etc/cron.weekly
12 5 13 * * root run-parts /etc/cron.monthly
#
"""


def test_the_job_is_the_one_of_the_specification_and_quiet():
    """Features 2.05: minute 39 of every hour; --quiet, so that cron sends no mail about a success."""
    assert schedule.cron_job(39, [], "root", "/usr/bin/freshclam") == JOB


def test_the_line_comes_last_and_leaves_the_stock_entries_alone():
    """Features 2.04."""
    after = schedule.with_line(STOCK, JOB)
    assert after == STOCK + OURS
    assert schedule.with_line(after, JOB) == after
    assert schedule.without_line(after) == STOCK


@pytest.mark.parametrize(
    "original",
    ["", "\n", "A", "A\nB", "A\r\nB\r\n", "A\r\nB", "\n\n", "A\n\n", "# only a comment", "A\rB\x0b\x0c\u2028C\n", "\udcff\udc80 no UTF-8\n"],
)
def test_removal_restores_every_byte(original):
    """Features 2.04: also without a line end at the end, and with those of Windows."""
    added = schedule.with_line(original, JOB)
    assert added.endswith("\n") and added.startswith(original)
    assert schedule.without_line(added) == original


def test_removal_restores_every_byte_of_any_file():
    """Features 2.04, for files put together at random, with a change of the job between insertion and removal."""
    pieces = ["\n", "\r\n", "\r", "\t", " ", "#", "17 * * * * root run-parts /etc/cron.hourly", "MAILTO=root", "freshclam", "\udce9", "ü", "\0"]
    source = random.Random(20260)
    for dummy in range(3000):
        original = "".join(source.choice(pieces) for dummy in range(source.randrange(12)))
        added = schedule.with_line(original, JOB)
        moved = schedule.with_line(added, JOB.replace("39", str(source.randrange(60))))
        assert schedule.with_line(added, JOB) == added
        assert moved.count(schedule.MARK) == 1 and schedule.our_job(moved) is not None
        assert schedule.without_line(moved) == original


def test_lines_added_later_stay_whole():
    """Features 2.04: the line end that was missing is needed once something follows."""
    edited = schedule.with_line("A", JOB) + "B\n"
    assert schedule.without_line(edited) == "A\nB\n"
    assert schedule.without_line("A\n" + OURS + "B") == "A\nB"


@pytest.mark.parametrize(
    "edited",
    [
        "A\n5 1 * * * root /usr/bin/freshclam %s\nB\n" % schedule.MARK,
        "A\n#%sB\n" % OURS,
        "A\n%s%sB\n" % (OURS, OURS),
        "A\n%s\r\nB\n" % OURS.rstrip("\n"),
        "A\n%sB\n%s" % (OURS, OURS.rstrip("\n")),
    ],
)
def test_a_line_edited_or_doubled_by_hand_is_put_right(edited):
    assert schedule.with_line(edited, JOB) == "A\n%sB\n" % OURS
    assert schedule.without_line(edited) == "A\nB\n"


def test_an_unterminated_line_of_ours_gets_its_end():
    """cron ignores a crontab whose last line does not end."""
    assert schedule.with_line("A\n" + OURS.rstrip("\n"), JOB) == "A\n" + OURS


def test_a_file_without_our_line_is_not_touched_by_a_removal():
    for text in (STOCK, "", "A", "39 * * * * root /usr/bin/freshclam\n"):
        assert schedule.without_line(text) == text


def test_jobs_of_the_administrator_are_found():
    theirs = [
        "39 * * * * root /usr/bin/freshclam",
        "@daily root freshclam --quiet",
        "*/5 1-3 * * * root sh -c '/usr/bin/freshclam'",
    ]
    others = ["# 1 * * * * root freshclam", "NOTE=1 freshclam", "1 * * * * root /usr/bin/freshclamd-exporter2x", "freshclam", ""]
    assert schedule.freshclam_jobs("\n".join(theirs + others) + "\n" + OURS) == theirs


def test_our_job_is_found_only_when_it_is_active():
    assert schedule.our_job("A\n" + OURS) == JOB
    assert schedule.our_job("#" + OURS) is None and schedule.our_job(STOCK) is None


def test_hosts_have_minutes_of_their_own():
    """Features 2.05, 18.03: stable for a name, spread over a fleet."""
    minutes = [schedule.minute_of("gate%d.example.com" % number) for number in range(1200)]
    assert all(0 <= minute <= 59 for minute in minutes)
    share = [minutes.count(minute) for minute in range(60)]
    assert min(share) >= 6 and max(share) <= 40
    assert schedule.minute_of("Gate1.example.com") == schedule.minute_of("gate1.example.com") == minutes[1]


@pytest.mark.parametrize(("value", "minute"), [("39", 39), (0, 0), ("59", 59), (" 7 ", 7), ("host", schedule.minute_of("a"))])
def test_minutes(value, minute):
    assert schedule.check_minute(value, "a") == minute


@pytest.mark.parametrize("value", ["60", "-1", "*/5", "", "Host", "1,2", "3.5", None])
def test_wrong_minutes(value):
    with pytest.raises(ValueError, match="minute: must be host or a number from 0 to 59"):
        schedule.check_minute(value, "a")


def test_hours():
    assert schedule.check_hours([13, 1, 1]) == [1, 13] and schedule.check_hours([]) == []
    with pytest.raises(ValueError, match="hours: must be numbers from 0 to 23, not 24, -1"):
        schedule.check_hours([1, 24, -1])


def test_the_file_in_cron_d():
    text = schedule.cron_file(7, [1, 13], "clamav", "/usr/bin/freshclam")
    assert text.splitlines()[1:] == ["7 1,13 * * * clamav /usr/bin/freshclam --quiet"]
    assert text.endswith("\n") and schedule.freshclam_jobs(text) == ["7 1,13 * * * clamav /usr/bin/freshclam --quiet"]


def test_the_units_of_the_timer():
    """Features 18.03: own user, random delay; a run that was missed is made up for."""
    timer = schedule.timer_unit(7, [1, 13], 300).splitlines()
    assert {"OnCalendar=*-*-* 1,13:07:00", "RandomizedDelaySec=300", "Persistent=true", "WantedBy=timers.target"} <= set(timer)
    assert "OnCalendar=*-*-* *:39:00" in schedule.timer_unit(39, [], 0)
    service = schedule.service_unit("clamav", "/usr/bin/freshclam").splitlines()
    assert {"Type=oneshot", "User=clamav", "ExecStart=/usr/bin/freshclam --quiet"} <= set(service)
