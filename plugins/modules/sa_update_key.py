#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sa_update_key
short_description: Keep the key of a channel of SpamAssassin rules
version_added: 0.2.0
description:
  - Makes a keyring for C(sa-update) that holds exactly one public key, the one that signs a channel of rules.
  - With a keyring for each channel no channel can be signed with the key of another one.
  - A key that is expired, revoked, secret or not the expected one is refused, and the keyring stays as it is.
author:
  - mailcordon contributors (@mailcordon)
extends_documentation_fragment:
  - mailcordon.gateway.attributes
  - mailcordon.gateway.attributes.actiongroup_gateway
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  keyring:
    description: Directory of the keyring, as C(sa-update --gpghomedir) takes it. Its parent directory must exist.
    type: path
    required: true
  key:
    description: The public key in ASCII armor. Required unless O(state=absent).
    type: str
  fingerprint:
    description: The fingerprint that the key must have, all 40 digits, with or without blanks.
    type: str
  owner:
    description: Account that runs C(sa-update). The keyring is its own.
    type: str
    default: debian-spamd
  state:
    description: Whether the keyring is there.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Trust the key of a channel
  mailcordon.gateway.sa_update_key:
    keyring: /var/lib/spamassassin/mailcordon-keys/rules.example.com
    key: "{{ lookup('ansible.builtin.file', 'rules.example.com.asc') }}"
    fingerprint: 0C2B 1D71 75B8 52C6 4B3C  DC71 6C55 3978 24F4 34CE
"""

RETURN = r"""
fingerprint:
  description: Fingerprint of the key in the keyring.
  type: str
  returned: when O(state=present) and gpg is installed
  sample: 0C2B1D7175B852C64B3CDC716C55397824F434CE
"""

import os
import pwd
import shutil
import tempfile

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.mailcordon.gateway.plugins.module_utils import _gpg_keys as gpg_keys
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError
from ansible_collections.mailcordon.gateway.plugins.module_utils._files import text_diff


class Keyring(object):
    """A directory of gpg's that belongs to one account; gpg works in it under that account."""

    def __init__(self, module, gpg, path, owner):
        self.module = module
        self.gpg = gpg
        self.path = path
        self.owner = owner
        self._prefix = []
        if os.geteuid() == 0 and owner != "root":
            self._prefix = ["runuser", "-u", owner, "--"]

    def keys(self):
        if not os.path.isdir(self.path):
            return {}
        return gpg_keys.parse_listing(self._run(self.path, ["--with-colons", "--list-keys"]))

    def wanted(self, key):
        """What a key file holds; gpg only looks at it."""
        directory = tempfile.mkdtemp(dir=self.module.tmpdir)
        try:
            code, output, errors = self.module.run_command(
                [self.gpg, "--homedir", directory, "--batch", "--with-colons", "--show-keys"], data=key
            )
        finally:
            shutil.rmtree(directory, ignore_errors=True)
        # Its code is 2 for a file without a key, which the listing shows as well.
        return gpg_keys.parse_listing(output)

    def fill(self, key, unwanted):
        if not os.path.isdir(self.path):
            self._make()
        if unwanted:
            self._run(self.path, ["--yes", "--delete-keys"] + unwanted)
        self._run(self.path, ["--import"], data=key)

    def _make(self):
        try:
            account = pwd.getpwnam(self.owner)
            os.mkdir(self.path, 0o700)
            os.chown(self.path, account.pw_uid, account.pw_gid)
        except KeyError:
            raise GatewayError("there is no account %s: install SpamAssassin first" % self.owner)
        except OSError as error:
            raise GatewayError("cannot make %s: %s" % (self.path, error.strerror))

    def _run(self, home, arguments, data=None):
        command = self._prefix + [self.gpg, "--homedir", home, "--batch", "--quiet", "--no-auto-check-trustdb", "--no-autostart"]
        code, output, errors = self.module.run_command(command + arguments, data=data, cwd="/")
        if code != 0:
            reason = [line for line in errors.splitlines() if line.strip()][-1:] or ["no reason given"]
            raise GatewayError("gpg fails on %s: %s" % (home, reason[0].replace("gpg: ", "")))
        return output


def describe(keys):
    """A keyring as text, for the diff."""
    return "".join("%s %s\n" % (name, " ".join("/".join(part) for part in key.parts)) for name, key in sorted(keys.items()))


def ensure_present(module, gpg):
    keyring = Keyring(module, gpg, module.params["keyring"], module.params["owner"])
    fingerprint = module.params["fingerprint"]
    try:
        wanted = keyring.wanted(module.params["key"])
        gpg_keys.check_wanted(wanted, gpg_keys.normal_fingerprint(fingerprint) if fingerprint else None)
    except GatewayError as error:
        raise GatewayError("the key for %s is refused: %s" % (keyring.path, error))
    present = keyring.keys()
    before, after = describe(present), describe(wanted)
    if before != after and not module.check_mode:
        # A key with the same name is replaced whole: an import alone would keep parts that were taken from it.
        keyring.fill(module.params["key"], sorted(present))
    return {
        "changed": before != after,
        "diff": text_diff(keyring.path, before or None, after),
        "fingerprint": list(wanted)[0],
    }


def ensure_absent(module):
    path = module.params["keyring"]
    exists = os.path.isdir(path)
    if exists and not module.check_mode:
        shutil.rmtree(path)
    return {"changed": exists, "diff": text_diff(path, "keyring\n" if exists else None, None)}


def main():
    module = AnsibleModule(
        argument_spec=dict(
            keyring=dict(type="path", required=True),
            key=dict(type="str", no_log=False),
            fingerprint=dict(type="str"),
            owner=dict(type="str", default="debian-spamd"),
            state=dict(type="str", choices=["present", "absent"], default="present"),
        ),
        required_if=[("state", "present", ["key"])],
        supports_check_mode=True,
    )
    try:
        if module.params["state"] == "absent":
            result = ensure_absent(module)
        else:
            gpg = module.get_bin_path("gpg")
            if gpg is not None:
                result = ensure_present(module, gpg)
            elif module.check_mode:
                result = {"changed": True}
            else:
                raise GatewayError("there is no gpg: install the package gnupg first")
    except GatewayError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
