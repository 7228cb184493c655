#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: postfix_main
short_description: Set parameters in Postfix's main.cf
version_added: 0.1.0
description:
  - Sets and removes parameters in C(main.cf). Comments, order and all other parameters stay as they are.
  - The change is made on a copy of the configuration directory first. C(postconf) and C(postfix check) read the copy,
    and only when they accept it C(main.cf) is replaced, atomically. Otherwise nothing changes and the task fails with
    Postfix's reason in one line.
  - A parameter that Postfix does not know is refused, with the nearest name that it has. A parameter of your own is
    fine when something uses it, as C($name), in a restriction class or as the parameters of a table.
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
  parameters:
    description:
      - The parameters by their names.
      - Booleans become V(yes) and V(no), lists are joined with commas. V(null) removes the parameter, so that
        Postfix's default counts; an empty string sets it to nothing.
      - Values are compared without regard to the amount of white space.
    type: dict
    default: {}
  members:
    description:
      - Words that must be in parameters that are lists, by the names of the parameters. Other words stay, and so does
        their order; new ones come to the end.
      - The list starts from what C(main.cf) says. Postfix's default is not taken over.
    type: dict
    default: {}
  allow_unknown:
    description: Set parameters that nothing uses, with a warning.
    type: bool
    default: false
  state:
    description:
      - V(absent) removes all the named parameters, whatever their values are, and the named words of O(members). A list
        without words is removed.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: mailcordon.gateway.postfix_master
"""

EXAMPLES = r"""
- name: Send all mail through the filter
  mailcordon.gateway.postfix_main:
    parameters:
      content_filter: amavisfeed:[127.0.0.1]:10024
      message_size_limit: 52428800
  notify: Reload Postfix

- name: Expand aliases once, behind the filter, whatever else is overridden
  mailcordon.gateway.postfix_main:
    members:
      receive_override_options: [no_address_mappings]

- name: Take the filter out again
  mailcordon.gateway.postfix_main:
    parameters:
      content_filter:
"""

RETURN = r"""
path:
  description: The file.
  type: str
  returned: success
  sample: /etc/postfix/main.cf
parameters_changed:
  description: Names of the parameters that changed or were removed.
  type: list
  elements: str
  returned: success
  sample: [content_filter]
backup_file:
  description: The copy that was kept.
  type: str
  returned: when O(backup) is set and the file changed
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.mailcordon.gateway.plugins.module_utils import _postfix_main as postfix_main
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError
from ansible_collections.mailcordon.gateway.plugins.module_utils._postfix_gate import PostfixFile
from ansible_collections.mailcordon.gateway.plugins.module_utils._postfix_values import unknown_names, wrong_times


def run(module):
    """Bring the parameters into the wanted state and return the module's result."""
    wanted = postfix_main.normalise(module.params["parameters"])
    present = module.params["state"] == "present"
    if not present:
        wanted = dict.fromkeys(wanted)
    main_cf = PostfixFile(module, module.params["config_dir"], "main.cf")
    before = main_cf.before or ""
    members = postfix_main.with_members(before, module.params["members"], present)
    both = [name for name in module.params["members"] if name in wanted]
    if both:
        raise GatewayError("%s: given in parameters and in members" % ", ".join(both))
    wanted.update(members)
    changed = postfix_main.changes(before, wanted)

    def inspect(ask, warnings):
        names = [name for name in changed if wanted[name] is not None]
        if not names:
            return []
        defaults = postfix_main.parse(ask(["-d"]))
        problems = wrong_times({name: wanted[name] for name in names}, defaults)
        return problems if module.params["allow_unknown"] else problems + unknown_names(names, warnings, defaults)

    result = main_cf.change(postfix_main.apply(before, wanted) if changed else before, inspect)
    return dict(result, parameters_changed=changed)


def main():
    module = AnsibleModule(
        argument_spec=dict(
            parameters=dict(type="dict", default={}),
            members=dict(type="dict", default={}),
            allow_unknown=dict(type="bool", default=False),
            state=dict(type="str", choices=["present", "absent"], default="present"),
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
