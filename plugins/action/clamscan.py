# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Controller's side of the module clamscan: tells how far a long scan is, and brings files of the controller along."""

from __future__ import annotations

import os

from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

from ansible_collections.mailcordon.gateway.plugins.module_utils import _clamscan_report as reports

MODULE = "mailcordon.gateway.clamscan"


class ActionModule(ActionBase):
    """Runs the module again and again, each time from where it stopped, and adds the results up."""

    TRANSFERS_FILES = True
    _requires_connection = True

    def run(self, tmp=None, task_vars=None):
        """The result of the module, the sum of all parts."""
        result = super().run(tmp, task_vars)
        del tmp
        arguments = dict(self._task.args)
        try:
            result.update(self._scan_file(arguments, task_vars) if arguments.get("src") else self._scan(arguments, task_vars))
        except (AnsibleError, OSError) as error:
            result.update(failed=True, msg=" ".join(str(error).split()))
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    def _scan(self, arguments, task_vars):
        # Only the sum of all parts can say whether the task has failed.
        fail = boolean(arguments.pop("fail_on_infected", False), strict=False)
        parts = []
        while True:
            part = self._execute_module(module_name=MODULE, module_args=arguments, task_vars=task_vars)
            if part.get("failed"):
                return dict(reports.total(parts), **part) if parts else part
            parts.append(part)
            if not part["cursor"]:
                break
            arguments["cursor"] = part["cursor"]
            self._tell(reports.total(parts), arguments, task_vars)
        result = reports.total(parts)
        if fail and result["infected"]:
            result.update(failed=True, msg=reports.found_line(result))
        return result

    def _scan_file(self, arguments, task_vars):
        """Scan a file of the controller (features 3.05). Raises AnsibleError or OSError when it cannot be read."""
        source = str(arguments["src"])
        path = os.path.expandvars(os.path.expanduser(source))
        path = path if os.path.isabs(path) else self._find_needle("files", path)
        with open(path, "rb"):
            pass
        self._make_tmp_path()
        remote = self._connection._shell.join_path(self._connection._shell.tmpdir, "stream")
        self._transfer_file(path, remote)
        self._fixup_perms2((self._connection._shell.tmpdir, remote))
        result = self._scan(dict(arguments, src=remote), task_vars)
        for entry in result.get("infected", []) + result.get("errors", []):
            entry["path"] = source
        if "msg" in result:
            result["msg"] = result["msg"].replace(remote, source)
        return result

    def _tell(self, so_far, arguments, task_vars):
        host = (task_vars or {}).get("inventory_hostname", "")
        self._display.display(
            "clamscan [%s]: %s: %d scanned (%d MiB) in %d s, %d infected, %d not scanned, going on"
            % (
                host, arguments.get("path"), so_far["scanned"], so_far["bytes"] // 2**20, so_far["seconds"],
                len(so_far["infected"]), len(so_far["errors"]),
            )
        )
