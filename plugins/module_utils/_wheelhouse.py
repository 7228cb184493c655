# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a wheelhouse is made of: digest, platform tags, requirements with hashes, manifest. No pip is called here."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import re

from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError

MANIFEST = "manifest.json"
REQUIREMENTS = "requirements.txt"
# Part of the digest: raise it when the same sources must give another wheelhouse.
FORMAT = 1
# Not part of what is installed: tests, caches and what building leaves behind.
_LEFT_OUT = (".*", "__pycache__", "*.pyc", "*.egg-info", "build", "dist", "tests", "bench")
_NETWORK = re.compile(
    r"Max retries|NewConnectionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError|CERTIFICATE_VERIFY"
    r"|Temporary failure in name resolution|Name or service not known|Connection (?:refused|reset|broken)"
    r"|Network is unreachable|\b(?:401|403|407|5\d\d) (?:Client|Server) Error|\(from versions: none\)"
)


def source_files(project):
    """The files of the project that its wheel is built from, relative, sorted. Raises GatewayError without any."""
    found = []
    for folder, folders, names in os.walk(project):
        folders[:] = [name for name in folders if not _left_out(name)]
        for name in names:
            if not _left_out(name):
                found.append(os.path.relpath(os.path.join(folder, name), project))
    if "pyproject.toml" not in found:
        raise GatewayError("%s is no Python project: it has no pyproject.toml" % project)
    return sorted(found)


def digest(project, files, locks, target):
    """The digest, 64 hex digits, over sources, lock files and target, which are all that the wheelhouse depends on."""
    state = hashlib.sha256()
    entries = [("source " + name, os.path.join(project, name)) for name in files]
    entries += [("lock %d" % number, path) for number, path in enumerate(locks)]
    state.update(("format %d target %s\n" % (FORMAT, target)).encode("utf-8"))
    for label, path in entries:
        state.update(("%s %s\n" % (label, file_digest(path))).encode("utf-8"))
    return state.hexdigest()


def file_digest(path):
    """The SHA-256 of a file, in hex. Raises GatewayError when it cannot be read."""
    state = hashlib.sha256()
    try:
        with open(path, "rb") as handle:
            for chunk in iter(lambda: handle.read(1 << 20), b""):
                state.update(chunk)
    except OSError as error:
        raise GatewayError("cannot read %s: %s" % (path, error.strerror))
    return state.hexdigest()


def project_version(text):
    """The version in the text of a pyproject.toml. Raises GatewayError when it is not written there."""
    section = re.search(r"(?ms)^\[project\][ \t]*$(.*?)(?=^\[|\Z)", text)
    version = re.search(r"""(?m)^version\s*=\s*["']([^"']+)["']""", section.group(1)) if section else None
    if not version:
        raise GatewayError("pyproject.toml has no version in its [project] table")
    return version.group(1)


def platform_tags(machine, glibc):
    """The platform tags of wheels that run on this machine with this glibc, such as 2.36 (PEP 600, PEP 599)."""
    match = re.match(r"2\.([0-9]+)\Z", glibc)
    if not match:
        raise GatewayError("target_glibc must be a version such as 2.36, not %r" % glibc)
    minor = int(match.group(1))
    # 2.17 is the oldest that any wheel for aarch64 was built for, 2.5 for x86_64.
    oldest = 5 if machine == "x86_64" else 17
    tags = ["manylinux_2_%d_%s" % (number, machine) for number in range(minor, oldest - 1, -1)]
    old_names = [("manylinux2014", 17), ("manylinux2010", 12), ("manylinux1", 5)]
    tags += ["%s_%s" % (name, machine) for name, number in old_names if oldest <= number <= minor]
    return tags + ["linux_%s" % machine]


def wheel_identity(file_name):
    """(project name, version) of a wheel, from its file name (binary distribution format)."""
    parts = file_name[:-len(".whl")].split("-")
    return parts[0].replace("_", "-").lower(), parts[1]


def is_pure(file_name):
    """Whether a wheel runs on every platform."""
    return file_name.endswith("-none-any.whl")


def requirements_text(digests):
    """A requirements file that allows exactly these wheels. digests maps file names to their SHA-256."""
    lines = ["# Written by mailcordon.gateway.wheelhouse; install with --no-index --find-links . --require-hashes."]
    for name in sorted(digests):
        project, version = wheel_identity(name)
        lines.append("%s==%s --hash=sha256:%s" % (project, version, digests[name]))
    return "\n".join(lines) + "\n"


def manifest_text(version, digest_value, target, digests):
    """The manifest of a wheelhouse, JSON. digests maps file names to their SHA-256."""
    content = {"version": version, "digest": digest_value, "target": target, "files": digests}
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def complete(directory, digest_value):
    """Whether the directory holds the wheelhouse with this digest, every file as the manifest says."""
    try:
        with open(os.path.join(directory, MANIFEST), "r", encoding="utf-8") as handle:
            manifest = json.load(handle)
        files = manifest["files"]
        return manifest["digest"] == digest_value and bool(files) and all(
            file_digest(os.path.join(directory, name)) == expected for name, expected in files.items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, GatewayError):
        return False


def superseded(dest, target, keep):
    """The wheelhouses for a target beyond the newest `keep`, oldest first. Nothing else in the directory counts."""
    pattern = re.compile(r".+-[0-9a-f]{8}-%s\Z" % re.escape(target))
    found = []
    for name in os.listdir(dest):
        if pattern.match(name) and os.path.isfile(os.path.join(dest, name, MANIFEST)):
            found.append((os.stat(os.path.join(dest, name)).st_mtime, name))
    return [name for _time, name in sorted(found)[:-keep]]


def pip_reason(output):
    """Why pip failed, in one line, with what to do about it."""
    errors = [line.strip() for line in output.splitlines() if line.strip().startswith("ERROR:")]
    reason = errors[-1][len("ERROR:"):].strip() if errors else " ".join(output.split())[-300:]
    if "DO NOT MATCH THE HASHES" in output:
        packages = re.findall(r"(?m)^\s+(\S+==\S+|\S+) from \S+", output)
        return "a package differs from its hash in the lock file: %s; do not install it, make the lock file anew" % (
            ", ".join(packages) or reason
        )
    if _NETWORK.search(output):
        return (
            "the package index cannot be reached or lacks the package (%s): set PIP_INDEX_URL to a mirror, PIP_CERT to"
            " its certificate or https_proxy, or put a prebuilt wheelhouse into dest" % reason
        )
    return reason


def _left_out(name):
    return any(fnmatch.fnmatch(name, pattern) for pattern in _LEFT_OUT)
