# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that several modules have in common."""

from __future__ import annotations


class ModuleDocFragment(object):
    """One fragment for each option."""

    BACKUP = r"""
options:
  backup:
    description: Keep a copy of the file with a time stamp when it changes.
    type: bool
    default: false
"""

    CLAMD_SOCKET = r"""
options:
  socket:
    description: Path of clamd's unix socket.
    type: path
    default: /run/clamav/clamd.ctl
"""

    POSTFIX = r"""
options:
  config_dir:
    description: Postfix's configuration directory.
    type: path
    default: /etc/postfix
"""

    FILTER_COMMAND = r"""
options:
  command:
    description: The filter's command on the host.
    type: path
    default: /opt/mailcordon/current/bin/mailcordon
  config_dirs:
    description: Directories of the filter's configuration, if it is not in C(/etc/mailcordon/conf.d).
    type: list
    elements: path
    default: []
  user:
    description: Account to look into the quarantine as when the module runs as root; the filter's own.
    type: str
    default: mailcordon
"""
