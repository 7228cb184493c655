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
_MEMBER = re.compile(r"[^\s,{}]+\Z")


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


def with_members(text, members, present):
    """The parameters that must change so that each list has its members, or has them no longer.

    members maps names to lists of words. The list starts from what the file says, not from Postfix's default; one that
    is left empty is removed (None). Raises GatewayError for members that are not one word, and for values with braces.
    """
    values = parse(text)
    problems = []
    wanted = {}
    for name, words in members.items():
        words = [word(item) for item in (words if isinstance(words, (list, tuple)) else [words])]
        problems.extend("%s: %r is not one word" % (name, item) for item in words if not _MEMBER.match(item))
        value = values.get(name, "")
        if not _NAME.match(str(name)):
            problems.append("%r is no name of a parameter" % (name,))
        elif "{" in value:
            problems.append("%s = %s: has braces, set it as a whole" % (name, value))
        there = value.replace(",", " ").split()
        kept = there + [item for item in words if item not in there] if present else [i for i in there if i not in words]
        if kept != there:
            wanted[name] = ", ".join(kept) or None
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


def _assignment(block):
    if block.text is None or "=" not in block.text:
        return None, None
    name, dummy, value = block.text.partition("=")
    return name.strip(), " ".join(value.split())


def _line(name, value):
    return ("%s = %s" % (name, value)).rstrip()
