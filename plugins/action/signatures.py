# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Controller's side of the module signatures: reads the files, and transfers those that the host lacks."""

from __future__ import annotations

import os

from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

from ansible_collections.mailcordon.gateway.plugins.module_utils import _signatures as signatures
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import one_line

MODULE = "mailcordon.gateway.signatures"


class ActionModule(ActionBase):
    """Runs the module once to learn what is missing, and once more with these files in a temporary directory."""

    TRANSFERS_FILES = True
    _requires_connection = True

    def run(self, tmp=None, task_vars=None):
        """The result of the module."""
        result = super().run(tmp, task_vars)
        del tmp
        arguments = dict(self._task.args)
        remote = boolean(arguments.get("remote_src", False), strict=False)
        if remote or not arguments.get("src") or arguments.get("state", "present") != "present":
            result.update(self._execute_module(module_name=MODULE, module_args=arguments, task_vars=task_vars))
            return result
        try:
            paths = self._paths(arguments.pop("src"))
            arguments["files"] = [
                dict(signatures.as_dict(signatures.read_file(path)), name=name) for name, path in sorted(paths.items())
            ]
        except OSError as error:
            result.update(failed=True, msg="nothing is installed: %s: %s" % (error.filename, error.strerror))
            return result
        except AnsibleError as error:
            result.update(failed=True, msg="nothing is installed: %s" % one_line([error]))
            return result
        try:
            answer = self._execute_module(module_name=MODULE, module_args=arguments, task_vars=task_vars)
            if answer.get("missing") and not answer.get("failed"):
                self._display.vvv("signatures: transferring %s" % ", ".join(answer["missing"]))
                arguments["src"] = [self._transfer(name, paths[name]) for name in answer["missing"]]
                answer = self._execute_module(
                    module_name=MODULE, module_args=dict(arguments, remote_src=True), task_vars=task_vars
                )
            result.update(answer)
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    def _paths(self, sources):
        """The files by name. Raises AnsibleError with all that is wrong."""
        if not isinstance(sources, list):
            sources = str(sources).split(",")
        found = []
        problems = []
        for source in sources:
            path = os.path.expandvars(os.path.expanduser(str(source).strip()))
            try:
                found.append(path if os.path.isabs(path) else self._find_needle("files", path))
            except AnsibleError:
                problems.append("%s: no such file on the controller" % source)
        paths, wrong = signatures.collect(found) if found else ({}, [])
        if problems or wrong:
            raise AnsibleError(one_line(problems + wrong))
        return paths

    def _transfer(self, name, path):
        if self._connection._shell.tmpdir is None:
            self._make_tmp_path()
        remote = self._connection._shell.join_path(self._connection._shell.tmpdir, name)
        self._transfer_file(path, remote)
        self._fixup_perms2((self._connection._shell.tmpdir, remote))
        return remote
