# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""In which steps freshclam's schedule is changed so that exactly one is in force afterwards (features 2.05).

The order: the new schedule is written and enabled, then the old ones go, then the new one starts. A failure while it is
written leaves the old one in force. Nothing is started while the old one runs: freshclam locks its log, and the second
one would give up. An update that runs meanwhile is waited for, never killed.
"""

from __future__ import annotations

import collections
import os

from ansible_collections.mailcordon.gateway.plugins.module_utils import _schedule as schedule
from ansible_collections.mailcordon.gateway.plugins.module_utils import _schedule_state as schedule_state

Write = collections.namedtuple("Write", ["path", "before", "after"])  # after None: remove
Move = collections.namedtuple("Move", ["path", "new_path"])
Systemctl = collections.namedtuple("Systemctl", ["arguments"])
WaitForFreshclam = collections.namedtuple("WaitForFreshclam", [])
Confirm = collections.namedtuple("Confirm", ["unit"])

# mode: service, cron, crontab, timer or none. minute: 0 to 59. hours: list, empty for every hour.
# user: who runs freshclam. program: its path. random_delay: seconds, for the timer.
Wanted = collections.namedtuple("Wanted", ["mode", "minute", "hours", "user", "program", "random_delay"])


def steps_to(wanted, state, places=schedule_state.HOST):
    """The steps from the state of the host to the wanted schedule, in order; none when all is as wanted."""
    prepare, start = _PREPARE[wanted.mode](wanted, state, places)
    disarm = _disarm(wanted.mode, state, places)
    if start:
        # Also when the schedule is new: a run by hand or by a former schedule may still be under way.
        start = [WaitForFreshclam()] + start
    return prepare + disarm + start


def _prepare_none(wanted, state, places):
    return [], []


def _prepare_cron(wanted, state, places):
    text = schedule.cron_file(wanted.minute, wanted.hours, wanted.user, wanted.program)
    return _write(os.path.join(places.cron_d, schedule_state.OUR_CRON_FILE), state.cron_file, text), []


def _prepare_crontab(wanted, state, places):
    job = schedule.cron_job(wanted.minute, wanted.hours, wanted.user, wanted.program)
    return _write(places.crontab, state.crontab, schedule.with_line(state.crontab or "", job)), []


def _prepare_service(wanted, state, places):
    unit = state.units[schedule_state.SERVICE]
    prepare = [] if unit.enabled else [Systemctl(["enable", schedule_state.SERVICE])]
    start = [] if unit.active else [Systemctl(["start", schedule_state.SERVICE]), Confirm(schedule_state.SERVICE)]
    return prepare, start


def _prepare_timer(wanted, state, places):
    timer = schedule.timer_unit(wanted.minute, wanted.hours, wanted.random_delay)
    service = schedule.service_unit(wanted.user, wanted.program)
    prepare = _write(os.path.join(places.units, schedule_state.TIMER_SERVICE), state.service_text, service)
    prepare += _write(os.path.join(places.units, schedule_state.TIMER), state.timer_text, timer)
    changed = bool(prepare)
    if changed:
        prepare.append(Systemctl(["daemon-reload"]))
    unit = state.units[schedule_state.TIMER]
    if not unit.enabled:
        prepare.append(Systemctl(["enable", schedule_state.TIMER]))
    if changed or not unit.active:
        return prepare, [Systemctl(["restart", schedule_state.TIMER]), Confirm(schedule_state.TIMER)]
    return prepare, []


_PREPARE = {
    "none": _prepare_none,
    "cron": _prepare_cron,
    "crontab": _prepare_crontab,
    "service": _prepare_service,
    "timer": _prepare_timer,
}


def _disarm(mode, state, places):
    steps = []
    keep = {"service": schedule_state.SERVICE, "timer": schedule_state.TIMER}.get(mode)
    for name in (schedule_state.SERVICE, schedule_state.TIMER) + schedule_state.OTHER_TIMERS:
        unit = state.units[name]
        if name != keep and (unit.enabled or unit.active):
            # A masked unit can run on, but it cannot be disabled.
            steps.append(Systemctl(["stop", name] if unit.masked else ["disable", "--now", name]))
    if mode != "timer":
        removed = _write(os.path.join(places.units, schedule_state.TIMER), state.timer_text, None)
        removed += _write(os.path.join(places.units, schedule_state.TIMER_SERVICE), state.service_text, None)
        steps += removed + ([Systemctl(["daemon-reload"])] if removed else [])
    if mode != "cron":
        steps += _write(os.path.join(places.cron_d, schedule_state.OUR_CRON_FILE), state.cron_file, None)
    if mode != "crontab" and state.crontab is not None:
        steps += _write(places.crontab, state.crontab, schedule.without_line(state.crontab))
    if state.debian_cron_file is not None:
        # As the package itself does when its administrator leaves cron. cron ignores names with a dot.
        path = os.path.join(places.cron_d, schedule_state.DEBIAN_CRON_FILE)
        steps.append(Move(path, path + ".dpkg-old"))
    return steps


def _write(path, before, after):
    return [] if before == after else [Write(path, before, after)]
