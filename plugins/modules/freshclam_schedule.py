#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: freshclam_schedule
short_description: Decide how freshclam is started
version_added: 0.2.0
description:
  - Puts one schedule for freshclam into force and takes all others that it knows out of force in the same run. These are
    the distribution's service and timer, the file C(/etc/cron.d/clamav-freshclam) of the Debian package, and what
    this module sets up itself.
  - The new schedule is written and enabled before the old ones go, and it starts after they have gone. An update that
    is under way is waited for.
  - In C(/etc/crontab) one line belongs to this module; it ends with a comment that says so. All other lines keep every
    byte. Without the line the file is what it was before.
  - Lines and scripts of others that run freshclam are reported with a warning and never touched.
  - With O(mode=cron), O(mode=crontab) and O(mode=timer) freshclam runs once each time; its options C(Checks) and
    C(Foreground) have no effect then.
author:
  - mailcordon contributors (@mailcordon)
extends_documentation_fragment:
  - mailcordon.gateway.attributes.config_file
  - mailcordon.gateway.attributes.actiongroup_gateway
options:
  mode:
    description:
      - V(service) runs the distribution's C(clamav-freshclam.service), which stays in memory.
      - V(cron) writes C(/etc/cron.d/mailcordon-freshclam).
      - V(crontab) keeps one line in C(/etc/crontab).
      - V(timer) writes C(mailcordon-freshclam.timer) and its service. A run that was missed while the host was off is
        made up for.
      - V(none) leaves no schedule, for hosts that get their signatures in another way.
    type: str
    required: true
    choices: [service, cron, crontab, timer, none]
  minute:
    description:
      - Minute of the hour, V(0) to V(59).
      - V(host) derives it from the host's name. It is the same in every run, and a fleet of hosts spreads its load over
        the hour.
    type: str
    default: host
  hours:
    description: Hours of the day, V(0) to V(23). Empty means every hour.
    type: list
    elements: int
    default: []
  random_delay:
    description: With O(mode=timer) each run waits for a random time of up to so many seconds.
    type: int
    default: 300
  user:
    description:
      - Who runs freshclam with O(mode=cron), O(mode=crontab) and O(mode=timer).
      - The default is V(root) with O(mode=crontab), where freshclam drops to the user of C(DatabaseOwner) by itself, and
        V(clamav) otherwise.
    type: str
  backup:
    description: Keep a copy of a crontab with a time stamp when it changes.
    type: bool
    default: false
seealso:
  - module: mailcordon.gateway.gateway_info
  - name: freshclam(1)
    description: The program.
    link: https://manpages.debian.org/stable/clamav-freshclam/freshclam.1.en.html
"""

EXAMPLES = r"""
- name: Update the signatures every hour, at another minute on every host
  mailcordon.gateway.freshclam_schedule:
    mode: timer

- name: Update the signatures by the system's crontab at minute 39
  mailcordon.gateway.freshclam_schedule:
    mode: crontab
    minute: 39

- name: Update the signatures four times a day by cron
  mailcordon.gateway.freshclam_schedule:
    mode: cron
    hours: [1, 7, 13, 19]

- name: Stop updating on a host without a way out
  mailcordon.gateway.freshclam_schedule:
    mode: none
"""

RETURN = r"""
mode:
  description: The schedule that was asked for.
  type: str
  returned: success
  sample: timer
minute:
  description: The minute at which freshclam starts. Null with O(mode=service) and O(mode=none).
  type: int
  returned: success
  sample: 39
before:
  description: The schedules that were in force before.
  type: list
  elements: dict
  returned: success
  contains:
    mode:
      description: One of the values of O(mode), or V(other) for what this module does not manage.
      type: str
    where:
      description: The unit or file.
      type: str
    job:
      description: The line of the crontab. Null for units.
      type: str
  sample: [{mode: service, where: clamav-freshclam.service, job: null}]
foreign:
  description: Lines and scripts of others that run freshclam as well, as in RV(before).
  type: list
  elements: dict
  returned: success
  sample: []
"""

import os
import pwd
import re
import socket
import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.mailcordon.gateway.plugins.module_utils import _schedule as schedule
from ansible_collections.mailcordon.gateway.plugins.module_utils import _schedule_plan as schedule_plan
from ansible_collections.mailcordon.gateway.plugins.module_utils import _schedule_state as schedule_state
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError, one_line
from ansible_collections.mailcordon.gateway.plugins.module_utils._files import printable, replace_file

CRON_DAEMONS = ["/usr/sbin/cron", "/usr/sbin/crond", "/usr/lib/systemd/system-generators/systemd-crontab-generator"]
CRON_UNITS = ["cron.service", "crond.service", "cron.target"]
# Downloads over a slow line take this long, in seconds.
LONGEST_UPDATE = 600
# Within this time a freshclam that cannot run has ended, on a busy host too, in seconds.
SETTLING = 3
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\$?\Z")


def wanted_schedule(module):
    """The schedule that the task asks for. Raises GatewayError with everything that is wrong with it."""
    params = module.params
    problems = []
    minute, hours = None, []
    try:
        minute = schedule.check_minute(params["minute"], socket.gethostname())
    except ValueError as error:
        problems.append(str(error))
    try:
        hours = schedule.check_hours(params["hours"])
    except ValueError as error:
        problems.append(str(error))
    if params["random_delay"] < 0:
        problems.append("random_delay: must be 0 or more seconds, not %d" % params["random_delay"])
    user = params["user"] or ("root" if params["mode"] == "crontab" else "clamav")
    if not _USER.match(user):
        problems.append("user: %r is no name of a user" % user)
    if problems:
        raise GatewayError("freshclam's schedule is not changed: %s" % one_line(problems))
    program = module.get_bin_path("freshclam") or "/usr/bin/freshclam"
    return schedule_plan.Wanted(params["mode"], minute, hours, user, program, params["random_delay"])


def check_host(module, wanted, state):
    """Refuse what this host cannot do. A dry run on a host without packages is told only what no package brings."""
    problems = []
    mode = wanted.mode
    if mode in ("cron", "crontab"):
        if not any(os.path.exists(path) for path in CRON_DAEMONS):
            problems.append("mode %s needs a cron daemon and there is none: install cron, or use mode timer" % mode)
        elif mode == "crontab" and state.crontab is None:
            problems.append("there is no %s: use mode cron" % PLACES.crontab)
    if not module.check_mode:
        if mode != "none" and module.get_bin_path("freshclam") is None:
            problems.append("freshclam is not installed: install the package clamav-freshclam")
        elif mode in ("service", "timer") and module.get_bin_path("systemctl") is None:
            problems.append("mode %s needs systemd: use mode cron" % mode)
        elif mode == "service" and not state.units[schedule_state.SERVICE].loaded:
            problems.append("there is no %s: use mode timer" % schedule_state.SERVICE)
        if mode in ("cron", "crontab", "timer") and not _user_exists(wanted.user):
            problems.append("there is no user %s: name another one in user" % wanted.user)
    if mode == "service" and state.units[schedule_state.SERVICE].masked:
        problems.append("%s is masked: unmask it, or use mode timer" % schedule_state.SERVICE)
    if problems:
        raise GatewayError("freshclam's schedule is not changed: %s" % one_line(problems))


def warn(module, wanted, state):
    """Tell what an administrator should know and this module leaves alone."""
    for job in state.foreign:
        module.warn("%s also starts freshclam and is left as it is: %s" % (job.where, printable(job.job)))
    if wanted.mode == "crontab" and state.crontab and not state.crontab.endswith("\n"):
        module.warn("%s had no line end at its end, so that cron ignored it; it has one now" % PLACES.crontab)
    if wanted.mode in ("cron", "crontab") and module.get_bin_path("systemctl"):
        units = schedule_state.read_units(lambda command: run(module, command), CRON_UNITS)
        if not any(unit.active for unit in units.values()):
            module.warn("mode %s has no effect while the cron daemon does not run" % wanted.mode)


def apply(module, step):
    """Take one step. Returns the diff of a file. Raises GatewayError."""
    if isinstance(step, schedule_plan.Write):
        path = os.path.realpath(step.path)
        return replace_file(module, path, step.before, step.after, new_file_mode=0o644, mask=printable)["diff"]
    if module.check_mode:
        return []
    if isinstance(step, schedule_plan.Move):
        os.rename(step.path, step.new_path)
    elif isinstance(step, schedule_plan.Systemctl):
        systemctl(module, step.arguments)
    elif isinstance(step, schedule_plan.WaitForFreshclam):
        wait_for_freshclam()
    elif isinstance(step, schedule_plan.Confirm):
        confirm(module, step.unit)
    return []


def run(module, command):
    """The output of a command, None when it is not there or fails."""
    if module.get_bin_path(command[0]) is None:
        return None
    code, output, dummy_errors = module.run_command(command, environ_update={"LC_ALL": "C"})
    return output if code == 0 else None


def systemctl(module, arguments):
    code, dummy_output, errors = module.run_command(["systemctl"] + arguments, environ_update={"LC_ALL": "C"})
    if code != 0:
        raise GatewayError("systemctl %s failed: %s" % (" ".join(arguments), one_line([errors])))


def wait_for_freshclam():
    """Wait until no freshclam runs: it locks its log, and a second one would give up."""
    deadline = time.monotonic() + LONGEST_UPDATE
    while _freshclam_runs():
        if time.monotonic() > deadline:
            raise GatewayError("a freshclam that this host's schedules have not started has run for %d s: stop it" % LONGEST_UPDATE)
        time.sleep(0.5)


def confirm(module, unit):
    """See that a unit stays up: freshclam reads its configuration only after systemd calls it started."""
    deadline = time.monotonic() + SETTLING
    while time.monotonic() < deadline:
        time.sleep(0.5)
        state = schedule_state.read_units(lambda command: run(module, command), [unit])[unit]
        if not state.active:
            last = run(module, ["journalctl", "-q", "-o", "cat", "--no-pager", "-n", "3", "-u", unit]) or "no reason in the journal"
            raise GatewayError("%s does not stay up: %s" % (unit, one_line([last])))


def _freshclam_runs():
    """Whether a freshclam runs on this host; those of containers on it do not count."""
    own_space = os.readlink("/proc/self/ns/pid")
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            try:
                with open("/proc/%s/comm" % pid) as handle:
                    if handle.read().strip() == "freshclam" and os.readlink("/proc/%s/ns/pid" % pid) == own_space:
                        return True
            except OSError:
                # It has ended meanwhile.
                continue
    return False


def _user_exists(name):
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _shown(jobs):
    return "".join("%s: %s%s\n" % (job.mode, job.where, ": " + printable(job.job) if job.job else "") for job in jobs)


def _as_dicts(jobs):
    return [dict(mode=job.mode, where=job.where, job=printable(job.job) if job.job else None) for job in jobs]


PLACES = schedule_state.HOST


def main():
    module = AnsibleModule(
        argument_spec=dict(
            mode=dict(type="str", required=True, choices=["service", "cron", "crontab", "timer", "none"]),
            minute=dict(type="str", default="host"),
            hours=dict(type="list", elements="int", default=[]),
            random_delay=dict(type="int", default=300),
            user=dict(type="str"),
            backup=dict(type="bool", default=False),
        ),
        supports_check_mode=True,
    )
    try:
        wanted = wanted_schedule(module)
        state = schedule_state.read_state(lambda command: run(module, command), PLACES)
        check_host(module, wanted, state)
        warn(module, wanted, state)
        before = schedule_state.in_force(state, PLACES)
        steps = schedule_plan.steps_to(wanted, state, PLACES)
        diff = [entry for step in steps for entry in apply(module, step)]
    except GatewayError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg="freshclam's schedule cannot be changed: %s" % error)
    runs_at = wanted.minute if wanted.mode in ("cron", "crontab", "timer") else None
    module.exit_json(
        changed=bool(steps),
        mode=wanted.mode,
        minute=runs_at,
        before=_as_dicts(before),
        foreign=_as_dicts(state.foreign),
        diff=diff + [dict(before_header="freshclam's schedules", after_header="freshclam's schedules",
                          before=_shown(before), after=_shown(before) if not steps else _wanted(wanted, state))],
    )


def _wanted(wanted, state):
    where = {
        "service": schedule_state.SERVICE,
        "timer": schedule_state.TIMER,
        "cron": os.path.join(PLACES.cron_d, schedule_state.OUR_CRON_FILE),
        "crontab": PLACES.crontab,
    }.get(wanted.mode)
    job = schedule.cron_job(wanted.minute, wanted.hours, wanted.user, wanted.program)
    mine = [schedule_state.InForce(wanted.mode, where, job if wanted.mode in ("cron", "crontab") else None)]
    return _shown((mine if where else []) + state.foreign)


if __name__ == "__main__":
    main()
