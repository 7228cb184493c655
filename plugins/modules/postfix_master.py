#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: postfix_master
short_description: Set services in Postfix's master.cf
version_added: 0.1.0
description:
  - Sets and removes services in C(master.cf). Comments and all other services stay as they are.
  - A named service belongs to the task as a whole, so columns and options that are not given go back to their
    defaults, unless O(services[].options_mode=merge).
  - The change is made on a copy of the configuration directory first. C(postconf) and C(postfix check) read the copy,
    and only when they accept it C(master.cf) is replaced, atomically. Otherwise nothing changes and the task fails
    with Postfix's reason in one line.
  - Postfix is not told; notify a handler that reloads it.
author:
  - mailcordon contributors (@mailcordon)
extends_documentation_fragment:
  - ansible.builtin.files
  - mailcordon.gateway.attributes.config_file
  - mailcordon.gateway.attributes.actiongroup_gateway
  - mailcordon.gateway.options.backup
  - mailcordon.gateway.options.postfix
options:
  services:
    description: The services. Two entries with the same O(services[].service) and O(services[].type) are an error.
    type: list
    elements: dict
    required: true
    suboptions:
      service:
        description: Name of the service, or for V(inet) its port, with the address in front if there is one.
        type: str
        required: true
      type:
        description: Type of the service.
        type: str
        required: true
        choices: [inet, unix, unix-dgram, fifo, pass]
      state:
        description: Whether the service is there.
        type: str
        choices: [present, absent]
        default: present
      private:
        description: V(y), V(n), or V(-) for Postfix's default, which is the default.
        type: str
      unpriv:
        description: V(y), V(n), or V(-) for Postfix's default, which is the default.
        type: str
      chroot:
        description: V(y), V(n), or V(-) for Postfix's default, which is the default.
        type: str
      wakeup:
        description: Seconds, perhaps with a question mark behind, or V(-), which is the default.
        type: str
      maxproc:
        description: The largest number of processes, or V(-) for C(default_process_limit), which is the default.
        type: str
      command:
        description:
          - The program and its arguments without C(-o). Needed unless O(services[].state=absent), or the service is
            there and O(services[].options_mode=merge).
        type: str
      options:
        description:
          - Parameters for this service only, the C(-o) arguments. A parameter that Postfix does not know is refused.
          - Booleans become V(yes) and V(no), lists are joined with commas, V(null) leaves a parameter out.
        type: dict
        default: {}
      options_mode:
        description:
          - With V(exact) the service has the given options and no others.
          - With V(merge) only what is given changes. V(null) removes an option; columns, command and options that are
            not given stay. A service that is not there is made, if there is a O(services[].command).
        type: str
        choices: [exact, merge]
        default: exact
seealso:
  - module: mailcordon.gateway.postfix_main
"""

EXAMPLES = r"""
- name: Connect the filter
  mailcordon.gateway.postfix_master:
    services:
      - service: amavisfeed
        type: unix
        chroot: n
        maxproc: "2"
        command: lmtp
        options:
          lmtp_data_done_timeout: 1200s
          lmtp_send_xforward_command: true
      - service: 127.0.0.1:10025
        type: inet
        private: n
        chroot: n
        command: smtpd
        options:
          content_filter: ""
          mynetworks: 127.0.0.0/8
          smtpd_recipient_restrictions: [permit_mynetworks, reject]
  notify: Reload Postfix

- name: Give one option to a service that belongs to somebody else
  mailcordon.gateway.postfix_master:
    services:
      - service: smtp
        type: inet
        options_mode: merge
        options:
          smtpd_proxy_filter: 127.0.0.1:10024
          smtpd_client_connection_count_limit:
  notify: Reload Postfix
"""

RETURN = r"""
path:
  description: The file.
  type: str
  returned: success
  sample: /etc/postfix/master.cf
services_changed:
  description: The services that changed, were added or were removed, as C(name/type).
  type: list
  elements: str
  returned: success
  sample: [amavisfeed/unix]
backup_file:
  description: The copy that was kept.
  type: str
  returned: when O(backup) is set and the file changed
"""

import os
import socket

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.mailcordon.gateway.plugins.module_utils import _postfix_main as postfix_main
from ansible_collections.mailcordon.gateway.plugins.module_utils import _postfix_master as postfix_master
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError
from ansible_collections.mailcordon.gateway.plugins.module_utils._postfix_gate import PostfixFile
from ansible_collections.mailcordon.gateway.plugins.module_utils._postfix_values import unknown_names, wrong_times


def services_changed(before, after):
    """The services that differ between two texts of master.cf, as name/type."""
    old = postfix_master.parse(before)
    new = postfix_master.parse(after)
    keys = list(new) + [key for key in old if key not in new]
    return [
        "/".join(key)
        for key in keys
        if key not in old or key not in new or old[key].meaning() != new[key].meaning()
    ]


def missing_programs(services, daemon_directory):
    """Problems with services whose program does not exist; Postfix only finds this out when mail comes."""
    return [
        "%s/%s: there is no program %s in %s" % (service.name, service.kind, service.command.split()[0], daemon_directory)
        for service in services
        if not os.path.exists(os.path.join(daemon_directory, service.command.split()[0]))
    ]


def unknown_ports(services):
    """Problems with inet services whose port is a name that the host does not know; the master would not start."""
    problems = []
    for service in services:
        port = service.name.rpartition(":")[2]
        if service.kind == "inet" and not port.isdigit():
            try:
                socket.getservbyname(port, "tcp")
            except OSError:
                problems.append("%s/inet: there is no port named %s in /etc/services, give its number" % (service.name, port))
    return problems


def run(module):
    """Bring the services into the wanted state and return the module's result."""
    present, merged, absent = postfix_master.normalise(module.params["services"])
    master_cf = PostfixFile(module, module.params["config_dir"], "master.cf")
    before = master_cf.before
    if before is None:
        # A dry run before Postfix is installed: its services are not there yet to be merged into.
        merged = [change for change in merged if change.command]
    after = postfix_master.apply(before or "", present, merged, absent)
    changed = services_changed(before or "", after)

    def inspect(ask, warnings):
        given = {change.key: change.options for change in present + merged}
        services = [service for key, service in postfix_master.parse(after).items() if key in given]
        defaults = postfix_main.parse(ask(["-d"]))
        problems = missing_programs(services, ask(["-x", "-h", "daemon_directory"]).strip()) + unknown_ports(services)
        for service in services:
            own = {name: value for name, value in service.options.items() if name in given[service.key]}
            found = wrong_times(own, defaults) + unknown_names(own, warnings, defaults)
            problems.extend("%s/%s: %s" % (service.key + (problem,)) for problem in found)
        return problems

    return dict(master_cf.change(after if changed else before or "", inspect), services_changed=changed)


def main():
    module = AnsibleModule(
        argument_spec=dict(
            services=dict(
                type="list",
                elements="dict",
                required=True,
                options=dict(
                    service=dict(type="str", required=True),
                    type=dict(type="str", required=True, choices=["inet", "unix", "unix-dgram", "fifo", "pass"]),
                    state=dict(type="str", choices=["present", "absent"], default="present"),
                    private=dict(type="str"),
                    unpriv=dict(type="str"),
                    chroot=dict(type="str"),
                    wakeup=dict(type="str"),
                    maxproc=dict(type="str"),
                    command=dict(type="str"),
                    options=dict(type="dict", default={}),
                    options_mode=dict(type="str", choices=["exact", "merge"], default="exact"),
                ),
            ),
            config_dir=dict(type="path", default="/etc/postfix"),
            backup=dict(type="bool", default=False),
        ),
        add_file_common_args=True,
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except GatewayError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
