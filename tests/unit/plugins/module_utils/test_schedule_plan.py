# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which schedules are in force, and the order in which one takes the place of another (features 2.05)."""

from __future__ import annotations

import itertools

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils import _schedule as schedule
from ansible_collections.mailcordon.gateway.plugins.module_utils import _schedule_plan as plan
from ansible_collections.mailcordon.gateway.plugins.module_utils import _schedule_state as schedule_state

MODES = ["service", "cron", "crontab", "timer", "none"]
ON = schedule_state.UnitState(loaded=True, active=True, enabled=True, masked=False)
OFF = schedule_state.UnitState(loaded=True, active=False, enabled=False, masked=False)
CRONTAB = "17 * * * * root run-parts /etc/cron.hourly"
JOB = "39 * * * * root /usr/bin/freshclam --quiet"


def wanted(mode, minute=39):
    return plan.Wanted(mode, minute, [], "root" if mode == "crontab" else "clamav", "/usr/bin/freshclam", 300)


def state(mode, **changes):
    """The state of a host on which mode is in force as the module sets it up, with changes."""
    units = dict.fromkeys((schedule_state.SERVICE, schedule_state.TIMER) + schedule_state.OTHER_TIMERS, OFF)
    units[schedule_state.TIMER] = schedule_state.ABSENT
    for name, unit in (("service", schedule_state.SERVICE), ("timer", schedule_state.TIMER)):
        if mode == name:
            units[unit] = ON
    units.update(changes.pop("units", {}))
    values = dict(
        crontab=schedule.with_line(CRONTAB, JOB) if mode == "crontab" else CRONTAB,
        cron_file=schedule.cron_file(39, [], "clamav", "/usr/bin/freshclam") if mode == "cron" else None,
        debian_cron_file=None,
        timer_text=schedule.timer_unit(39, [], 300) if mode == "timer" else None,
        service_text=schedule.service_unit("clamav", "/usr/bin/freshclam") if mode == "timer" else None,
        units=units,
        foreign=[],
    )
    values.update(changes)
    return schedule_state.HostState(**values)


def after(before, steps):
    """The state that the steps lead to; systemd's part as systemctl documents it."""
    values = before._asdict()
    values["units"] = dict(before.units)
    files = {
        "/etc/crontab": "crontab",
        "/etc/cron.d/mailcordon-freshclam": "cron_file",
        "/etc/systemd/system/mailcordon-freshclam.timer": "timer_text",
        "/etc/systemd/system/mailcordon-freshclam.service": "service_text",
    }
    for step in steps:
        if isinstance(step, plan.Write):
            assert values[files[step.path]] == step.before
            values[files[step.path]] = step.after
        elif isinstance(step, plan.Move):
            assert step == plan.Move("/etc/cron.d/clamav-freshclam", "/etc/cron.d/clamav-freshclam.dpkg-old")
            values["debian_cron_file"] = None
        elif isinstance(step, plan.Systemctl) and step.arguments[-1] in values["units"]:
            unit = values["units"][step.arguments[-1]]
            changes = {
                "enable": dict(loaded=True, enabled=True),
                "start": dict(active=True),
                "restart": dict(active=True),
                "stop": dict(active=False),
                "disable": dict(active=False, enabled=False),
            }[step.arguments[0]]
            values["units"][step.arguments[-1]] = unit._replace(**changes)
    return schedule_state.HostState(**values)


def modes_in_force(host):
    return [job.mode for job in schedule_state.in_force(host)]


@pytest.mark.parametrize(("old", "new"), list(itertools.product(MODES, MODES)))
def test_exactly_the_wanted_one_is_in_force_afterwards(old, new):
    """Features 2.05, 2.04: from every schedule to every other; the other lines of /etc/crontab stay."""
    before = state(old)
    steps = plan.steps_to(wanted(new), before)
    reached = after(before, steps)
    assert modes_in_force(before) == ([] if old == "none" else [old])
    assert modes_in_force(reached) == ([] if new == "none" else [new])
    assert plan.steps_to(wanted(new), reached) == []
    assert bool(steps) is (old != new)
    assert schedule.without_line(reached.crontab) == CRONTAB


@pytest.mark.parametrize("mode", MODES)
def test_all_at_once_and_the_distributions_own_ones_end_in_one(mode):
    """Features 2.05: the timer that comes with ClamAV and the cron file of the Debian package count as well."""
    everything = state(
        "timer",
        crontab=schedule.with_line(CRONTAB, JOB),
        cron_file=schedule.cron_file(1, [], "clamav", "/usr/bin/freshclam"),
        debian_cron_file="5 */2 * * *    clamav [ -x /usr/bin/freshclam ] && /usr/bin/freshclam --quiet >/dev/null\n",
        units={schedule_state.SERVICE: ON, "clamav-freshclam-once.timer": ON},
    )
    assert sorted(modes_in_force(everything)) == ["cron", "crontab", "other", "other", "service", "timer"]
    reached = after(everything, plan.steps_to(wanted(mode), everything))
    assert modes_in_force(reached) == ([] if mode == "none" else [mode])


def positions(steps, kind, word):
    return [number for number, step in enumerate(steps) if isinstance(step, kind) and word in str(step)]


@pytest.mark.parametrize(("old", "new"), [pair for pair in itertools.permutations(MODES, 2) if pair[1] != "none"])
def test_the_new_one_is_armed_before_the_old_one_goes_and_starts_after_it_has_gone(old, new):
    steps = plan.steps_to(wanted(new), state(old))
    armed = {
        "cron": lambda: positions(steps, plan.Write, "cron.d/mailcordon"),
        "crontab": lambda: positions(steps, plan.Write, "/etc/crontab"),
        "timer": lambda: positions(steps, plan.Systemctl, "'enable'"),
        "service": lambda: positions(steps, plan.Systemctl, "'enable'"),
    }[new]()
    gone = {
        "cron": lambda: positions(steps, plan.Write, "cron.d/mailcordon"),
        "crontab": lambda: positions(steps, plan.Write, "/etc/crontab"),
        "timer": lambda: positions(steps, plan.Systemctl, "'disable', '--now', 'mailcordon-freshclam.timer'"),
        "service": lambda: positions(steps, plan.Systemctl, "'disable', '--now', 'clamav-freshclam.service'"),
        "none": lambda: [len(armed)],
    }[old]()
    assert len(armed) == 1 and len(gone) == 1 and armed[0] < gone[0] or old == "none"
    started = positions(steps, plan.Systemctl, "'start'") + positions(steps, plan.Systemctl, "'restart'")
    waited = positions(steps, plan.WaitForFreshclam, "")
    assert bool(started) is (new in ("service", "timer"))
    if started:
        assert max(armed + (gone if old != "none" else [])) < waited[0] < started[0]


def test_another_minute_restarts_the_timer():
    steps = plan.steps_to(wanted("timer", minute=5), state("timer"))
    assert [type(step).__name__ for step in steps] == ["Write", "Systemctl", "WaitForFreshclam", "Systemctl", "Confirm"]
    assert steps[1] == plan.Systemctl(["daemon-reload"]) and steps[3] == plan.Systemctl(["restart", schedule_state.TIMER])


def test_a_service_that_died_is_started_again():
    steps = plan.steps_to(wanted("service"), state("service", units={schedule_state.SERVICE: ON._replace(active=False)}))
    assert steps == [plan.WaitForFreshclam(), plan.Systemctl(["start", schedule_state.SERVICE]), plan.Confirm(schedule_state.SERVICE)]


def test_a_masked_service_is_stopped_only():
    masked = schedule_state.UnitState(loaded=True, active=True, enabled=False, masked=True)
    steps = plan.steps_to(wanted("none"), state("none", units={schedule_state.SERVICE: masked}))
    assert steps == [plan.Systemctl(["stop", schedule_state.SERVICE])]


def test_states_of_units_are_read_from_systemctl():
    output = (
        "Id=clamav-freshclam.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\n\n"
        "Id=mailcordon-freshclam.timer\nLoadState=not-found\nActiveState=inactive\nUnitFileState=\n\n"
        "Id=clamav-freshclam-once.timer\nLoadState=masked\nActiveState=inactive\nUnitFileState=masked\n"
    )
    names = ["clamav-freshclam.service", "mailcordon-freshclam.timer", "clamav-freshclam-once.timer", "x.timer"]
    found = schedule_state.read_units(lambda command: output, names)
    assert found["clamav-freshclam.service"] == ON
    assert found["mailcordon-freshclam.timer"] == found["x.timer"] == schedule_state.ABSENT
    assert found["clamav-freshclam-once.timer"] == schedule_state.UnitState(True, False, False, True)
    assert schedule_state.read_units(lambda command: None, ["x.timer"]) == {"x.timer": schedule_state.ABSENT}


def test_schedules_of_others_are_found_in_files(tmp_path):
    """Features 2.05: the administrator's own lines are seen, wherever cron reads them."""
    for folder in ("cron.d", "units", "cron.daily", "crontabs"):
        (tmp_path / folder).mkdir()
    (tmp_path / "crontab").write_text("# x\n1 * * * * root freshclam\n" + schedule.with_line("", JOB))
    (tmp_path / "cron.d" / "site").write_text("2 * * * * root freshclam\n")
    (tmp_path / "cron.d" / "site.dpkg-old").write_text("3 * * * * root freshclam\n")
    (tmp_path / "cron.d" / "mailcordon-freshclam").write_text("4 * * * * clamav freshclam\n")
    (tmp_path / "crontabs" / "root").write_bytes(b"# \xff\n@hourly freshclam\n")
    script = tmp_path / "cron.daily" / "virus"
    script.write_text("#!/bin/sh\n# freshclam\nexec freshclam\n")
    (tmp_path / "cron.daily" / "idle").write_text("#!/bin/sh\nfreshclam\n")
    script.chmod(0o755)
    places = schedule_state.Places(
        crontab=str(tmp_path / "crontab"),
        cron_d=str(tmp_path / "cron.d"),
        units=str(tmp_path / "units"),
        run_parts=(str(tmp_path / "cron.daily"), str(tmp_path / "none")),
        user_crontabs=(str(tmp_path / "crontabs"),),
    )
    found = schedule_state.read_state(lambda command: None, places)
    assert [(job.mode, job.where[len(str(tmp_path)) + 1:], job.job) for job in schedule_state.in_force(found, places)] == [
        ("cron", "cron.d/mailcordon-freshclam", "4 * * * * clamav freshclam"),
        ("crontab", "crontab", JOB),
        ("other", "crontab", "1 * * * * root freshclam"),
        ("other", "cron.d/site", "2 * * * * root freshclam"),
        ("other", "crontabs/root", "@hourly freshclam"),
        ("other", "cron.daily/virus", "exec freshclam"),
    ]
