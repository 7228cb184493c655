# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of freshclam's schedules are in force on this host, whoever set them up (features 2.05)."""

from __future__ import annotations

import collections
import os

from ansible_collections.mailcordon.gateway.plugins.module_utils import _schedule as schedule
from ansible_collections.mailcordon.gateway.plugins.module_utils._files import read_every_byte

SERVICE = "clamav-freshclam.service"
TIMER = "mailcordon-freshclam.timer"
TIMER_SERVICE = "mailcordon-freshclam.service"
# ClamAV comes with a timer of its own that nobody enables by default.
OTHER_TIMERS = ("clamav-freshclam-once.timer",)

# Where things are; tests have places of their own.
Places = collections.namedtuple("Places", ["crontab", "cron_d", "units", "run_parts", "user_crontabs"])
HOST = Places(
    crontab="/etc/crontab",
    cron_d="/etc/cron.d",
    units="/etc/systemd/system",
    run_parts=("/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.monthly"),
    user_crontabs=("/var/spool/cron/crontabs", "/var/spool/cron"),
)

OUR_CRON_FILE = "mailcordon-freshclam"
# Written by the Debian package when its administrator chose cron; the freshclam service does not start beside it.
DEBIAN_CRON_FILE = "clamav-freshclam"

UnitState = collections.namedtuple("UnitState", ["loaded", "active", "enabled", "masked"])
ABSENT = UnitState(False, False, False, False)

# mode: service, timer, cron or crontab when it is one that the module freshclam_schedule manages, else other.
# where: the unit or file. job: the line, None for units.
InForce = collections.namedtuple("InForce", ["mode", "where", "job"])

HostState = collections.namedtuple(
    "HostState", ["crontab", "cron_file", "debian_cron_file", "timer_text", "service_text", "units", "foreign"]
)

_UNIT_PROPERTIES = "Id,LoadState,ActiveState,UnitFileState"
_SCRIPT_LIMIT = 65536


def parse_units(output):
    """The states of units from `systemctl show -p Id,LoadState,ActiveState,UnitFileState`."""
    states = {}
    for block in output.strip().split("\n\n"):
        fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if fields.get("Id"):
            states[fields["Id"]] = UnitState(
                loaded=fields.get("LoadState") not in (None, "not-found"),
                active=fields.get("ActiveState") in ("active", "activating", "reloading"),
                enabled=fields.get("UnitFileState") in ("enabled", "enabled-runtime", "linked", "linked-runtime"),
                masked=fields.get("LoadState") == "masked",
            )
    return states


def read_units(run, names):
    """The states of the named units. run(arguments) returns the output of a command, None when it cannot run."""
    output = run(["systemctl", "show", "-p", _UNIT_PROPERTIES] + list(names))
    found = parse_units(output) if output else {}
    return {name: found.get(name, ABSENT) for name in names}


def read_state(run, places=HOST):
    """Everything on this host that could start freshclam. Raises GatewayError when a file cannot be read."""
    return HostState(
        crontab=read_every_byte(places.crontab),
        cron_file=read_every_byte(os.path.join(places.cron_d, OUR_CRON_FILE)),
        debian_cron_file=read_every_byte(os.path.join(places.cron_d, DEBIAN_CRON_FILE)),
        timer_text=read_every_byte(os.path.join(places.units, TIMER)),
        service_text=read_every_byte(os.path.join(places.units, TIMER_SERVICE)),
        units=read_units(run, (SERVICE, TIMER) + OTHER_TIMERS),
        foreign=_foreign_jobs(places),
    )


def in_force(state, places=HOST):
    """The schedules that are in force: those that run now, and those that would after a restart of the host."""
    found = []
    for unit, mode in ((SERVICE, "service"), (TIMER, "timer")) + tuple((name, "other") for name in OTHER_TIMERS):
        if state.units[unit].active or state.units[unit].enabled:
            found.append(InForce(mode, unit, None))
    if state.cron_file is not None:
        for job in schedule.freshclam_jobs(state.cron_file):
            found.append(InForce("cron", os.path.join(places.cron_d, OUR_CRON_FILE), job))
    if state.crontab is not None and schedule.our_job(state.crontab):
        found.append(InForce("crontab", places.crontab, schedule.our_job(state.crontab)))
    if state.debian_cron_file is not None:
        for job in schedule.freshclam_jobs(state.debian_cron_file):
            found.append(InForce("other", os.path.join(places.cron_d, DEBIAN_CRON_FILE), job))
    return found + state.foreign


def _foreign_jobs(places):
    """What an administrator has set up; it is shown and never touched."""
    found = []
    for path in [places.crontab] + _files(places.cron_d) + [p for folder in places.user_crontabs for p in _files(folder)]:
        name = os.path.basename(path)
        # cron itself leaves out names with a dot in cron.d
        ours = os.path.dirname(path) == places.cron_d and (name in (OUR_CRON_FILE, DEBIAN_CRON_FILE) or "." in name)
        if not ours:
            found.extend(InForce("other", path, job) for job in schedule.freshclam_jobs(read_every_byte(path) or ""))
    for path in [path for folder in places.run_parts for path in _files(folder)]:
        if "." not in os.path.basename(path) and os.access(path, os.X_OK):
            for line in _start_of(path).splitlines():
                if "freshclam" in line and not line.lstrip().startswith("#"):
                    found.append(InForce("other", path, line.strip()))
                    break
    return found


def _files(folder):
    try:
        paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    except OSError:
        return []
    return [path for path in paths if os.path.isfile(path)]


def _start_of(path):
    try:
        with open(path, "r", encoding="utf-8", errors="surrogateescape") as handle:
            return handle.read(_SCRIPT_LIMIT)
    except OSError:
        return ""
