# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SpamAssassin's configuration files (.cf, .pre, user_prefs) from data (Mail::SpamAssassin::Conf(3)).

A file is a list of blocks in their order; a block holds plugins, options, rules and raw lines, and may depend on a
plugin (ifplugin). Nothing here reads or writes files.
"""

from __future__ import annotations

import os
import re

from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError, one_line

PRE = "pre"
CF = "cf"
PREFS = "prefs"
PLUGIN = "plugin"

HEAD = "# Managed by Ansible (mailcordon.gateway.spamassassin_conf): changes here are overwritten."

RULE_TYPES = ("header", "body", "rawbody", "full", "uri", "meta", "mimeheader", "uri_detail", "askdns")

_OPTION_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_:]*\Z")
_RULE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_PLUGIN_NAME = re.compile(r"(?:\w+::){0,10}\w+\Z", re.ASCII)
_LOADS_PLUGIN = re.compile(r"\s*(?:loadplugin|tryplugin)\b")
_BARE_HASH = re.compile(r"(?<!\\)#")


def kind_of(path):
    """What a file is, by its name: .pre loads plugins, .cf configures, user_prefs is one user's, .pm is a plugin."""
    name = os.path.basename(path)
    if name.endswith(".pre"):
        return PRE
    if name.endswith(".cf"):
        return CF
    if name == "user_prefs":
        return PREFS
    if name.endswith(".pm"):
        return PLUGIN
    raise GatewayError("%s: SpamAssassin reads only files named *.cf, *.pre, *.pm and user_prefs" % path)


def plugin_text(path, content, blocks):
    """The text of a .pm file, which is given as it is. Raises GatewayError when there is something else, or nothing."""
    if not content:
        raise GatewayError("%s is not written: a plugin needs content" % path)
    if any(value for block in blocks for value in block.values()):
        raise GatewayError("%s is not written: a plugin has content and nothing else" % path)
    return content


def render(path, blocks):
    """The text of the file at path, made of blocks (dictionaries with the keys if_plugin, plugins, options, rules, lines).

    Raises GatewayError with everything that is wrong.
    """
    kind = kind_of(path)
    problems = []
    chunks = []
    names = set()
    for block in blocks:
        lines = _block(kind, block, names, problems)
        if lines:
            chunks.append("\n".join(lines) + "\n")
    if problems:
        raise GatewayError("%s is not written: %s" % (path, one_line(problems)))
    return "\n".join([HEAD + "\n"] + chunks)


def lint_verdict(code, errors):
    """What "spamassassin --lint" thinks, from its exit code and its errors. Returns (problems, warnings).

    A plugin that cannot be loaded is a mere warning to SpamAssassin; all rules that need it would never hit.
    """
    found = []
    for line in errors.splitlines():
        line = re.sub(r"\A.*?\bwarn: ", "", line).strip()
        line = re.sub(r"\Aconfig: ", "", line)
        if line and not line.startswith("lint: ") and line not in found:
            found.append(line)
    if code != 0:
        return found or ["it gave no reason; run spamassassin --lint -D"], []
    problems = [line for line in found if line.startswith("plugin: ")]
    return problems, [line for line in found if line not in problems]


def _block(kind, block, names, problems):
    plugins = block.get("plugins") or {}
    rules = block.get("rules") or []
    if plugins and kind != PRE:
        problems.append("plugins: are loaded in a .pre file, which is read before all rules")
    if rules and kind != CF:
        problems.append("rules: belong into a .cf file")
    lines = []
    for name, value in plugins.items():
        lines.extend(_plugin(name, value, problems))
    for name, value in (block.get("options") or {}).items():
        lines.extend(_option(kind, name, value, problems))
    for rule in rules:
        lines.extend(_rule(rule, names, problems))
    lines.extend(_raw(kind, block.get("lines") or [], problems))
    condition = block.get("if_plugin")
    if condition and not _PLUGIN_NAME.match(condition):
        problems.append("if_plugin: %r is no name of a plugin" % condition)
    if lines and condition:
        return ["ifplugin %s" % condition] + ["  " + line for line in lines] + ["endif"]
    return lines


def _plugin(name, value, problems):
    if not _PLUGIN_NAME.match(name):
        problems.append("plugins: %r is no name of a plugin" % name)
    elif value is True:
        return ["loadplugin %s" % name]
    elif isinstance(value, str) and value.startswith("/") and not re.search(r"\s", value):
        return ["loadplugin %s %s" % (name, value)]
    elif value is not False and value is not None:
        problems.append("plugins: %s: must be true, false or the absolute path of its file" % name)
    return []


def _option(kind, name, value, problems):
    """The lines of one option. A list gives the option several times, a dictionary with each key and its value."""
    if not _OPTION_NAME.match(name):
        problems.append("%r is no name of an option" % name)
        return []
    if _LOADS_PLUGIN.match(name):
        problems.append("%s: plugins are loaded with plugins in a .pre file" % name)
        return []
    if value is None:
        return []
    if isinstance(value, dict):
        pairs = ((str(key), item) for key, item in value.items() if item is not None)
    else:
        pairs = ((None, item) for item in (value if isinstance(value, (list, tuple)) else [value]))
    lines = []
    for key, item in pairs:
        text = _argument(item if not isinstance(item, (list, tuple)) or key is None else " ".join(str(one) for one in item))
        if text is None or (key is not None and not re.match(r"\S+\Z", key)):
            problems.append("%s: takes one line of text, a number, a boolean, a list or a dictionary of these" % name)
            break
        lines.append(" ".join(part for part in (name, key, text) if part))
    return lines


def _rule(rule, names, problems):
    name = rule["name"]
    if not _RULE_NAME.match(name):
        problems.append("rules: %r is no name of a rule" % name)
        return []
    if name in names:
        problems.append("rules: %s: given twice" % name)
    names.add(name)
    lines = []
    if (rule.get("type") is None) != (rule.get("test") is None):
        problems.append("rules: %s: type and test go together" % name)
    elif rule.get("type") is not None:
        lines.append("%s %s %s" % (rule["type"], name, _checked(name, "test", rule["test"], problems)))
    for key in ("describe", "score", "tflags", "priority"):
        value = rule.get(key)
        if value is None:
            continue
        if key in ("score", "tflags") and isinstance(value, (list, tuple)):
            value = " ".join(str(item) for item in value)
        if key == "score" and not _is_score(value):
            problems.append("rules: %s: score must be a number, or four of them" % name)
        else:
            lines.append("%s %s %s" % (key, name, _checked(name, key, value, problems)))
    if not lines:
        problems.append("rules: %s: says nothing" % name)
    return lines


def _is_score(value):
    numbers = str(value).split()
    return len(numbers) in (1, 4) and all(re.match(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)\Z", number) for number in numbers)


def _checked(name, key, value, problems):
    text = _argument(value)
    if not text:
        problems.append("rules: %s: %s must be one line of text" % (name, key))
    return text


def _argument(value):
    """A value as it stands behind its option, or None when it is no single line.

    An unescaped # would start a comment, also within a regular expression.
    """
    if isinstance(value, bool):
        return "1" if value else "0"
    if value is None or isinstance(value, (dict, list, tuple)):
        return None
    text = str(value)
    if any(ord(char) < 32 and char != "\t" for char in text):
        return None
    return _BARE_HASH.sub(r"\\#", text.strip())


def _raw(kind, lines, problems):
    good = []
    for line in lines:
        if re.search(r"[\r\n\0]", line):
            problems.append("lines: %r is more than one line" % line)
        elif kind != PRE and _LOADS_PLUGIN.match(line):
            problems.append("lines: %s: plugins are loaded in a .pre file" % line.strip())
        else:
            good.append(line.rstrip())
    return good
