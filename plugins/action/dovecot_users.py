# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's half of dovecot_users: passwords become hashes here, and never reach the host."""

from __future__ import annotations

import base64

from ansible.plugins.action import ActionBase

from ansible_collections.mailcordon.gateway.plugins.module_utils import _dovecot_users as dovecot_users
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError, one_line
from ansible_collections.mailcordon.gateway.plugins.plugin_utils._passlib_hashes import Hasher

MODULE = "mailcordon.gateway.dovecot_users"


class ActionModule(ActionBase):
    """Replaces each password by the hash that is there already, when it still verifies, or by a new one."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        """Returns the module's result, or a failure in one line."""
        super(ActionModule, self).run(tmp, task_vars)
        arguments = dict(self._task.args)
        try:
            users = arguments.get("users")
            # Whatever has another shape is the module's to complain about; it must not meet a password there.
            if isinstance(users, list) and all(isinstance(user, dict) for user in users):
                arguments["users"] = self._hashed(users, arguments, task_vars)
            elif users is not None:
                raise GatewayError("users must be a list of dictionaries with name and password")
        except GatewayError as error:
            return {"failed": True, "changed": False, "msg": str(error)}
        return self._execute_module(module_name=MODULE, module_args=arguments, task_vars=task_vars)

    def _hashed(self, users, arguments, task_vars):
        problems = dovecot_users.problems_of(users)
        if problems:
            raise GatewayError(one_line(problems))
        if not any("password" in user for user in users):
            return users
        rounds = arguments.get("rounds")
        try:
            rounds = int(rounds) if rounds not in (None, "") else None
        except (TypeError, ValueError):
            raise GatewayError("rounds must be a number, not %r" % (rounds,))
        hasher = Hasher(arguments.get("scheme") or "sha512-crypt", rounds)
        there = self._hashes_on_host(arguments.get("path"), task_vars)
        hashed = []
        for user in users:
            user = dict(user)
            password = user.pop("password", None)
            if password is not None and user.get("state") != "absent":
                old = there.get(user["name"], "")
                user["password_hash"] = old if hasher.keeps(old, password) else hasher.hash(password)
            hashed.append(user)
        return hashed

    def _hashes_on_host(self, path, task_vars):
        """The hashes of the file on the host; none when there is no file yet."""
        if not path:
            return {}
        stat = self._execute_module(module_name="ansible.builtin.stat", module_args={"path": path, "get_checksum": False}, task_vars=task_vars)
        if not stat.get("failed") and not stat["stat"]["exists"]:
            return {}
        answer = self._execute_module(module_name="ansible.builtin.slurp", module_args={"src": path}, task_vars=task_vars)
        if answer.get("failed"):
            raise GatewayError("cannot read %s: %s" % (path, one_line([answer.get("msg", "no reason given")])))
        return dovecot_users.parse(base64.b64decode(answer["content"]).decode("utf-8", "replace"))
