# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Postfix as it runs: its queue, the filter that is in force, whether its configuration is valid (features 4.01)."""

from __future__ import annotations

import json
import os
import time

_COUNTED = ("active", "incoming", "deferred", "hold", "maildrop")


def read_postfix(inspector):
    """The parameters that matter here; None without Postfix."""
    text = inspector.output(["postconf", "content_filter", "queue_directory", "message_size_limit", "mail_version"])
    if text is None:
        return None
    values = dict((name.strip(), value.strip()) for name, value in (line.split("=", 1) for line in text.splitlines() if "=" in line))
    proxies = parse_proxies(inspector.output(["postconf", "-P"]) or "")
    return dict(
        running=_master_runs(values.get("queue_directory", "/var/spool/postfix")),
        version=values.get("mail_version"),
        queue_directory=values.get("queue_directory"),
        message_size_limit=int(values["message_size_limit"]) if values.get("message_size_limit", "").isdigit() else None,
        content_filter=values.get("content_filter", ""),
        proxy_filters=proxies,
        mode=mode_in_force(values.get("content_filter", ""), proxies),
    )


def parse_proxies(text):
    """The services with a proxy filter, from `postconf -P`: service/type -> address."""
    found = {}
    for line in text.splitlines():
        name, dummy, value = line.partition("=")
        service, dummy, parameter = name.strip().rpartition("/")
        if parameter == "smtpd_proxy_filter" and value.strip():
            found[service] = value.strip()
    return found


def mode_in_force(content_filter, proxies):
    """How mail reaches a filter: before_queue, after_queue or none."""
    if proxies:
        return "before_queue"
    return "after_queue" if content_filter else "none"


def read_queue(inspector):
    """How many mails wait in each queue, how old the oldest is, and how many wait for this host's own filter."""
    text = inspector.output(["postqueue", "-j"])
    return None if text is None else count_queue(text.splitlines(), time.time())


def count_queue(lines, now):
    """Counts the lines of `postqueue -j`, one JSON object for each mail (postqueue(1))."""
    counts = dict.fromkeys(_COUNTED, 0)
    oldest = {}
    waiting = 0
    for line in lines:
        if not line.startswith("{"):
            continue
        mail = json.loads(line)
        name = mail["queue_name"]
        counts[name] = counts.get(name, 0) + 1
        oldest[name] = min(oldest.get(name, now), mail["arrival_time"])
        # Only the filter and the way back are reached at this address.
        if any("127.0.0.1" in recipient.get("delay_reason", "") for recipient in mail.get("recipients", [])):
            waiting += 1
    return dict(
        counts,
        total=sum(counts.values()),
        oldest_seconds=dict((name, max(0, int(now - oldest[name])) if name in oldest else None) for name in counts),
        waiting_for_filter=waiting,
    )


def check_postfix(inspector, running):
    """What Postfix finds wrong in its configuration: a list of lines; None without Postfix."""
    if inspector.program("postconf") is None:
        return None
    problems = []
    for flags in (["-n"], ["-M"], ["-P"]):
        dummy_code, output = inspector.run(["postconf"] + flags)
        problems += [line for line in _complaints(output) if line not in problems]
    # "postfix check" makes directories that are missing. A running Postfix has made them when it started.
    if running and not problems:
        code, output = inspector.run(["postfix", "check"], terminal=True)
        if code != 0:
            problems = _complaints(output) or ["postfix check fails; see the mail log"]
    return problems


def _complaints(output):
    found = []
    for line in output.splitlines():
        for level in ("warning: ", "error: ", "fatal: ", "panic: "):
            if level in line and line.startswith(("postconf:", "/", "postfix")):
                found.append(line[line.index(level):])
                break
    return found


def _master_runs(queue_directory):
    try:
        with open(os.path.join(queue_directory, "pid", "master.pid")) as handle:
            pid = handle.read().strip()
        with open("/proc/%s/comm" % pid) as handle:
            return handle.read().strip() == "master"
    except OSError:
        return False
