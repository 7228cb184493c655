# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the filter says about a mail: its main log entry (contracts B8.02 to B8.05) and its SMTP reply (B5.10, B5.11)."""

from __future__ import annotations

import re

_ENTRY = re.compile(
    r"\((?P<log_id>[^()\s]+)\) (?:\(!+\) ?)?(?P<word>Passed|Blocked) (?P<category>[A-Z][A-Z0-9-]*)"
    r"(?: \((?P<names>.*?)\))?(?: \{(?P<actions>[^}]*)\})?, (?P<rest>.*)\Z"
)
_FACT = {
    "quarantine": re.compile(r", quarantine: ([^,]+)"),
    "mail_id": re.compile(r", mail_id: ([^,]+)"),
    "hits": re.compile(r", Hits: ([^,]+)"),
    "queued_as": re.compile(r", queued_as: ([^,]+)"),
}
_LOG_ID = re.compile(r"\A(.*?)(\([^()\s]+\)) (.*)\Z")
_REPLY_REASON = re.compile(r"\bid=\S+ - (?P<reason>.+)\Z", re.S)
_REPLY_DISCARDED = re.compile(r"\A(?:5\d\d|2\d\d [\d.]+ (?:Ok, discarded|Bounce))")
_REPLY_CATEGORIES = (
    ("INFECTED", "INFECTED"),
    ("BANNED", "BANNED"),
    ("UNCHECKED", "UNCHECKED"),
    ("spammy", "SPAMMY"),
    ("spam", "SPAM"),
    ("BAD HEADER", "BAD-HEADER"),
    ("Message size exceeds", "OVERSIZED"),
)


class LogEntry(object):
    """A main log entry: blocked or passed, category, names, facts, and the line it was read from."""

    def __init__(self, line, match):
        self.line = line
        self.blocked = match.group("word") == "Blocked"
        self.category = match.group("category")
        self.names = [name.strip() for name in (match.group("names") or "").split(",") if name.strip()]
        actions = match.group("actions") or ""
        # The sender keeps such a mail and tries again: nothing is decided yet.
        self.temporary = self.blocked and "TempFailed" in actions
        rest = ", " + match.group("rest")
        found = {name: pattern.search(rest) for name, pattern in _FACT.items()}
        self.facts = {name: hit.group(1).strip() for name, hit in found.items() if hit}


def whole_lines(lines):
    """Log lines with the pieces of long entries put together again (B8.01)."""
    whole = []
    open_pieces = {}
    for line in lines:
        match = _LOG_ID.match(line)
        log_id, text = (match.group(2), match.group(3)) if match else (None, line)
        if log_id in open_pieces and text.startswith("..."):
            place = open_pieces.pop(log_id)
            whole[place] = whole[place][:-3] + text[3:]
        else:
            place = len(whole)
            whole.append(line)
        if log_id is not None and text.endswith("..."):
            open_pieces[log_id] = place
    return whole


def find_entry(lines, message_id):
    """The main entry for a Message-ID, or None. The last one counts, a temporary one only when there is no other."""
    found = None
    for line in lines:
        if "Message-ID: %s" % message_id in line:
            match = _ENTRY.search(line)
            entry = LogEntry(line.strip(), match) if match else None
            if entry is not None and (found is None or found.temporary or not entry.temporary):
                found = entry
    return found


def reply_verdict(reply):
    """(category, names) when the reply after the data says that the filter blocked the mail, else None."""
    reason = _REPLY_REASON.search(reply)
    if not reason or not _REPLY_DISCARDED.match(reply):
        return None
    text = reason.group("reason")
    for start, category in _REPLY_CATEGORIES:
        if text.startswith(start):
            names = text.partition(": ")[2] if category in ("INFECTED", "BANNED") else ""
            return category, [name.strip() for name in names.split(",") if name.strip()]
    return "OTHER", []
