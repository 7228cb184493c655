# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""main.cf: read parameters, compare, change them in place (postconf(5))."""

from __future__ import annotations

import re

from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError, one_line
from ansible_collections.mailcordon.gateway.plugins.module_utils._postfix_lines import Block, join, split, word

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*\Z")
_TIME_DEFAULT = re.compile(r"[0-9]+[smhdw]\Z")
_TIME = re.compile(r"[0-9]+[smhdw]?\Z")


def parse(text):
    """The parameters that the file sets, by name. Of several lines for one name the last counts, as in Postfix."""
    values = {}
    for block in split(text):
        name, value = _assignment(block)
        if name is not None:
            values[name] = value
    return values


def normalise(parameters):
    """The parameters of a task as Postfix writes them; None stays None. Raises GatewayError for bad names or values."""
    problems = []
    wanted = {}
    for name, value in parameters.items():
        if not _NAME.match(str(name)):
            problems.append("%r is no name of a parameter" % (name,))
        elif isinstance(value, dict):
            problems.append("%s: takes a value or a list, not a dictionary" % name)
        elif isinstance(value, (list, tuple)):
            wanted[name] = ", ".join(word(item) for item in value)
        else:
            wanted[name] = None if value is None else word(value)
    if problems:
        raise GatewayError(one_line(problems))
    return wanted


def changes(text, wanted):
    """The names whose value differs from the wanted one, in the order of the task."""
    present = parse(text)
    return [name for name, value in wanted.items() if present.get(name) != value]


def apply(text, wanted):
    """The text with the wanted values (None removes). What does not differ keeps its lines and its layout."""
    changed = changes(text, wanted)
    blocks = split(text)
    for name in changed:
        own = [block for block in blocks if _assignment(block)[0] == name]
        value = wanted[name]
        keep = own[-1] if own and value is not None else None
        if keep is not None:
            keep.replace([_line(name, value)])
            keep.text = _line(name, value)
        elif value is not None:
            blocks.append(Block([_line(name, value)], _line(name, value)))
        for block in own:
            if block is not keep:
                block.replace([])
                block.text = None
    return join(blocks)


def wrong_times(wanted, defaults):
    """Problems with values of parameters that are times, which Postfix itself only finds when a service starts.

    defaults maps the names to the built-in defaults; a default such as 30s says that the parameter is a time.
    """
    return [
        "%s = %s: must be a time such as %s" % (name, value, defaults[name])
        for name, value in wanted.items()
        if value is not None
        and _TIME_DEFAULT.match(defaults.get(name, ""))
        and "$" not in value
        and not _TIME.match(value)
    ]


def _assignment(block):
    if block.text is None or "=" not in block.text:
        return None, None
    name, dummy, value = block.text.partition("=")
    return name.strip(), " ".join(value.split())


def _line(name, value):
    return ("%s = %s" % (name, value)).rstrip()
