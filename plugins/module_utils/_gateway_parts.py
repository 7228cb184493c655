# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Versions, services, answers, configuration files and disks of a mail gateway."""

from __future__ import annotations

import glob
import os
import re
import time

from ansible_collections.mailcordon.gateway.plugins.module_utils import _gateway_postfix as gateway_postfix
from ansible_collections.mailcordon.gateway.plugins.module_utils._clamav_conf import complaints
from ansible_collections.mailcordon.gateway.plugins.module_utils._version import COLLECTION_VERSION

CLAMD_CONF = ("/etc/clamav/clamd.conf", "/etc/clamd.d/scan.conf")
FRESHCLAM_CONF = ("/etc/clamav/freshclam.conf", "/etc/freshclam.conf")
FILTER = "/opt/mailcordon/current"
SPAMASSASSIN_RULES = "/var/lib/spamassassin/*/updates_spamassassin_org.cf"

CLAMD_UNITS = ("clamav-daemon.service", "clamd@scan.service")
SPAMD_UNITS = ("spamd.service", "spamassassin.service")
FILTER_UNITS = ("mailcordon.service",)
UNITS = (
    CLAMD_UNITS
    + SPAMD_UNITS
    + FILTER_UNITS
    + (
        "clamav-daemon.socket",
        "clamav-freshclam.service",
        "clamav-freshclam-once.timer",
        "mailcordon-freshclam.timer",
        "mailcordon-freshclam.service",
        "mailcordon.socket",
        "postfix.service",
        "postfix@-.service",
        "cron.service",
    )
)
_UNIT_PROPERTIES = ("Id", "LoadState", "ActiveState", "SubState", "UnitFileState", "Result")
# spamassassin reads and compiles all of its rules for this, in seconds.
_LINT_TIMEOUT = 90


def read_option(paths, option, default):
    """The value of an option in the first of these configuration files of ClamAV that exists."""
    for path in paths:
        try:
            with open(path, encoding="utf-8", errors="replace") as handle:
                for line in handle:
                    words = line.split(None, 1)
                    if len(words) == 2 and words[0] == option:
                        return words[1].strip().strip('"')
        except FileNotFoundError:
            continue
        return default
    return default


def read_versions(inspector):
    """Versions of all parts; None for what is not installed."""
    return dict(
        collection=COLLECTION_VERSION,
        clamav=_match(inspector, ["clamd", "--version"], r"ClamAV ([^/\s]+)")
        or _match(inspector, ["freshclam", "--version"], r"ClamAV ([^/\s]+)"),
        spamassassin=_match(inspector, ["spamassassin", "--version"], r"SpamAssassin version (\S+)"),
        spamassassin_rules=_rules_version(),
        postfix=_match(inspector, ["postconf", "mail_version"], r"mail_version = (\S+)"),
        mailcordon=_match(inspector, [FILTER + "/bin/mailcordon", "--version"], r"version (\S+)"),
        mailcordon_release=os.path.basename(os.path.realpath(FILTER)) if os.path.exists(FILTER) else None,
    )


def read_services(inspector):
    """The state of each unit that this host has: name -> states; None without systemd."""
    output = inspector.output(["systemctl", "show", "-p", ",".join(_UNIT_PROPERTIES)] + list(UNITS))
    return None if output is None else parse_services(output)


def parse_services(output):
    """The states from `systemctl show`; units that are not there are left out."""
    found = {}
    for block in output.strip().split("\n\n"):
        fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if fields.get("LoadState", "not-found") != "not-found":
            found[fields["Id"]] = dict(
                active_state=fields["ActiveState"],
                sub_state=fields["SubState"],
                unit_file_state=fields["UnitFileState"],
                result=fields.get("Result"),
            )
    return found


def read_answers(inspector, services, clamd_socket, spamd_socket, filter_port, reinjection_port):
    """Whether each server answers. One whose unit stands still is not asked: its socket unit would start it."""
    questions = (
        ("clamd", CLAMD_UNITS, clamd_socket, b"zPING\0", r"PONG\Z"),
        ("spamd", SPAMD_UNITS, spamd_socket, b"PING SPAMC/1.2\r\n\r\n", r"SPAMD/\S+ 0 PONG"),
        ("filter", FILTER_UNITS, ("127.0.0.1", filter_port), b"", r"220 "),
    )
    found = {}
    for name, units, address, say, expected in questions:
        states = [services[unit]["active_state"] for unit in units if unit in (services or {})]
        found[name] = None
        if states and "active" in states:
            found[name] = _ask(inspector, address, say, expected)
        elif states:
            found[name] = dict(answers=False, detail="the service is %s" % states[0], seconds=None)
    found["reinjection"] = None
    if inspector.program("postconf"):
        found["reinjection"] = _ask(inspector, ("127.0.0.1", reinjection_port), b"", r"220 ")
    return found


def read_configuration(inspector, postfix_running):
    """What each program finds wrong in its own configuration: name -> list of lines, None when it is not installed."""
    return dict(
        clamav=inspector.part("clamav", _check_clamav),
        spamassassin=inspector.part("spamassassin", _check_command, ["spamassassin", "--lint", "--prefspath=/dev/null"]),
        filter=inspector.part("filter", _check_command, [FILTER + "/bin/mailcordon", "check-config"]),
        postfix=inspector.part("postfix", gateway_postfix.check_postfix, postfix_running),
    )


def read_disks(inspector, paths):
    """Free space where mail and signatures are kept: one entry for each directory that exists."""
    found = []
    for path in paths:
        if path and os.path.isdir(path):
            state = os.statvfs(path)
            found.append(
                dict(
                    path=path,
                    total_bytes=state.f_blocks * state.f_frsize,
                    free_bytes=state.f_bavail * state.f_frsize,
                    free_percent=_percent(state.f_bavail, state.f_blocks),
                    free_inodes_percent=_percent(state.f_favail, state.f_files),
                )
            )
    return found


def _check_clamav(inspector):
    directory = next((os.path.dirname(path) for path in CLAMD_CONF if os.path.exists(path)), None)
    if directory is None or inspector.program("clamconf") is None:
        return None
    return complaints(inspector.run(["clamconf", "-n", "--config-dir=" + directory])[1])


def _check_command(inspector, command):
    if inspector.program(command[0]) is None:
        return None
    code, output = inspector.run(command, timeout=_LINT_TIMEOUT)
    if code == 0:
        return []
    return [line.strip() for line in output.splitlines() if line.strip()][:20] or ["exit code %d" % code]


def _ask(inspector, address, say, expected):
    started = time.monotonic()
    try:
        answer = inspector.talk(address, say)
        good = re.match(expected, answer) is not None
        detail = answer.splitlines()[0][:200] if answer else "it closed the connection"
    except OSError as error:
        good, detail = False, error.strerror or "no answer within %d s" % inspector.timeout
    return dict(answers=good, detail=detail, seconds=round(time.monotonic() - started, 3))


def _match(inspector, command, pattern):
    """What a program says of its version; also one that complains about its configuration, which is told elsewhere."""
    if inspector.program(command[0]) is None:
        return None
    said = inspector.part("versions", lambda dummy: inspector.run(command))
    found = re.search(pattern, said[1]) if said else None
    return found.group(1) if found else None


def _rules_version():
    """What sa-update has written into the newest rules; None when only those of the package are there."""
    for path in sorted(glob.glob(SPAMASSASSIN_RULES), key=os.path.getmtime, reverse=True):
        with open(path, encoding="utf-8", errors="replace") as handle:
            found = re.match(r"# UPDATE version (\d+)", handle.readline())
        if found:
            return found.group(1)
    return None


def _percent(part, whole):
    """None where a file system does not count."""
    return round(100.0 * part / whole, 1) if whole else None
