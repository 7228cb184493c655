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
    defaults.
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
        description: V(y), V(n), or V(-) for Postfix's default.
        type: str
        default: "-"
      unpriv:
        description: V(y), V(n), or V(-) for Postfix's default.
        type: str
        default: "-"
      chroot:
        description: V(y), V(n), or V(-) for Postfix's default.
        type: str
        default: "-"
      wakeup:
        description: Seconds, perhaps with a question mark behind, or V(-).
        type: str
        default: "-"
      maxproc:
        description: The largest number of processes, or V(-) for C(default_process_limit).
        type: str
        default: "-"
      command:
        description: The program and its arguments without C(-o). Needed unless O(services[].state=absent).
        type: str
      options:
        description:
          - Parameters for this service only, the C(-o) arguments.
          - Booleans become V(yes) and V(no), lists are joined with commas, V(null) leaves a parameter out.
        type: dict
        default: {}
  config_dir:
    description: Postfix's configuration directory.
    type: path
    default: /etc/postfix
  backup:
    description: Keep a copy of C(master.cf) with a time stamp when it changes.
    type: bool
    default: false
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

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.mailcordon.gateway.plugins.module_utils import _postfix_master as postfix_master
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError
from ansible_collections.mailcordon.gateway.plugins.module_utils._postfix_gate import PostfixFile


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


def run(module):
    """Bring the services into the wanted state and return the module's result."""
    present, absent = postfix_master.normalise(module.params["services"])
    master_cf = PostfixFile(module, module.params["config_dir"], "master.cf")
    before = master_cf.before or ""
    after = postfix_master.apply(before, present, absent)
    changed = services_changed(before, after)

    def inspect(ask):
        return missing_programs(present, ask(["-x", "-h", "daemon_directory"]).strip())

    return dict(master_cf.change(after if changed else before, inspect), services_changed=changed)


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
                    private=dict(type="str", default="-"),
                    unpriv=dict(type="str", default="-"),
                    chroot=dict(type="str", default="-"),
                    wakeup=dict(type="str", default="-"),
                    maxproc=dict(type="str", default="-"),
                    command=dict(type="str"),
                    options=dict(type="dict", default={}),
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
