# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the filter's log is read from: a file or the journal."""

from __future__ import annotations

import os

from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError
from ansible_collections.mailcordon.gateway.plugins.module_utils._probe_verdicts import whole_lines


class FileLog(object):
    """A log file, read from where it ended when the probe began, also across a rotation."""

    def __init__(self, path):
        self.path = path
        self._lines = []
        self._rest = b""
        try:
            with open(path, "rb") as handle:
                state = os.fstat(handle.fileno())
        except OSError as error:
            raise GatewayError("cannot read log_file %s: %s" % (path, error.strerror))
        self._inode = state.st_ino
        self._position = state.st_size

    def lines(self):
        """All lines since the beginning of the probe."""
        try:
            with open(self.path, "rb") as handle:
                state = os.fstat(handle.fileno())
                if state.st_ino != self._inode or state.st_size < self._position:
                    self._inode = state.st_ino
                    self._position = 0
                handle.seek(self._position)
                data = self._rest + handle.read()
                self._position = handle.tell()
        except FileNotFoundError:
            # Between the two steps of a rotation there is no file.
            return whole_lines(self._lines)
        complete, dummy, self._rest = data.rpartition(b"\n")
        self._lines.extend(complete.decode("utf-8", "replace").splitlines())
        return whole_lines(self._lines)


class JournalLog(object):
    """The journal's entries with one identifier since a point in time (seconds since the epoch)."""

    def __init__(self, module, ident, since):
        self._module = module
        journalctl = module.get_bin_path("journalctl")
        if journalctl is None:
            raise GatewayError("there is no journal on this host: set log_file to the filter's log")
        self._command = [
            journalctl, "--quiet", "--no-pager", "--output=cat", "--identifier=%s" % ident, "--since=@%d" % since
        ]
        rc, dummy, errors = module.run_command([journalctl, "--lines=0", "--no-pager"])
        # Without the right to see other users' entries journalctl succeeds with a hint and shows nothing of them.
        if rc != 0 or "not seeing messages from other users" in errors:
            raise GatewayError("the journal cannot be read by this user: run the task with become, or set log_file")

    def lines(self):
        """All lines since the beginning of the probe."""
        return whole_lines(self._module.run_command(self._command)[1].splitlines())
