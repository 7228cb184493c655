#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: confd
short_description: Write one conf.d fragment of the mailcordon daemon
version_added: 0.1.0
description:
  - Renders a dictionary of settings as a TOML fragment in the daemon's C(conf.d) directory.
  - Before the fragment takes effect, C(mailcordon check-config) reads the whole directory with the new fragment in
    it. When it finds anything wrong, nothing is changed and the task fails with all problems in one line.
  - The running daemon is not told; notify a handler that reloads it.
author:
  - mailcordon contributors (@mailcordon)
extends_documentation_fragment:
  - ansible.builtin.files
  - mailcordon.gateway.attributes.config_file
  - mailcordon.gateway.attributes.actiongroup_gateway
options:
  name:
    description:
      - Name of the fragment without C(.toml), such as V(60-site). Fragments are read in lexical order, later ones win.
      - V(50-user) belongs to the administrator and is only accepted with O(only_if_absent).
    type: str
    required: true
  settings:
    description:
      - The settings as they stand in the fragment. Dictionaries become tables, lists of dictionaries arrays of tables.
      - A setting whose value is V(null) is left out.
    type: dict
    default: {}
  path:
    description: The directory of the fragments.
    type: path
    default: /etc/mailcordon/conf.d
  state:
    description: Whether the fragment is there.
    type: str
    choices: [present, absent]
    default: present
  only_if_absent:
    description: Create the fragment when it is missing, and leave one that exists as it is.
    type: bool
    default: false
  validate_command:
    description:
      - The command that checks a configuration. It is called with C(--config-dir DIRECTORY --json).
      - In check mode a command that does not exist yet is passed over; otherwise that is an error.
      - An empty string switches the check off.
    type: str
    default: /opt/mailcordon/current/bin/mailcordon check-config
  owner:
    description: Owner of the fragment.
    default: root
  group:
    description: Group of the fragment; the daemon reads its configuration through it.
    default: mailcordon
  mode:
    description: Mode of the fragment.
    default: "0640"
  backup:
    description:
      - Keep a copy of the fragment with a time stamp when it changes.
      - The copy does not end in C(.toml), so the daemon does not read it.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Switch the virus check on
  mailcordon.gateway.confd:
    name: 60-site
    settings:
      bypass_virus_checks: false
      virus_quarantine_to: virus-quarantine
      av_scanners:
        - name: ClamAV-clamd
          protocol: clamd
          socket: /run/clamav/clamd.ctl
  notify: Reload mailcordon

- name: Give the administrator a place for own settings
  mailcordon.gateway.confd:
    name: 50-user
    only_if_absent: true
"""

RETURN = r"""
path:
  description: The file of the fragment.
  type: str
  returned: success
  sample: /etc/mailcordon/conf.d/60-site.toml
validated:
  description: Whether the daemon's command has checked the configuration.
  type: bool
  returned: success
backup_file:
  description: The copy that was kept.
  type: str
  returned: when O(backup) is set and the fragment changed
"""

import os
import shlex
import shutil
import tempfile

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.mailcordon.gateway.plugins.module_utils import _confd as confd
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError, one_line
from ansible_collections.mailcordon.gateway.plugins.module_utils._files import read_text, replace_file


def find_command(module, text):
    """The words of the validate command, or None when there is nothing to check with."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise GatewayError("validate_command %r cannot be split into words: %s" % (text, error))
    if not words:
        return None
    program = words[0] if os.path.isabs(words[0]) else module.get_bin_path(words[0])
    if program is None or not os.access(program, os.X_OK):
        if module.check_mode:
            return None
        raise GatewayError(
            "validate_command %s does not exist: install the daemon first, or set validate_command to an empty string"
            % words[0]
        )
    return [program] + words[1:]


def validate(module, command, directory, file_name, text):
    """Check a copy of the directory in which the fragment is as it shall be. Raises GatewayError with all problems."""
    temporary = tempfile.mkdtemp(dir=module.tmpdir)
    try:
        if os.path.isdir(directory):
            for name in os.listdir(directory):
                source = os.path.join(directory, name)
                if name.endswith(".toml") and os.path.isfile(source):
                    shutil.copy(source, os.path.join(temporary, name))
        target = os.path.join(temporary, file_name)
        if text is not None:
            with open(target, "w", encoding="utf-8", newline="") as handle:
                handle.write(text)
        elif os.path.exists(target):
            os.unlink(target)
        rc, output, errors = module.run_command(command + ["--config-dir", temporary, "--json"])
    finally:
        shutil.rmtree(temporary)
    found = confd.problems(rc, output, errors)
    if found:
        message = one_line(found).replace(temporary, directory)
        raise GatewayError("%s is not changed, the configuration would be wrong: %s" % (directory, message))


def run(module):
    """Bring one fragment into the wanted state and return the module's result."""
    params = module.params
    directory = params["path"]
    confd.check_name(params["name"], params["only_if_absent"] and params["state"] == "present")
    file_name = params["name"] + ".toml"
    path = os.path.join(directory, file_name)
    before = read_text(path)
    if before is not None and params["only_if_absent"]:
        return dict(changed=False, path=path, validated=False)
    after = confd.render(params["name"], params["settings"]) if params["state"] == "present" else None
    command = find_command(module, params["validate_command"]) if before != after else None
    if command:
        validate(module, command, directory, file_name, after)
    return dict(replace_file(module, path, before, after), path=path, validated=command is not None)


def main():
    module = AnsibleModule(
        argument_spec=dict(
            name=dict(type="str", required=True),
            settings=dict(type="dict", default={}),
            path=dict(type="path", default="/etc/mailcordon/conf.d"),
            state=dict(type="str", choices=["present", "absent"], default="present"),
            only_if_absent=dict(type="bool", default=False),
            validate_command=dict(type="str", default="/opt/mailcordon/current/bin/mailcordon check-config"),
            owner=dict(type="str", default="root"),
            group=dict(type="str", default="mailcordon"),
            mode=dict(type="raw", default="0640"),
            backup=dict(type="bool", default=False),
        ),
        add_file_common_args=True,
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except (GatewayError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
