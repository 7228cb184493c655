# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""clamd.conf and freshclam.conf: check the options, render the file, read the verdict of clamconf."""

from __future__ import annotations

import difflib
import re

from ansible_collections.mailcordon.gateway.plugins.module_utils._clamav_options import (
    BOOL,
    MILLISECONDS,
    MODE,
    NUMBER,
    PATH,
    PORT,
    PROGRAM,
    REMOVED,
    RENAMED,
    SECONDS,
    SIZE,
    TABLES,
)

PASSWORD_OPTION = "HTTPProxyPassword"
_TRUE = ("yes", "true", "1", "on")
_FALSE = ("no", "false", "0", "off")
_NUMBER_PATTERN = re.compile(r"[0-9]+\Z")
_SIZE_PATTERN = re.compile(r"[0-9]+[KkMmGg]?\Z")
_MODE_PATTERN = re.compile(r"[0-7]{3,4}\Z")
# A shell runs the program of VirusEvent: nothing that it would interpret.
_PROGRAM_PATTERN = re.compile(r"/[A-Za-z0-9._/+@-]+\Z")
_PASSWORD_LINE = re.compile(r"(?m)^(\s*%s\s+).*$" % PASSWORD_OPTION)
# clamconf reads one file at a time here and takes the default for the other one's directory.
_ONE_FILE_ALONE = "WARNING: freshclam.conf and clamd.conf point to different database directories"
_EVERY_ADDRESS = ("0.0.0.0", "::", "[::]", "*", "any")


def translate(kind, options):
    """Put today's names in the place of those of older releases (features 18.05).

    Returns (options, translated, problems): translated maps an old name to today's, problems holds one line for each
    pair of names of the same option whose values differ.
    """
    table = TABLES[kind]
    today = {name: value for name, value in options.items() if name not in RENAMED[kind]}
    given_as = {name: name for name in today}
    translated = {}
    problems = []
    for old, new in RENAMED[kind].items():
        if old not in options:
            continue
        translated[old] = new
        if new not in given_as:
            today[new] = options[old]
            given_as[new] = old
        elif _rendered(new, table[new], options[old]) != _rendered(new, table[new], today[new]):
            problems.append(
                "%s and %s: two names of one option with different values, %r and %r; keep %s"
                % (old, given_as[new], options[old], today[new], new)
            )
    return today, translated, problems


def check_options(kind, options):
    """Check the options for clamd or freshclam by today's names (see translate).

    Returns (values, problems): values maps a name to its list of rendered arguments (None means: leave it out),
    problems holds one line for each option that is wrong.
    """
    table = TABLES[kind]
    values = {}
    problems = []
    for name, value in options.items():
        if name not in table:
            problems.append(_unknown(kind, name))
        elif value is not None:
            rendered, wrong = _arguments(name, table[name], value)
            values[name] = rendered
            problems.extend(wrong)
    problems.extend(_contradictions(kind, values))
    return values, problems


def render(kind, values):
    """The text of the file with the given values, in the order of the option table."""
    lines = ["# Managed by Ansible (mailcordon.gateway.clamav_conf): changes here are overwritten.", ""]
    for name in TABLES[kind]:
        for argument in values.get(name, ()):
            lines.append("%s %s" % (name, argument))
    return "\n".join(lines) + "\n"


def mask_password(text):
    """The text with the password of the proxy hidden, for diffs."""
    return _PASSWORD_LINE.sub(r"\1********", text)


def complaints(output):
    """What clamconf found wrong in a file, from its output (its exit code is 0 all the same)."""
    found = []
    for line in output.splitlines():
        line = line.strip()
        if line.startswith("ERROR: "):
            found.append(line[len("ERROR: "):])
        elif line.startswith("***") and "DEPRECATED" in line:
            found.append(line.strip("* "))
        elif line.startswith("WARNING: ") and line != _ONE_FILE_ALONE:
            found.append(line[len("WARNING: "):])
    return found


def _unknown(kind, name):
    if name in REMOVED:
        return "%s: %s" % (name, REMOVED[name])
    other = [other for other in TABLES if other != kind and name in TABLES[other]]
    if other:
        return "%s: belongs into %s.conf" % (name, other[0])
    lowered = {known.lower(): known for known in TABLES[kind]}
    close = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    hint = ", did you mean %s?" % lowered[close[0]] if close else ""
    return "%s: no such option in %s.conf of ClamAV 1.0 to 1.4%s" % (name, kind, hint)


def _rendered(name, option, value):
    return None if value is None else _arguments(name, option, value)


def _arguments(name, option, value):
    items = value if isinstance(value, (list, tuple)) else [value]
    if len(items) > 1 and not option.repeatable:
        return [], ["%s: takes one value, not a list" % name]
    rendered = []
    problems = []
    for item in items:
        text = _argument(option, item)
        if text is None:
            # A password is never repeated in a message.
            shown = "" if name == PASSWORD_OPTION else ", not %r" % (item,)
            problems.append("%s: must be %s%s" % (name, _expectation(option), shown))
        else:
            rendered.append(text)
    return rendered, problems


def _argument(option, item):
    """One argument as it stands in the file, or None when it is not of the option's type."""
    if option.kind == BOOL:
        word = str(item).lower()
        return "yes" if word in _TRUE else "no" if word in _FALSE else None
    if isinstance(item, (bool, dict, list, float)) or item is None:
        return None
    if option.kind == MODE:
        # YAML reads 0660 without quotes as the number 432.
        return item if isinstance(item, str) and _MODE_PATTERN.match(item) else None
    text = str(item)
    if option.kind in (NUMBER, SECONDS, MILLISECONDS, PORT):
        good = _NUMBER_PATTERN.match(text) and (option.kind != PORT or 1 <= int(text) <= 65535)
        return text if good else None
    if option.kind == SIZE:
        return _size(text)
    if option.kind == PROGRAM:
        return text if _PROGRAM_PATTERN.match(text) else None
    # A leading quote would start a quoted string and swallow what follows it.
    if not text or text != text.strip() or text.startswith('"') or any(ord(char) < 32 for char in text):
        return None
    if option.choices and text not in option.choices:
        return None
    return text if option.kind != PATH or text.startswith("/") else None


def _size(text):
    if not _SIZE_PATTERN.match(text):
        return None
    text = text.upper()
    # Not every release of ClamAV 1.x knows the suffix G.
    return "%dM" % (int(text[:-1]) * 1024) if text.endswith("G") else text


def _expectation(option):
    if option.choices:
        return "one of %s" % ", ".join(option.choices)
    return {
        BOOL: "yes or no",
        NUMBER: "a whole number, 0 or more",
        SECONDS: "a whole number of seconds, 0 or more",
        MILLISECONDS: "a whole number of milliseconds, 0 or more",
        PORT: "a port from 1 to 65535",
        SIZE: "a size such as 1048576, 512K, 25M or 2G",
        PATH: "a full path",
        MODE: "a mode as text, such as '660'",
        # The name of a virus in a line for the shell has run commands before (features 2.56, 18.06).
        PROGRAM: "the full path of a program without arguments and without %v;"
        " it finds the name of the virus in the environment variable CLAM_VIRUSEVENT_VIRUSNAME",
    }.get(option.kind, "one line of text without blanks at its ends and without a quote at its start")


def _contradictions(kind, values):
    """Rules that concern more than one option."""
    if kind == "clamd":
        # Without an address clamd listens on all of them, and its protocol has no password (features 2.46).
        if values.get("TCPSocket") and not values.get("TCPAddr"):
            yield "TCPSocket: needs TCPAddr, for example 127.0.0.1; without it clamd listens on every address"
        for address in values.get("TCPAddr") or ():
            if address in _EVERY_ADDRESS:
                yield "TCPAddr: %s means every address, and clamd asks for no password; use one such as 127.0.0.1" % address
    else:
        # freshclam stops without one, even when it only has custom URLs to fetch (features 2.17).
        if not values.get("DatabaseMirror") and not values.get("PrivateMirror"):
            yield "DatabaseMirror: freshclam needs DatabaseMirror (database.clamav.net) or PrivateMirror"
        # It prints the whole request then, with the password in it (features 2.21).
        if values.get(PASSWORD_OPTION) and values.get("LogVerbose") == ["yes"]:
            yield "LogVerbose: freshclam would show the password of the proxy; leave it out"
