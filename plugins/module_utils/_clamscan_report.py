# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a scan found: the report of one run, and the sum of several that went on where the one before stopped."""

from __future__ import annotations

from ansible_collections.mailcordon.gateway.plugins.module_utils._clamd_client import ERROR, INFECTED, printable
from ansible_collections.mailcordon.gateway.plugins.module_utils._clamscan_files import SKIPPED, Failed, Skipped


class Report(object):
    """Results as they come."""

    def __init__(self):
        self.infected = []
        self.errors = []
        self.scanned = 0
        self.octets = 0
        self.skipped = dict.fromkeys(SKIPPED, 0)

    def add(self, event, verdict=None):
        """What became of an Item; or a Skipped or Failed, which have no verdict (see _clamscan_files)."""
        if isinstance(event, Skipped):
            self.skipped[event.reason] += 1
        elif isinstance(event, Failed):
            self.errors.append(_entry(event.path, None, reason=event.reason))
        elif verdict.kind == ERROR:
            self.errors.append(_entry(event.path, event.message, reason=verdict.text))
        else:
            if verdict.kind == INFECTED:
                self.infected.append(_entry(event.path, event.message, signature=verdict.text))
            self.scanned += 1
            self.octets += event.size

    def as_dict(self, seconds):
        """The report as part of a module's result."""
        result = {
            "infected": self.infected,
            "errors": self.errors,
            "scanned": self.scanned,
            "bytes": self.octets,
            "seconds": round(seconds, 1),
            "left_out": self.skipped,
        }
        return judged(result)


def judged(result):
    """Add the judgement on the whole: what clamscan says by its exit codes 0, 1 and 2 (features 3.02)."""
    status = "infected" if result["infected"] else "error" if result["errors"] else "clean"
    result.update(status=status, clean=status == "clean", changed=False)
    return result


def total(results):
    """The sum of the results of consecutive runs; whatever is no sum is taken from the last one."""
    result = dict(results[-1])
    for name in ("infected", "errors"):
        result[name] = [entry for part in results for entry in part[name]]
    for name in ("scanned", "bytes", "seconds"):
        result[name] = sum(part[name] for part in results)
    result["seconds"] = round(result["seconds"], 1)
    result["left_out"] = {name: sum(part["left_out"][name] for part in results) for name in SKIPPED}
    return judged(result)


def found_line(result):
    """Why a task fails that must not find anything."""
    first = result["infected"][0]
    more = len(result["infected"]) - 1
    return "%s is infected: %s%s" % (first["path"], first["signature"], ", and %d more" % more if more else "")


def _entry(path, message, **what):
    entry = dict({"path": printable(path)}, **what)
    if message is not None:
        entry.update(message=message.index, message_id=message.message_id)
    return entry
