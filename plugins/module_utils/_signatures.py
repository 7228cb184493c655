# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signature files of ClamAV: their names, their headers, which may replace which, what the tools say about them."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections import namedtuple

from ansible_collections.mailcordon.gateway.plugins.module_utils._cvd import NotACvdError, parse_header

SIGNED = ("cvd", "cld")
UNSIGNED_CONTAINER = "cud"
CONTAINERS = SIGNED + (UNSIGNED_CONTAINER,)
# Single files that libclamav loads from its directory; it skips every other name.
PLAIN = (
    "cat", "cbc", "cdb", "cfg", "crb", "db", "fp", "ftm", "gdb", "hdb", "hdu", "hsb", "hsu", "idb", "ign", "ign2", "imp",
    "ioc", "ldb", "ldu", "mdb", "mdu", "msb", "msu", "ndb", "ndu", "pdb", "pwdb", "sfp", "wdb", "yar", "yara",
)
# What lies beside databases in a mirror's directory (cvdupdate, freshclam) and is none.
COMPANIONS = ("cdiff", "dat", "json", "log", "md", "sha256", "sign", "txt")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")

Header = namedtuple("Header", "version built signatures")
Header.__doc__ = """What the header of a CVD, CLD or CUD says, unverified. built is a time of UTC as text."""

SignatureFile = namedtuple("SignatureFile", "sha256 size header")
SignatureFile.__doc__ = """One file. header is None for files that are no container, and for containers without one."""

Plan = namedtuple("Plan", "install keep twins problems")
Plan.__doc__ = """What to do: names to install, names (as installed) to keep, twins to remove, reasons to refuse it all."""


def extension(name):
    """The extension without its dot, in small letters; libclamav does not care for their case."""
    return os.path.splitext(name)[1][1:].lower()


def is_signature_file(name):
    """Whether libclamav would load a file of this name from its directory."""
    return extension(name) in CONTAINERS + PLAIN


def is_companion(name):
    """Whether a file in a directory of databases may be left aside without a word."""
    return name.startswith(".") or extension(name) in COMPANIONS


def name_problem(name):
    """Why a file of this name is refused, or None."""
    if not _NAME.match(name):
        return "%r: a name may hold letters, digits, '.', '_' and '-' only" % name
    if not is_signature_file(name) or not name.endswith("." + extension(name)):
        return "%s: ClamAV loads no files of this name; use cvd, cld, cud or one of %s" % (name, ", ".join(PLAIN))
    return None


def twin_of(name):
    """main.cld for main.cvd and the other way round, None for other files. Only one of them may lie in the directory."""
    stem, ending = os.path.splitext(name)
    return {".cvd": stem + ".cld", ".cld": stem + ".cvd"}.get(ending)


def header_of(octets):
    """The header of a container from its first octets, or None when there is none."""
    try:
        found = parse_header(octets)
    except NotACvdError:
        return None
    built = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(found.build_time))
    return Header(found.version, built, found.signatures)


def read_file(path):
    """Digest, size and header of a file. Raises OSError."""
    digest = hashlib.sha256()
    size = 0
    header = None
    with open(path, "rb") as handle:
        for chunk in iter(lambda: handle.read(1024 * 1024), b""):
            if size == 0 and extension(path) in CONTAINERS:
                header = header_of(chunk)
            digest.update(chunk)
            size += len(chunk)
    return SignatureFile(digest.hexdigest(), size, header)


def collect(sources):
    """The files that a list of files and directories names.

    Returns (paths, problems): paths maps the name of a signature file to its path; problems says in one line each what
    is missing, unreadable, named twice or no signature file. Files in a directory that mirrors keep beside the databases
    are left aside.
    """
    paths = {}
    problems = []
    for source in sources:
        try:
            for path in _expand(source):
                name = os.path.basename(path)
                problem = name_problem(name)
                if name in paths and not os.path.samefile(paths[name], path):
                    problem = "%s: given twice, as %s and %s" % (name, paths[name], path)
                if problem:
                    problems.append(problem)
                else:
                    paths[name] = path
        except OSError as error:
            problems.append("%s: %s" % (error.filename or source, error.strerror))
    for name in sorted(paths):
        if name.endswith(".cvd") and twin_of(name) in paths:
            problems.append("%s: given together with %s; only one of them may be installed" % (name, twin_of(name)))
    if not paths and not problems:
        problems.append("no signature files in %s" % ", ".join(sources))
    return paths, problems


def _expand(source):
    if not os.path.isdir(source):
        with open(source, "rb"):
            return [source]
    names = sorted(name for name in os.listdir(source) if not is_companion(name))
    found = [os.path.join(source, name) for name in names]
    return [path for path in found if not os.path.isdir(path)]


def plan(wanted, installed, allow_downgrade=False, allow_unsigned=False):
    """Compare two dictionaries of name to SignatureFile and decide, by digests and headers alone, what is to be done."""
    result = Plan([], [], [], [])
    for name in sorted(wanted):
        new = wanted[name]
        old = installed.get(name)
        twin = twin_of(name) if twin_of(name) in installed else None
        problem = _refusal(name, new, old, installed.get(twin), allow_downgrade, allow_unsigned)
        if problem:
            result.problems.append(problem)
        elif old is None and twin and version_of(installed[twin]) == version_of(new):
            # The same database in its other form: freshclam makes a CLD of a CVD.
            result.keep.append(twin)
        else:
            (result.keep if old is not None and old.sha256 == new.sha256 else result.install).append(name)
            if twin:
                result.twins.append(twin)
    return result


def version_of(item):
    """The version of a database, 0 for what has none."""
    return item.header.version if item is not None and item.header else 0


def _refusal(name, new, old, twin, allow_downgrade, allow_unsigned):
    if new.size == 0:
        return "%s: is empty" % name
    if extension(name) not in CONTAINERS:
        return None
    if new.header is None:
        return "%s: has no header of a ClamAV database; it is truncated or something else" % name
    if extension(name) == UNSIGNED_CONTAINER and not allow_unsigned:
        return "%s: has no digital signature; set allow_unsigned to install it all the same" % name
    current = max(version_of(old), version_of(twin))
    if version_of(new) < current and not allow_downgrade:
        return "%s: version %d is older than the installed %d; set allow_downgrade to go back" % (
            name, version_of(new), current,
        )
    return None


def sigtool_problem(name, returncode, output):
    """Why C(sigtool --info) does not vouch for a CVD or CLD, or None when it does."""
    if returncode == 0 and re.search(r"(?m)^Verification OK", output):
        return None
    found = re.search(r"(?m)^ERROR: (?:cvdinfo: )?(?:Verification: )?(.*)$", output)
    reason = found.group(1) if found else "no digital signature"
    return "%s: sigtool cannot verify it (%s); it is truncated, forged or unsigned" % (name, reason)


def load_problem(name, returncode, output, path):
    """Why ClamAV does not load a file, or None when it does.

    For some files clamscan only warns and goes on without them, so that its exit code says nothing.
    """
    found = re.search(r"(?m)^LibClamAV (?:Error: |Warning: cli_load)(.*)$", output)
    if returncode == 0 and not found:
        return None
    reason = found.group(1) if found else (output.strip().splitlines() or ["exit code %d" % returncode])[-1]
    return "%s: ClamAV cannot load it (%s)" % (name, reason.replace(path, name).strip())


def describe(name, item):
    """One line on a file, for people and for diffs."""
    if item.header:
        return "%s version %d, %d signatures, built %s" % (
            name, item.header.version, item.header.signatures, item.header.built,
        )
    return "%s %d octets, sha256 %s" % (name, item.size, item.sha256[:16])


def as_dict(item):
    """A file as it stands in a module's result."""
    version, built, signatures = item.header or (None, None, None)
    return {"sha256": item.sha256, "size": item.size, "version": version, "built": built, "signatures": signatures}


def from_dict(entry):
    """The other way round."""
    header = None
    if entry.get("version") is not None:
        header = Header(int(entry["version"]), entry.get("built") or "", int(entry.get("signatures") or 0))
    return SignatureFile(entry["sha256"], int(entry["size"]), header)
