#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: gateway_info
short_description: Tell the state of a mail gateway
version_added: 0.2.0
description:
  - Returns versions, the age of the signatures and their last update, the schedules of freshclam that are in force,
    services, listening sockets, whether the servers answer, Postfix's queue and filter, what is wrong in the
    configuration files, and free disk space.
  - Changes nothing and starts nothing. A server whose service stands still is not asked, because its socket unit would
    start it.
  - Works on a host on which nothing is installed; what cannot be known is null.
  - Every question has a time limit. A part that cannot be found out is told in RV(gateway.problems) and leaves the
    others alone.
  - Run it as root, or the owners of sockets, the logs and the queue stay unknown.
author:
  - mailcordon contributors (@mailcordon)
extends_documentation_fragment:
  - mailcordon.gateway.attributes
  - mailcordon.gateway.attributes.actiongroup_gateway
attributes:
  check_mode:
    support: full
    details: Never changes anything. C(postfix check) is left out in check mode.
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  gather:
    description: The parts to look at. RV(gateway.configuration) takes some seconds, all others together less than one.
    type: list
    elements: str
    choices: [versions, signatures, schedule, services, sockets, answers, postfix, queue, configuration, disks]
    default: [versions, signatures, schedule, services, sockets, answers, postfix, queue, configuration, disks]
  timeout:
    description: Seconds that each question may take. SpamAssassin's check of its rules and the filter's check of its
      configuration may take 90.
    type: int
    default: 15
  database_directory:
    description: Directory of the signatures. The default is what clamd's configuration says.
    type: path
  spamd_socket:
    description: Socket of spamd.
    type: path
    default: /run/spamassassin/spamd.sock
  filter_port:
    description: Port of the filter on 127.0.0.1.
    type: int
    default: 10024
  reinjection_port:
    description: Port on 127.0.0.1 where Postfix takes mail back.
    type: int
    default: 10025
  filter_home:
    description: Directory in which the filter keeps its spool and its quarantine.
    type: path
    default: /var/lib/mailcordon
seealso:
  - module: mailcordon.gateway.freshclam_schedule
  - module: mailcordon.gateway.mail_probe
"""

EXAMPLES = r"""
- name: Look at the gateway
  mailcordon.gateway.gateway_info:
  register: state

- name: Complain about signatures older than three days
  ansible.builtin.assert:
    that: state.gateway.signatures.age_seconds < 3 * 86400

- name: Look at the queue only
  mailcordon.gateway.gateway_info:
    gather: [queue]
"""

RETURN = r"""
gateway:
  description: What was found. Parts that were not asked for are null. Dates are in UTC.
  type: dict
  returned: success
  contains:
    versions:
      description: Versions of the collection, ClamAV, SpamAssassin and its rules, Postfix and the filter.
      type: dict
      sample: {collection: 0.1.0, clamav: 1.4.3, spamassassin: 4.0.1, spamassassin_rules: "1924000", postfix: 3.10.3,
        mailcordon: 0.1.0, mailcordon_release: 0.1.0-5f2c81d0}
    signatures:
      description:
        - The signature files, which of them tells the age of all (C(age_of)), its C(version), its C(date), the
          C(age_seconds), and the last C(update).
        - The age is that of the daily database, or without official databases that of the file that changed last.
        - C(update.failing) is true when the last update has failed; C(update.last_failure_reason) says why.
      type: dict
    schedule:
      description: All schedules of freshclam that are in force, with C(mode), C(where) and C(job). It should be one.
      type: list
      elements: dict
      sample: [{mode: service, where: clamav-freshclam.service, job: null}]
    services:
      description: State of each unit that the host has.
      type: dict
      sample: {clamav-daemon.service: {active_state: active, sub_state: running, unit_file_state: enabled, result: success}}
    sockets:
      description: All listening TCP sockets and those of the scanners, with the processes that hold them.
      type: list
      elements: dict
      sample: [{protocol: tcp, address: 127.0.0.1, port: 10025, path: null, loopback: true, processes: [master]}]
    answers:
      description: Whether C(clamd), C(spamd), the C(filter) and the C(reinjection) service answer.
      type: dict
      sample: {clamd: {answers: true, detail: PONG, seconds: 0.001}}
    postfix:
      description: Whether it runs, C(content_filter), the services with a proxy filter, and the C(mode) in force
        (V(after_queue), V(before_queue) or V(none)).
      type: dict
    queue:
      description: How many mails each queue holds, the age of the oldest in each, and how many wait for the filter.
      type: dict
      sample: {active: 1, incoming: 0, deferred: 3, hold: 0, maildrop: 0, total: 4, waiting_for_filter: 0,
        oldest_seconds: {active: 2, incoming: null, deferred: 3600, hold: null, maildrop: null}}
    configuration:
      description: What C(clamav), C(spamassassin), the C(filter) and C(postfix) find wrong in their own configuration.
      type: dict
      sample: {clamav: [], spamassassin: [], filter: [], postfix: []}
    disks:
      description: Free space where mail, quarantine and signatures are kept.
      type: list
      elements: dict
      sample: [{path: /var/spool/postfix, total_bytes: 21003628544, free_bytes: 9003628544, free_percent: 42.9,
        free_inodes_percent: 95.1}]
    problems:
      description: What could not be found out.
      type: list
      elements: dict
      sample: [{part: queue, problem: postqueue took more than 15 s}]
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.mailcordon.gateway.plugins.module_utils import _gateway_parts as parts
from ansible_collections.mailcordon.gateway.plugins.module_utils import _gateway_postfix as gateway_postfix
from ansible_collections.mailcordon.gateway.plugins.module_utils import _gateway_sockets as gateway_sockets
from ansible_collections.mailcordon.gateway.plugins.module_utils import _schedule_state as schedule_state
from ansible_collections.mailcordon.gateway.plugins.module_utils import _signature_age as signature_age
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError
from ansible_collections.mailcordon.gateway.plugins.module_utils._files import printable
from ansible_collections.mailcordon.gateway.plugins.module_utils._inspector import Inspector

GATHER = ["versions", "signatures", "schedule", "services", "sockets", "answers", "postfix", "queue", "configuration", "disks"]
DEFAULT_DATABASE_DIRECTORY = "/var/lib/clamav"


def read_schedule(inspector):
    """The schedules of freshclam that are in force."""

    def run(command):
        # The files of cron count also where systemd cannot be asked; the part "services" tells that.
        try:
            return inspector.output(command)
        except GatewayError:
            return None

    state = schedule_state.read_state(run)
    return [
        dict(mode=job.mode, where=job.where, job=printable(job.job) if job.job else None)
        for job in schedule_state.in_force(state)
    ]


def inspect(params, check_mode):
    """All parts that were asked for."""
    inspector = Inspector(params["timeout"])
    wanted = params["gather"]
    clamd_socket = parts.read_option(parts.CLAMD_CONF, "LocalSocket", "/run/clamav/clamd.ctl")
    directory = params["database_directory"] or parts.read_option(
        parts.CLAMD_CONF, "DatabaseDirectory", DEFAULT_DATABASE_DIRECTORY
    )
    log = parts.read_option(parts.FRESHCLAM_CONF, "UpdateLogFile", None)
    found = dict.fromkeys(GATHER)

    def look(name, function, *arguments):
        if name in wanted:
            found[name] = inspector.part(name, function, *arguments)

    look("versions", parts.read_versions)
    look("signatures", signature_age.read_signatures, directory, log)
    look("schedule", read_schedule)
    # Two parts need to know what runs.
    services = inspector.part("services", parts.read_services) if {"services", "answers"} & set(wanted) else None
    postfix = (
        inspector.part("postfix", gateway_postfix.read_postfix)
        if {"postfix", "configuration", "disks"} & set(wanted)
        else None
    ) or {}
    look("services", lambda dummy: services)
    look("postfix", lambda dummy: postfix or None)
    look("sockets", gateway_sockets.read_sockets, [clamd_socket, params["spamd_socket"]])
    look(
        "answers",
        parts.read_answers,
        services,
        clamd_socket,
        params["spamd_socket"],
        params["filter_port"],
        params["reinjection_port"],
    )
    look("queue", gateway_postfix.read_queue)
    look("configuration", parts.read_configuration, postfix.get("running", False) and not check_mode)
    look(
        "disks",
        parts.read_disks,
        [
            postfix.get("queue_directory"),
            params["filter_home"],
            os.path.join(params["filter_home"], "virusmails"),
            directory,
        ],
    )
    return dict(found, problems=inspector.problems)


def main():
    module = AnsibleModule(
        argument_spec=dict(
            gather=dict(type="list", elements="str", choices=GATHER, default=GATHER),
            timeout=dict(type="int", default=15),
            database_directory=dict(type="path"),
            spamd_socket=dict(type="path", default="/run/spamassassin/spamd.sock"),
            filter_port=dict(type="int", default=10024),
            reinjection_port=dict(type="int", default=10025),
            filter_home=dict(type="path", default="/var/lib/mailcordon"),
        ),
        supports_check_mode=True,
    )
    if module.params["timeout"] < 1:
        module.fail_json(msg="timeout: must be 1 second or more, not %d" % module.params["timeout"])
    module.exit_json(changed=False, gateway=inspect(module.params, module.check_mode))


if __name__ == "__main__":
    main()
