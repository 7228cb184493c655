# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of the module signatures: verify candidates, change the directory, let clamd load it and prove that it has."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
import time
from collections import namedtuple

from ansible_collections.mailcordon.gateway.plugins.module_utils import _signatures as signatures
from ansible_collections.mailcordon.gateway.plugins.module_utils import _signatures_marker as markers
from ansible_collections.mailcordon.gateway.plugins.module_utils._clamd_client import ClamdUnavailableError
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError, one_line
from ansible_collections.mailcordon.gateway.plugins.module_utils._files import read_text

_PROBE_PAUSE = 0.5

Changes = namedtuple("Changes", "install remove attributes markers_before markers_after")
Changes.__doc__ = """What is to change: install maps a name to the file to copy, remove and attributes are lists of names
and paths, markers_* are the texts of the marker file (None: there is none)."""

Goal = namedtuple("Goal", "present gone daily")
Goal.__doc__ = """What clamd shall have loaded: present and gone map names of files to digests, those of gone it must no
longer have loaded. daily is the version that it must tell, None when the daily database is not among the files."""


def check_digests(paths, wanted):
    """Make sure that the candidate files are those that were announced. Raises GatewayError."""
    other = [name for name in sorted(paths) if signatures.read_file(paths[name]).sha256 != wanted[name].sha256]
    if other:
        raise GatewayError("nothing is installed: %s changed on the way here; run again" % ", ".join(other))


def verify(module, paths):
    """Verify the candidate files (name to path) with the installed ClamAV. Raises GatewayError with all that is wrong.

    Returns False when ClamAV is not installed, which only a dry run may meet.
    """
    programs = {name: module.get_bin_path(name) for name in ("sigtool", "clamscan")}
    missing = sorted(name for name, path in programs.items() if path is None)
    if missing and module.check_mode:
        return False
    if missing:
        raise GatewayError("cannot verify signatures without %s; install the package clamav" % " and ".join(missing))
    problems = []
    # The tools go by the extension of a file, so each one lies under its own name in a directory of ours.
    directory = tempfile.mkdtemp(dir=module.tmpdir)
    try:
        # clamscan wants something to scan; an empty file is enough to make it load its signatures.
        nothing = os.path.join(directory, "-nothing-")
        with open(nothing, "wb"):
            pass
        for name in sorted(paths):
            path = os.path.join(directory, name)
            os.symlink(os.path.abspath(paths[name]), path)
            problems.append(_verify_one(module, programs, name, path, nothing))
    finally:
        shutil.rmtree(directory)
    problems = [problem for problem in problems if problem]
    if problems:
        raise GatewayError("nothing is installed: %s" % one_line(problems))
    return True


def _verify_one(module, programs, name, path, nothing):
    if signatures.extension(name) in signatures.SIGNED:
        returncode, output, errors = _run(module, [programs["sigtool"], "--info", path])
        return signatures.sigtool_problem(name, returncode, output + "\n" + errors)
    # Nobody vouches for these: ClamAV itself says whether it can load them. clamd with one bad file loads none at all.
    returncode, output, errors = _run(
        module, [programs["clamscan"], "--no-summary", "--stdout", "--database=%s" % path, nothing]
    )
    return signatures.load_problem(name, returncode, output + "\n" + errors, path)


def _run(module, command):
    return module.run_command(command, environ_update={"LC_ALL": "C"})


def wanted_markers(store, digests, gone=()):
    """The texts of the marker file as it is and as it must be for files with these digests (name to digest).

    Markers of files that other tasks have installed stay as long as these files are as they were.
    """
    before = read_text(store.file(markers.MARKER_FILE))
    present = markers.marked(before or "")
    if all(present.get(name) == digest[:16] for name, digest in digests.items()) and not present.keys() & set(gone):
        return before, before
    others = {
        name: item.sha256
        for name, item in store.installed().items()
        if name not in gone and present.get(name) == item.sha256[:16]
    }
    others.update(digests)
    return before, markers.marker_text(others) if others else None


def apply(store, changes, clamd, goal, timeout):
    """Carry out the changes and have clamd load them; take them back when it does not.

    clamd is None when it shall not be asked; timeout is in seconds. Returns whether clamd was told to reload. Raises GatewayError.
    """
    try:
        with store.transaction():
            _change_files(store, changes)
            return clamd is not None and reload_and_prove(clamd, goal, timeout, bool(changes.attributes))
    except GatewayError as error:
        # clamd may have been late only, and load the new files after all.
        if clamd is not None:
            with contextlib.suppress(ClamdUnavailableError):
                clamd.command("RELOAD")
        raise GatewayError("%s; the former signatures are back" % error)


def _change_files(store, changes):
    # The new file comes before its twin goes: there is no moment without any.
    for name in sorted(changes.install):
        store.put(name, changes.install[name])
    for name in changes.remove:
        store.remove(name)
    if changes.markers_after is None and changes.markers_before is not None:
        store.remove(markers.MARKER_FILE)
    elif changes.markers_after != changes.markers_before:
        store.put_text(markers.MARKER_FILE, changes.markers_after)
    gone = [store.file(name) for name in changes.remove]
    store.correct_attributes([path for path in changes.attributes if path not in gone])


def reload_and_prove(clamd, goal, timeout, even_if_loaded=False):
    """Make clamd load its directory unless it has; wait until it has, for timeout seconds at most.

    Returns whether clamd was told to reload. Raises GatewayError.
    """
    deadline = time.monotonic() + timeout
    if not even_if_loaded and not not_as_wanted(clamd, goal):
        return False
    clamd.command("RELOAD")
    while True:
        # While clamd reloads it may answer late; that is no reason to give up before the deadline.
        try:
            names = not_as_wanted(clamd, goal)
        except ClamdUnavailableError as error:
            names = [str(error)]
        if not names:
            return True
        if time.monotonic() > deadline:
            raise GatewayError(
                "clamd at %s has not loaded the new state of %s within %d s; see its log"
                % (clamd.path, ", ".join(names), timeout)
            )
        time.sleep(_PROBE_PAUSE)


def not_as_wanted(clamd, goal):
    """What clamd has not loaded though it should, or still has. Raises ClamdUnavailableError."""
    names = [name for name in sorted(goal.present) if not _finds_marker(clamd, name, goal.present[name])]
    names += [name for name in sorted(goal.gone) if _finds_marker(clamd, name, goal.gone[name])]
    if goal.daily is not None and clamd.version().signatures != goal.daily:
        names.append("the daily database")
    return names


def _finds_marker(clamd, name, digest):
    verdict = clamd.scan_stream(io.BytesIO(markers.marker_probe(name, digest)))
    return markers.is_marker(verdict.text, name, digest)
