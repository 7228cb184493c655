# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Attributes that the documentation of several modules shares."""

from __future__ import annotations


class ModuleDocFragment(object):
    """What each module says about check mode, diff mode and platforms."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and tell what would change without changing it.
  diff_mode:
    description: Returns what changed, or would change, when in diff mode.
  idempotent:
    description: A second run with the same options on an unchanged host changes nothing.
"""

    # A module that writes one configuration file and never leaves half a file.
    CONFIG_FILE = r"""
options: {}
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and tell what would change without changing it.
  diff_mode:
    support: full
    description: Returns what changed, or would change, when in diff mode.
  idempotent:
    support: full
    description: A second run with the same options on an unchanged host changes nothing.
  platform:
    support: full
    platforms: posix
    description: Target systems on which the module works.
  safe_file_operations:
    support: full
    description: Writes a new file and moves it into place, so that readers see the old file or the new one.
"""

    ACTIONGROUP_GATEWAY = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/mailcordon.gateway.gateway) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - mailcordon.gateway.gateway
"""
