#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dovecot_users
short_description: Users and password hashes in a passwd-file of Dovecot
version_added: 0.2.0
description:
  - Manages the lines of a passwd-file, Dovecot's password database in a text file. Comments, the order of the lines and
    further fields of a user stay as they are.
  - Passwords are hashed on the controller with C(passlib) and never reach the host. A hash that is there already stays
    as long as it verifies the password, so that a second run changes nothing although every hash has a salt of its own.
  - Dovecot reads the file anew by itself. Neither passwords nor hashes appear in results and diffs.
author:
  - mailcordon contributors (@mailcordon)
extends_documentation_fragment:
  - ansible.builtin.files
  - mailcordon.gateway.attributes.config_file
  - mailcordon.gateway.attributes.actiongroup_gateway
  - mailcordon.gateway.options.backup
requirements:
  - passlib on the controller, unless every user has a O(users[].password_hash)
  - argon2-cffi there for O(scheme=argon2id); for O(scheme=bcrypt) bcrypt, in a version that passlib supports
options:
  path:
    description: The file. Its directory must exist.
    type: path
    required: true
  users:
    description: The users. All problems with them are reported at once.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the user, in lower case, because Dovecot lowers a name before it looks it up.
        type: str
        required: true
      password:
        description: The password, as text. It stays on the controller.
        type: str
      password_hash:
        description:
          - A hash made elsewhere, with its scheme in front as C(doveadm pw) prints it, or as C(crypt(3)) writes it.
          - A readable password is refused here.
        type: str
      state:
        description: Whether the user is there.
        type: str
        choices: [present, absent]
        default: present
  exclusive:
    description: Remove all users who are not in O(users).
    type: bool
    default: false
  scheme:
    description: How passwords are hashed. A hash with another scheme is made anew.
    type: str
    choices: [sha512-crypt, bcrypt, argon2id]
    default: sha512-crypt
  rounds:
    description:
      - What a hash costs. With it, a hash of other rounds is made anew.
      - The default is 100000 for V(sha512-crypt), 11 for V(bcrypt), and what passlib takes for V(argon2id).
    type: int
notes:
  - Whoever may read the file can try passwords against its hashes; give it to root and the group of Dovecot's
    authentication process with mode V(0640).
"""

EXAMPLES = r"""
- name: Two users who may submit mail
  mailcordon.gateway.dovecot_users:
    path: /etc/mailcordon-auth/users
    users:
      - name: alice
        password: "{{ vault_alice }}"
      - name: bob@example.com
        password_hash: "{SHA512-CRYPT}$6$rounds=100000$5WR2Zb6rfX0oQpZF$..."
    exclusive: true
    owner: root
    group: dovecot
    mode: "0640"

- name: Bob has left
  mailcordon.gateway.dovecot_users:
    path: /etc/mailcordon-auth/users
    users:
      - name: bob@example.com
        state: absent
"""

RETURN = r"""
path:
  description: The file.
  type: str
  returned: success
  sample: /etc/mailcordon-auth/users
users_changed:
  description: The users who were added, got another hash, or were removed.
  type: list
  elements: str
  returned: success
  sample: [alice]
backup_file:
  description: The copy that was kept.
  type: str
  returned: when O(backup) is set and the file changed
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.mailcordon.gateway.plugins.module_utils import _dovecot_users as dovecot_users
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError
from ansible_collections.mailcordon.gateway.plugins.module_utils._files import read_text, replace_file


def run(module):
    """Bring the users into the wanted state and return the module's result."""
    users = module.params["users"]
    unhashed = [user["name"] for user in users if user["password"] is not None]
    if unhashed:
        raise GatewayError("%s: passwords are hashed by the action plugin of this module, which did not run" % ", ".join(unhashed))
    path = module.params["path"]
    before = read_text(path)
    hashes, absent = dovecot_users.normalise(users)
    after, changed = dovecot_users.apply(before or "", hashes, absent, module.params["exclusive"])
    if before is None and not after and absent and not hashes:
        # Nobody to remove from a file that is not there.
        after = None
    result = replace_file(module, path, before, after, new_file_mode=0o640, mask=dovecot_users.without_hashes)
    if changed and result["diff"][0]["before"] == result["diff"][0]["after"]:
        result["diff"][0]["after"] += "# other password hashes: %s\n" % ", ".join(changed)
    return dict(result, path=path, users_changed=changed)


def main():
    module = AnsibleModule(
        argument_spec=dict(
            path=dict(type="path", required=True),
            users=dict(
                type="list",
                elements="dict",
                required=True,
                options=dict(
                    name=dict(type="str", required=True),
                    password=dict(type="str", no_log=True),
                    password_hash=dict(type="str", no_log=True),
                    state=dict(type="str", choices=["present", "absent"], default="present"),
                ),
            ),
            exclusive=dict(type="bool", default=False),
            scheme=dict(type="str", choices=["sha512-crypt", "bcrypt", "argon2id"], default="sha512-crypt"),
            rounds=dict(type="int"),
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
