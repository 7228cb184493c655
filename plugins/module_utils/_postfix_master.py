# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""master.cf: read services, compare, change them in place (master(5))."""

from __future__ import annotations

import re

from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError, one_line
from ansible_collections.mailcordon.gateway.plugins.module_utils._postfix_lines import Block, join, split, word

FLAG_FIELDS = ("private", "unpriv", "chroot")
_FIELDS = FLAG_FIELDS + ("wakeup", "maxproc")
_PATTERNS = {"wakeup": re.compile(r"(-|[0-9]+\??)\Z"), "maxproc": re.compile(r"(-|[0-9]+)\Z")}
_FLAGS = {"y": "y", "yes": "y", "true": "y", "n": "n", "no": "n", "false": "n", "-": "-"}
_OPTION_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*\Z")
# The columns of the file that Debian ships.
_LAYOUT = "%-9s %-5s %-7s %-7s %-7s %-7s %-7s %s"


class Service(object):
    """One service: its columns, its command without -o options, and the options."""

    def __init__(self, name, kind, fields, command, options):
        self.name = name
        self.kind = kind
        self.fields = fields
        self.command = command
        self.options = options

    @property
    def key(self):
        """What identifies a service in the file."""
        return (self.name, self.kind)

    def meaning(self):
        """Everything that Postfix makes of the service, for comparing."""
        return (self.name, self.kind, self.fields, self.command, self.options)

    def lines(self):
        """The lines of the service in master.cf."""
        columns = (self.name, self.kind) + self.fields + (self.command,)
        lines = [_LAYOUT % columns]
        for option, value in self.options.items():
            pattern = "  -o { %s = %s }" if re.search(r"\s", value) else "  -o %s=%s"
            lines.append(pattern % (option, value))
        return lines


class Change(object):
    """What a task says about one service. None, for a column, the command or an option, is nothing said."""

    def __init__(self, key, fields, command, options):
        self.key = key
        self.fields = fields
        self.command = command
        self.options = options

    def whole(self):
        """The service that is there when nothing was before."""
        fields = tuple("-" if value is None else value for value in self.fields)
        options = {name: value for name, value in self.options.items() if value is not None}
        return Service(self.key[0], self.key[1], fields, self.command, options)

    def onto(self, service):
        """The service with what the task says in place of its own; an option that is None goes."""
        fields = tuple(old if new is None else new for old, new in zip(service.fields, self.fields))
        options = dict(service.options, **self.options)
        options = {name: value for name, value in options.items() if value is not None}
        return Service(service.name, service.kind, fields, self.command or service.command, options)

    def sets_something(self):
        """Whether more is asked for than that some options are not there."""
        return any(value is not None for value in list(self.fields) + list(self.options.values()))


def parse(text):
    """The services of a file by (name, type)."""
    services = [_parse_service(block.text) for block in split(text) if block.text is not None]
    return {service.key: service for service in services if service is not None}


def normalise(entries):
    """The services of a task. Returns (present, merged, absent). Raises GatewayError.

    present are Service objects as they shall be, merged Change objects, absent keys.
    """
    problems = []
    present = []
    merged = []
    absent = []
    seen = set()
    for entry in entries:
        label = "%s/%s" % (entry["service"], entry["type"])
        key = (entry["service"], entry["type"])
        if key in seen:
            problems.append("%s: given twice" % label)
        seen.add(key)
        if not entry["service"] or re.search(r"[\s#]", entry["service"]):
            problems.append("%s: the name must be one word" % label)
            continue
        change, wrong = _from_entry(entry)
        if entry["state"] == "absent":
            absent.append(key)
            continue
        if entry.get("options_mode") == "merge":
            merged.append(change)
        else:
            if not change.command:
                wrong.append("needs a command, such as smtpd")
            present.append(change.whole())
        problems.extend("%s: %s" % (label, problem) for problem in wrong)
    if problems:
        raise GatewayError(one_line(problems))
    return present, merged, absent


def apply(text, present, merged, absent):
    """The text with the services as wanted. Comments, other services and equal ones keep their lines.

    Raises GatewayError when something is to be merged into a service that is not there.
    """
    blocks = split(text)
    present = list(present)
    problems = []
    for change in merged:
        own = _blocks_of(blocks, change.key)
        if own:
            # Of several lines for one service the last counts, as in Postfix.
            present.append(change.onto(_parse_service(own[-1].text)))
        elif change.command:
            present.append(change.whole())
        elif change.sets_something():
            problems.append("%s/%s: there is no such service to merge options into" % change.key)
    if problems:
        raise GatewayError(one_line(problems))
    for service in present:
        own = _blocks_of(blocks, service.key)
        if not own:
            blocks.append(Block(service.lines()))
        elif _parse_service(own[-1].text).meaning() != service.meaning():
            own[-1].replace(service.lines())
        for block in own[:-1]:
            block.replace([])
    for key in absent:
        for block in _blocks_of(blocks, key):
            block.replace([])
    return join(blocks)


def _blocks_of(blocks, key):
    own = []
    for block in blocks:
        service = _parse_service(block.text) if block.text is not None else None
        if service is not None and service.key == key:
            own.append(block)
    return own


def _parse_service(text):
    words = _words(text)
    if len(words) < 8:
        # Postfix refuses such a line; it is kept as it is and the check before the change says so.
        return None
    options = {}
    command = [words[7]]
    rest = iter(words[8:])
    for item in rest:
        if item == "-o":
            _add_option(options, next(rest, ""))
        elif item.startswith("-o") and "=" in item:
            _add_option(options, item[2:])
        else:
            command.append(item)
    return Service(words[0], words[1], tuple(words[2:7]), " ".join(command), options)


def _words(text):
    """The words of a line; blanks inside of braces do not end a word (master(5), Postfix 3.0 and later)."""
    words = [""]
    depth = 0
    for char in text:
        depth = max(0, depth + {"{": 1, "}": -1}.get(char, 0))
        if char.isspace() and depth == 0:
            words.append("")
        else:
            words[-1] += char
    return [item for item in words if item]


def _add_option(options, text):
    if text.startswith("{"):
        text = text[1:-1]
    name, dummy, value = text.partition("=")
    options[name.strip()] = " ".join(value.split())


def _balanced(text):
    """Whether every brace has its other half; otherwise the value would end early in master.cf."""
    depth = 0
    for char in text:
        depth += {"{": 1, "}": -1}.get(char, 0)
        if depth < 0:
            return False
    return depth == 0


def _from_entry(entry):
    problems = []
    fields = []
    for name in _FIELDS:
        value = entry[name]
        if value is not None:
            value = word(value)
            value = _FLAGS.get(value.lower()) if name in FLAG_FIELDS else _PATTERNS[name].match(value) and value
            if value is None:
                expected = "y, n or -" if name in FLAG_FIELDS else "a number or -"
                problems.append("%s must be %s, not %r" % (name, expected, entry[name]))
        fields.append(value)
    command = word(entry["command"] or "")
    if " -o" in command:
        problems.append("put -o settings into options, not into the command")
    port = entry["service"].rpartition(":")[2]
    if entry["type"] == "inet" and port.isdigit() and not 0 < int(port) < 65536:
        problems.append("there is no port %s" % port)
    options = {}
    for name, value in (entry["options"] or {}).items():
        if not _OPTION_NAME.match(str(name)):
            problems.append("%r is no name of a parameter" % (name,))
        elif isinstance(value, dict):
            problems.append("%s: takes a value or a list, not a dictionary" % name)
        elif not _balanced(str(value)):
            problems.append("%s: braces must be balanced, not as in %r" % (name, value))
        elif isinstance(value, (list, tuple)):
            options[name] = ",".join(word(item) for item in value)
        else:
            options[name] = None if value is None else word(value)
    return Change((entry["service"], entry["type"]), tuple(fields), command, options), problems
