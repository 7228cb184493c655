# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How old the signatures are, and when freshclam updated them last (features 1.20, 2.30)."""

from __future__ import annotations

import os
import time

from ansible_collections.mailcordon.gateway.plugins.module_utils._cvd import NotACvdError, read_header
from ansible_collections.mailcordon.gateway.plugins.module_utils._freshclam_log import last_results, parse_runs
from ansible_collections.mailcordon.gateway.plugins.module_utils._schedule_state import SERVICE, TIMER_SERVICE

SIGNED = (".cvd", ".cld", ".cud")
OFFICIAL = ("main", "daily", "bytecode")
# Files that clamd loads beside the signed ones (clamd(8), DatabaseDirectory).
CUSTOM = (
    ".ndb", ".ndu", ".ldb", ".ldu", ".hdb", ".hsb", ".hdu", ".hsu", ".mdb", ".msb", ".mdu", ".msu", ".db", ".yar", ".yara",
    ".cdb", ".pdb", ".gdb", ".wdb", ".idb", ".cbc",
)
_LOG_TAIL = 262144


def read_databases(directory):
    """(one entry for each signature file in the directory, by name; what is wrong with them)."""
    found = []
    problems = []
    for name in sorted(os.listdir(directory)):
        stem, suffix = os.path.splitext(name)
        path = os.path.join(directory, name)
        if suffix not in SIGNED + CUSTOM or not os.path.isfile(path):
            continue
        entry = dict(name=name, official=False, version=None, signatures=None, built=None, modified=int(os.stat(path).st_mtime))
        if suffix in SIGNED:
            try:
                header = read_header(path)
            except NotACvdError as error:
                problems.append("%s: %s" % (path, error))
            else:
                entry.update(version=header.version, signatures=header.signatures, built=header.build_time)
                entry["official"] = stem in OFFICIAL and suffix != ".cud"
        found.append(entry)
    return found, problems


def newest(databases):
    """The file whose age is the age of all signatures, None without any.

    That is daily: it is built every day, the other official ones hardly ever. Only official files tell when they were
    built; a site with files of its own alone is as fresh as the one that changed last.
    """
    if not databases:
        return None
    daily = [entry for entry in databases if entry["official"] and entry["name"].startswith("daily.")]
    official = daily or [entry for entry in databases if entry["official"]]
    if official:
        return max(official, key=lambda entry: entry["built"])
    return max(databases, key=lambda entry: entry["modified"])


def date_of(entry):
    """When the signatures in a file are from, in seconds since 1970."""
    return entry["built"] if entry["official"] else entry["modified"]


def read_signatures(inspector, directory, log_path):
    """What the module gateway_info returns as signatures; None without the directory."""
    if not os.path.isdir(directory):
        return None
    databases, problems = read_databases(directory)
    for problem in problems:
        inspector.problem("signatures", problem)
    reference = newest(databases)
    date = date_of(reference) if reference else None
    return dict(
        directory=directory,
        databases=[dict(entry, built=iso(entry["built"]), modified=iso(entry["modified"])) for entry in databases],
        version=reference["version"] if reference else None,
        age_of=reference["name"] if reference else None,
        date=iso(date),
        age_seconds=max(0, int(time.time()) - date) if date is not None else None,
        update=inspector.part("last update", last_update, log_path),
    )


def last_update(inspector, log_path):
    """The last update that succeeded and the last one that failed, from freshclam's log or else from the journal."""
    runs = []
    source = None
    # After a rotation the last result may stand in the former file; it is not compressed yet.
    for path in [log_path, log_path + ".1"] if log_path else []:
        text = _tail(path)
        if text is not None:
            source = source or path
            runs = parse_runs(text) + runs
    if not any(run.finished for run in runs):
        text = inspector.output(
            ["journalctl", "-q", "-o", "cat", "--no-pager", "-n", "2000", "-u", SERVICE, "-u", TIMER_SERVICE]
        )
        if text:
            source = "journal"
            runs = parse_runs(text)
    success, failure, failing = last_results(runs)
    now = int(time.time())
    return dict(
        source=source,
        last_success=iso(success.time) if success else None,
        last_success_age_seconds=max(0, now - success.time) if success else None,
        last_failure=iso(failure.time) if failure else None,
        last_failure_reason=failure.reason if failure else None,
        failing=failing,
    )


def iso(seconds):
    """Seconds since 1970 as a date in UTC, as ansible_facts has it; None stays None."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)) if seconds is not None else None


def _tail(path):
    try:
        with open(path, "rb") as handle:
            handle.seek(max(0, os.fstat(handle.fileno()).st_size - _LOG_TAIL))
            return handle.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return None
