# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A change of main.cf or master.cf is tried on a copy of the configuration directory before it takes effect.

Postfix has no "reload only if good": a running Postfix reads a bad main.cf at the next service start and stops
working. So postconf and "postfix check" read the copy first, and only a file that they accept is moved into place.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile

from ansible_collections.mailcordon.gateway.plugins.module_utils._commands import run_limited
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError, one_line
from ansible_collections.mailcordon.gateway.plugins.module_utils._files import read_text, replace_file, special_files

_PREFIX = re.compile(r"\A\S*?(?:postfix|postconf|post-install)\S*: ")
# Seconds; "postfix check" takes well under one
_LIMIT = 120
_SEARCH = ["/usr/sbin", "/usr/local/sbin", "/sbin"]


class PostfixFile(object):
    """main.cf or master.cf in a configuration directory."""

    def __init__(self, module, config_dir, name):
        self.module = module
        self.config_dir = config_dir
        self.name = name
        # A symbolic link stays a link: what it points to is replaced.
        self.path = os.path.realpath(os.path.join(config_dir, name))
        self.postconf = module.get_bin_path("postconf", opt_dirs=_SEARCH)
        self.postfix = module.get_bin_path("postfix", opt_dirs=_SEARCH)
        self.before = read_text(self.path)
        if not module.check_mode and (self.before is None or self.postconf is None or self.postfix is None):
            missing = "%s" % self.path if self.before is None else "the command postfix"
            raise GatewayError("%s does not exist: install Postfix first" % missing)

    def change(self, after, inspect=None):
        """Bring the file to the text after, when Postfix accepts it. Returns the keys of a module's result.

        inspect(ask, warnings), where ask(arguments) is the output of postconf on the copy, returns further problems;
        warnings are those of postconf. In check mode nothing is written, and on a host without Postfix nothing is
        tried.
        """
        warnings = []
        if self.before is None and not after:
            # Nothing to set on a host without Postfix: check mode must not announce an empty file.
            after = None
        if self.before is not None and after != self.before and self.postconf is not None:
            warnings = self._try(after, inspect)
        result = replace_file(self.module, self.path, self.before, after, new_file_mode=0o644)
        for warning in warnings:
            self.module.warn(warning)
        return dict(result, path=self.path)

    def _try(self, after, inspect):
        directory = tempfile.mkdtemp(dir=self.module.tmpdir)
        try:
            copy = os.path.join(directory, "postfix")
            shutil.copytree(self.config_dir, copy, ignore=special_files, ignore_dangling_symlinks=True)
            with open(os.path.join(copy, self.name), "w", encoding="utf-8", newline="") as handle:
                handle.write(after)
            problems, warnings = self._ask_postfix(copy, inspect)
        except (OSError, shutil.Error) as error:
            raise GatewayError("cannot try the change on a copy of %s: %s" % (self.config_dir, error))
        finally:
            shutil.rmtree(directory)
        if problems:
            raise GatewayError(
                "%s is not changed, Postfix refuses it: %s" % (self.path, self._readable(problems, copy))
            )
        return [self._readable([warning], copy) for warning in warnings]

    def _ask_postfix(self, copy, inspect):
        warnings = []
        for flags in (["-n"], ["-M"], ["-P"]):
            code, output = _run([self.postconf, "-c", copy] + flags)
            if code != 0:
                return _complaints(output), []
            for line in output.splitlines():
                line = _PREFIX.sub("", line)
                warning = line[len("warning: "):]
                if line.startswith("warning: ") and warning not in warnings:
                    warnings.append(warning)
        problems = inspect(lambda arguments: self._output(["-c", copy] + arguments), warnings) if inspect else []
        # "postfix check" makes directories that are missing, which check mode must not do.
        if not problems and not self.module.check_mode:
            code, output = _run([self.postfix, "-c", copy, "check"])
            if code != 0:
                problems = _complaints(output)
        return problems, warnings

    def _output(self, arguments):
        """What postconf prints, without its warnings."""
        return self.module.run_command([self.postconf] + arguments, environ_update={"LC_ALL": "C"})[1]

    def _readable(self, problems, copy):
        return one_line(problems).replace(copy, self.config_dir)


def _complaints(output):
    lines = [_PREFIX.sub("", line.strip()) for line in output.splitlines() if line.strip()]
    serious = [line for line in lines if re.match(r"(fatal|error|panic): ", line)]
    found = []
    for line in serious or lines:
        line = re.sub(r"\A(fatal|error|panic): ", "", line)
        if line not in found:
            found.append(line)
    return found or ["it gave no reason; run postfix check and look into the mail log"]


def _run(command):
    # A MAIL_CONFIG of the caller would lead away from the copy
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAIL_")}
    return run_limited(command, _LIMIT, dict(environment, LC_ALL="C"), terminal=True)
