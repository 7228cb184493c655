# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the state of a gateway, as gateway_info tells it, means for the one who runs it: rows of ok, warning and FAIL."""

from __future__ import annotations

OK = "ok"
WARNING = "warning"
FAIL = "FAIL"

OFF = "switched off"
_CLAMD_PORT = 3310
# What Postfix wants to be free before it takes a mail: this many times message_size_limit (postconf(5), queue_minfree).
_POSTFIX_HEADROOM = 1.5


def check_gateway(state, expected):
    """One row (check, result, detail) for each check.

    state: gateway of the module gateway_info. expected: what the roles were told, see the filter gateway_checks.
    """
    rows = []
    rows += _clamav(state, expected["clamav"])
    rows += _scanner(state, "spamd", "spamassassin", expected["spamassassin"]["enabled"])
    rows += _scanner(state, "filter", "filter", expected["filter"]["enabled"])
    rows += _postfix(state, expected)
    rows += _listeners(state, expected)
    rows += _disks(state, expected["limits"])
    rows += [(entry["part"], WARNING, "cannot be found out: %s" % entry["problem"]) for entry in state["problems"]]
    return rows


def days(seconds):
    """A time span for people."""
    if seconds < 120:
        return "%d s" % seconds
    if seconds < 7200:
        return "%d minutes" % (seconds // 60)
    if seconds < 2 * 86400:
        return "%d hours" % (seconds // 3600)
    return "%.1f days" % (seconds / 86400.0)


def _clamav(state, expected):
    rows = _scanner(state, "clamd", "clamav", expected["enabled"])
    if expected["enabled"]:
        signatures = state["signatures"] or {}
        rows.append(("signatures",) + _signature_age(signatures, expected["signature_max_age_days"] * 86400))
        if expected["schedule"] != "none":
            limit = expected["signature_update_max_age_hours"] * 3600
            rows.append(("signature update",) + _last_update(signatures.get("update") or {}, limit))
    wanted = expected["schedule"] if expected["enabled"] else "none"
    rows.append(("signature schedule",) + _schedule(state["schedule"], wanted))
    return rows


def _scanner(state, name, configuration, enabled):
    """A server that must answer, and its configuration."""
    if not enabled:
        return [(name, OK, OFF)]
    return [
        (name,) + _answer((state["answers"] or {}).get(name)),
        ("%s configuration" % name,) + _complaints((state["configuration"] or {}).get(configuration)),
    ]


def _answer(answer):
    if answer is None:
        return FAIL, "not installed"
    if answer["answers"]:
        return OK, "answers in %d ms" % round(answer["seconds"] * 1000)
    return FAIL, "does not answer: %s" % answer["detail"]


def _complaints(lines):
    if lines is None:
        return WARNING, "not checked"
    return (FAIL, "; ".join(lines)) if lines else (OK, "valid")


def _signature_age(signatures, limit):
    """Features 1.20: signatures older than the limit, in seconds; 0 means no limit."""
    age = signatures.get("age_seconds")
    if age is None:
        return FAIL, "there are none in %s" % signatures.get("directory", "the directory of the signatures")
    version = " version %d" % signatures["version"] if signatures["version"] else ""
    text = "%s%s is %s old" % (signatures["age_of"], version, days(age))
    if limit and age > limit:
        return FAIL, "%s, %s are allowed" % (text, days(limit))
    return OK, text


def _last_update(update, limit):
    """Features 2.30: the last successful update is older than the limit, in seconds; 0 means no limit."""
    age = update.get("last_success_age_seconds")
    failure = "the last one failed at %s: %s" % (update.get("last_failure"), update.get("last_failure_reason"))
    if age is None:
        return FAIL, "none has succeeded" + (", %s" % failure if update.get("failing") else "")
    text = "succeeded %s ago" % days(age)
    if update["failing"]:
        text = "%s, last success %s ago" % (failure, days(age))
    if limit and age > limit:
        return FAIL, "%s, %s are allowed" % (text, days(limit))
    return (WARNING if update["failing"] else OK), text


def _schedule(found, wanted):
    """Features 2.05: exactly the wanted one is in force."""
    if found is None:
        return WARNING, "unknown"
    shown = ", ".join("%s (%s)" % (job["mode"], job["where"]) for job in found) or "none"
    modes = [job["mode"] for job in found]
    if modes == ([] if wanted == "none" else [wanted]):
        return OK, shown
    if len(found) > 1:
        return FAIL, "%d are in force: %s" % (len(found), shown)
    return FAIL, "in force: %s, wanted: %s" % (shown, wanted)


def _postfix(state, expected):
    wanted = expected["postfix"]
    postfix = state["postfix"]
    if postfix is None:
        return [("Postfix", FAIL, "not installed") if wanted["enabled"] else ("Postfix", OK, OFF)]
    rows = [("content filter",) + _content_filter(postfix, wanted)]
    if not wanted["enabled"]:
        return rows
    return [
        ("Postfix", OK, "runs, version %s" % postfix["version"]) if postfix["running"] else ("Postfix", FAIL, "does not run"),
        ("Postfix configuration",) + _complaints((state["configuration"] or {}).get("postfix")),
        rows[0],
        ("way back",) + _answer((state["answers"] or {}).get("reinjection")),
        ("queue",) + _queue(state["queue"], expected["limits"]),
    ]


def _content_filter(postfix, wanted):
    """Features 4.01, 4.02: mail goes to the filter, and nowhere near it when it is switched off."""
    ours = "%s:[127.0.0.1]:%d" % (wanted["transport"], wanted["port"])
    proxy = postfix["proxy_filters"].get("smtp/inet", "")
    before_queue = proxy.endswith(":%d" % wanted["port"]) or proxy == str(wanted["port"])
    shown = "%s; content_filter is %s, smtpd_proxy_filter of port 25 is %s" % (
        postfix["mode"], postfix["content_filter"] or "empty", proxy or "empty",
    )
    if not wanted["enabled"]:
        if postfix["content_filter"] == ours or before_queue:
            return FAIL, "switched off, but still in force: %s" % shown
        return OK, OFF
    if wanted["mode"] == "before_queue":
        return (OK, shown) if before_queue else (FAIL, "wanted: before_queue, in force: %s" % shown)
    if postfix["content_filter"] == ours and not before_queue:
        return OK, shown
    return FAIL, "wanted: content_filter %s, in force: %s" % (ours, shown)


def _queue(queue, limits):
    if queue is None:
        return WARNING, "unknown"
    shown = "%d active, %d incoming, %d deferred, %d on hold" % (
        queue["active"], queue["incoming"], queue["deferred"], queue["hold"],
    )
    if queue["waiting_for_filter"]:
        return FAIL, "%d wait for the filter; %s" % (queue["waiting_for_filter"], shown)
    # Deferred mail waits for other people's servers; mail in these two must move.
    for name in ("active", "incoming"):
        oldest = queue["oldest_seconds"][name]
        if oldest is not None and oldest > limits["queue_seconds"]:
            return FAIL, "a mail has been %s for %s; %s" % (name, days(oldest), shown)
    if queue["deferred"] > limits["deferred"]:
        return WARNING, "more than %d deferred; %s" % (limits["deferred"], shown)
    return OK, shown


def _listeners(state, expected):
    """Features 1.24, 2.46, 4.06: nobody but this host reaches the filter, the way back and clamd."""
    if state["sockets"] is None:
        return [("listeners", WARNING, "unknown")]
    private = dict((port, "filter") for port in expected["filter"]["ports"])
    private[expected["postfix"]["reinjection_port"]] = "way back"
    # Held by systemd while clamd stands still
    private[_CLAMD_PORT] = "clamd"
    open_ones = []
    for entry in state["sockets"]:
        if entry["protocol"] != "unix" and not entry["loopback"]:
            if "clamd" in entry["processes"]:
                open_ones.append("clamd on %s:%d" % (entry["address"], entry["port"]))
            elif entry["port"] in private:
                open_ones.append("%s on %s:%d" % (private[entry["port"]], entry["address"], entry["port"]))
    if open_ones:
        return [("listeners", FAIL, "open to other hosts: %s" % ", ".join(open_ones))]
    return [("listeners", OK, "only loopback and unix sockets")]


def _disks(state, limits):
    rows = []
    postfix = state["postfix"] or {}
    for disk in state["disks"] or []:
        name = "disk of %s" % disk["path"]
        percents = [disk[key] for key in ("free_percent", "free_inodes_percent") if disk[key] is not None]
        text = "%.1f GiB free, %s %%" % (disk["free_bytes"] / 1024.0**3, min(percents or [100.0]))
        needed = _POSTFIX_HEADROOM * (postfix.get("message_size_limit") or 0)
        if disk["path"] == postfix.get("queue_directory") and disk["free_bytes"] < needed:
            rows.append((name, FAIL, "%s; Postfix refuses mail" % text))
        elif percents and min(percents) < limits["free_percent"]:
            rows.append((name, WARNING, text))
        else:
            rows.append((name, OK, text))
    return rows
