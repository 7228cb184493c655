# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""conf.d fragments: names, rendering, and reading the verdict of C(mailcordon check-config)."""

from __future__ import annotations

import json
import re

from ansible_collections.mailcordon.gateway.plugins.module_utils import _toml as toml
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError

ADMIN_FRAGMENT = "50-user"
_NAME = re.compile(r"[0-9]{2}-[A-Za-z0-9][A-Za-z0-9_-]*\Z")
_HEADER = "# Managed by Ansible (mailcordon.gateway.confd): changes here are overwritten.\n# Own settings belong into %s.toml.\n"
_ADMIN_HEADER = "# Settings of the administrator. Nothing ever overwrites this file.\n"


def check_name(name, only_if_absent):
    """Raise GatewayError unless a task may write the fragment of this name (features 5.01, 5.05)."""
    if not _NAME.match(name):
        raise GatewayError(
            "%r is no name of a fragment: use two digits, a hyphen, then letters, digits, - or _, such as 60-site" % name
        )
    if name == ADMIN_FRAGMENT and not only_if_absent:
        raise GatewayError(
            "%s belongs to the administrator and is not overwritten: use another name, such as 60-site,"
            " or only_if_absent to create it once" % name
        )


def render(name, settings):
    """The text of a fragment. Raises GatewayError for a value that TOML cannot hold."""
    header = _ADMIN_HEADER if name == ADMIN_FRAGMENT else _HEADER % ADMIN_FRAGMENT
    body = toml.dumps(settings)
    return header + ("\n" + body if body else "")


def problems(rc, output, errors):
    """The problems in the answer of check-config: a list of lines, empty for a good configuration.

    The answer is JSON with a list under "errors"; a command that fails before it can answer so writes plain lines.
    """
    if rc == 0:
        return []
    try:
        entries = json.loads(output)["errors"]
    except (ValueError, KeyError, TypeError):
        entries = None
    if isinstance(entries, list) and entries:
        return [str(entry) for entry in entries]
    lines = [line.strip() for line in (errors + "\n" + output).splitlines() if line.strip()]
    return lines or ["the command ended with code %d and said nothing" % rc]
