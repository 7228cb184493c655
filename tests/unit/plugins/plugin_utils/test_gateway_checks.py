# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the state of a gateway means: every check has a state in which it is good and one in which it is not."""

from __future__ import annotations

import copy

import pytest

from ansible.errors import AnsibleFilterError
from ansible_collections.mailcordon.gateway.plugins.filter.gateway_checks import gateway_checks
from ansible_collections.mailcordon.gateway.plugins.plugin_utils._gateway_checks import check_gateway, days

DAY = 86400
GIB = 1024**3
EXPECTED = dict(
    clamav=dict(enabled=True, schedule="service", signature_max_age_days=7, signature_update_max_age_hours=48),
    spamassassin=dict(enabled=True),
    filter=dict(enabled=True, ports=[10024, 10026]),
    postfix=dict(enabled=True, mode="after_queue", transport="amavisfeed", port=10024, reinjection_port=10025),
    limits=dict(queue_seconds=3600, deferred=500, free_percent=10.0),
)
SERVICE = dict(mode="service", where="clamav-freshclam.service", job=None)
OURS = "amavisfeed:[127.0.0.1]:10024"


def tcp(address, port, process, loopback):
    return dict(protocol="tcp", address=address, port=port, path=None, loopback=loopback, processes=[process])


def good_state():
    answer = dict(answers=True, detail="PONG", seconds=0.002)
    return dict(
        signatures=dict(
            directory="/var/lib/clamav", version=27690, age_of="daily.cld", age_seconds=7200,
            update=dict(
                last_success_age_seconds=600, last_failure=None, last_failure_reason=None, failing=False,
            ),
        ),
        schedule=[SERVICE],
        sockets=[tcp("0.0.0.0", 25, "master", False), tcp("127.0.0.1", 10024, "mailcordon", True), tcp("127.0.0.1", 10025, "master", True)],
        answers=dict(clamd=answer, spamd=answer, filter=answer, reinjection=answer),
        configuration=dict(clamav=[], spamassassin=[], filter=[], postfix=[]),
        postfix=dict(
            running=True, version="3.7.11", queue_directory="/var/spool/postfix", message_size_limit=GIB,
            content_filter=OURS, proxy_filters={}, mode="after_queue",
        ),
        queue=dict(
            active=1, incoming=0, deferred=3, hold=0, waiting_for_filter=0,
            oldest_seconds=dict(active=3600, incoming=None, deferred=4 * DAY, hold=None),
        ),
        disks=[dict(path="/var/spool/postfix", total_bytes=20 * GIB, free_bytes=2 * GIB, free_percent=10.0, free_inodes_percent=90.0)],
        problems=[],
    )


def bad_rows(state, expected=None):
    return [row for row in check_gateway(state, expected or EXPECTED) if row[1] != "ok"]


def changed(original, path, value):
    """A copy with another value at the path, names joined by dots."""
    result = copy.deepcopy(original)
    place = result
    names = path.split(".")
    for name in names[:-1]:
        place = place[name]
    place[names[-1]] = value
    return result


def test_a_good_gateway():
    rows = check_gateway(good_state(), EXPECTED)
    assert [row[0] for row in rows] == [
        "clamd", "clamd configuration", "signatures", "signature update", "signature schedule", "spamd", "spamd configuration",
        "filter", "filter configuration", "Postfix", "Postfix configuration", "content filter", "way back", "queue",
        "listeners", "disk of /var/spool/postfix",
    ]
    assert bad_rows(good_state()) == []


SILENT = dict(answers=False, detail="Connection refused", seconds=0.001)
FAILED = dict(
    last_success_age_seconds=3600, last_failure="2026-11-23T05:59:49Z", last_failure_reason="Can't download daily.cvd", failing=True,
)


@pytest.mark.parametrize(
    ("path", "value", "row"),
    [
        ("answers.clamd", SILENT, ("clamd", "FAIL", "does not answer: Connection refused")),
        ("answers.spamd", None, ("spamd", "FAIL", "not installed")),
        ("answers.filter", SILENT, ("filter", "FAIL", "does not answer: Connection refused")),
        ("answers.reinjection", SILENT, ("way back", "FAIL", "does not answer: Connection refused")),
        ("configuration.clamav", ["Unknown option X"], ("clamd configuration", "FAIL", "Unknown option X")),
        ("configuration.filter", ["a", "b"], ("filter configuration", "FAIL", "a; b")),
        ("configuration.spamassassin", None, ("spamd configuration", "WARNING", "not checked")),
        ("signatures.age_seconds", 7 * DAY + 1, ("signatures", "FAIL", "daily.cld version 27690 is 7.0 days old, 7.0 days are allowed")),
        ("signatures.age_seconds", None, ("signatures", "FAIL", "there are none in /var/lib/clamav")),
        ("signatures.update", FAILED, (
            "signature update", "WARNING",
            "the last one failed at 2026-11-23T05:59:49Z: Can't download daily.cvd, last success 60 minutes ago",
        )),
        ("signatures.update", dict(FAILED, last_success_age_seconds=3 * DAY), (
            "signature update", "FAIL",
            "the last one failed at 2026-11-23T05:59:49Z: Can't download daily.cvd, last success 3.0 days ago, 2.0 days are allowed",
        )),
        ("signatures.update", dict(FAILED, last_success_age_seconds=None), (
            "signature update", "FAIL", "none has succeeded, the last one failed at 2026-11-23T05:59:49Z: Can't download daily.cvd",
        )),
        ("signatures.update.last_success_age_seconds", 2 * DAY + 1, (
            "signature update", "FAIL", "succeeded 2.0 days ago, 2.0 days are allowed",
        )),
        ("schedule", [], ("signature schedule", "FAIL", "in force: none, wanted: service")),
        ("schedule", [dict(SERVICE, mode="timer", where="x.timer")], (
            "signature schedule", "FAIL", "in force: timer (x.timer), wanted: service",
        )),
        ("schedule", [SERVICE, dict(mode="other", where="/etc/crontab", job="x")], (
            "signature schedule", "FAIL", "2 are in force: service (clamav-freshclam.service), other (/etc/crontab)",
        )),
        ("schedule", None, ("signature schedule", "WARNING", "unknown")),
        ("postfix.running", False, ("Postfix", "FAIL", "does not run")),
        ("postfix.content_filter", "", (
            "content filter", "FAIL",
            "wanted: content_filter %s, in force: after_queue; content_filter is empty, smtpd_proxy_filter of port 25 is empty" % OURS,
        )),
        ("postfix.proxy_filters", {"smtp/inet": "127.0.0.1:10024"}, (
            "content filter", "FAIL", "wanted: content_filter %s, in force: after_queue; content_filter is %s, "
            "smtpd_proxy_filter of port 25 is 127.0.0.1:10024" % (OURS, OURS),
        )),
        ("queue.waiting_for_filter", 2, ("queue", "FAIL", "2 wait for the filter; 1 active, 0 incoming, 3 deferred, 0 on hold")),
        ("queue.oldest_seconds.active", 7201, (
            "queue", "FAIL", "a mail has been active for 2 hours; 1 active, 0 incoming, 3 deferred, 0 on hold",
        )),
        ("queue.deferred", 501, ("queue", "WARNING", "more than 500 deferred; 1 active, 0 incoming, 501 deferred, 0 on hold")),
        ("sockets", [tcp("0.0.0.0", 10024, "mailcordon", False)], ("listeners", "FAIL", "open to other hosts: filter on 0.0.0.0:10024")),
        ("sockets", [tcp("::", 10025, "master", False)], ("listeners", "FAIL", "open to other hosts: way back on :::10025")),
        ("sockets", [tcp("0.0.0.0", 10026, "mailcordon", False)], ("listeners", "FAIL", "open to other hosts: filter on 0.0.0.0:10026")),
        ("sockets", [tcp("192.0.2.1", 3310, "clamd", False)], ("listeners", "FAIL", "open to other hosts: clamd on 192.0.2.1:3310")),
        ("sockets", None, ("listeners", "WARNING", "unknown")),
        ("problems", [dict(part="queue", problem="postqueue took more than 15 s")], (
            "queue", "WARNING", "cannot be found out: postqueue took more than 15 s",
        )),
    ],
)
def test_each_check_can_fail(path, value, row):
    """Features 1.20, 1.24, 2.05, 2.30, 2.46, 4.01, 4.02, 4.06, and nothing else is touched by each of them."""
    expected_result = {"FAIL": "FAIL", "WARNING": "warning"}[row[1]]
    assert bad_rows(changed(good_state(), path, value)) == [(row[0], expected_result, row[2])]


def test_limits_of_zero_switch_the_checks_of_age_off():
    state = changed(good_state(), "signatures.age_seconds", 1000 * DAY)
    state["signatures"]["update"]["last_success_age_seconds"] = 1000 * DAY
    expected = changed(changed(EXPECTED, "clamav.signature_max_age_days", 0), "clamav.signature_update_max_age_hours", 0)
    assert bad_rows(state, expected) == []


def test_a_host_without_updates_is_not_asked_for_one():
    expected = changed(EXPECTED, "clamav.schedule", "none")
    state = changed(changed(good_state(), "schedule", []), "signatures.update", None)
    assert bad_rows(state, expected) == []


def test_before_the_queue():
    """Features 4.01."""
    expected = changed(EXPECTED, "postfix.mode", "before_queue")
    state = changed(good_state(), "postfix.proxy_filters", {"smtp/inet": "127.0.0.1:10024"})
    assert bad_rows(state, expected) == []
    assert [row[:2] for row in bad_rows(good_state(), expected)] == [("content filter", "FAIL")]


def test_parts_that_are_switched_off_are_not_asked_for():
    expected = copy.deepcopy(EXPECTED)
    for part in ("clamav", "spamassassin", "filter", "postfix"):
        expected[part]["enabled"] = False
    state = dict.fromkeys(good_state(), None)
    state.update(schedule=[], problems=[], sockets=[])
    assert [row for row in check_gateway(state, expected) if row[1] == "ok"] == check_gateway(state, expected)


@pytest.mark.parametrize(("path", "value"), [("content_filter", OURS), ("proxy_filters", {"smtp/inet": "127.0.0.1:10024"})])
def test_nothing_may_point_at_a_filter_that_is_switched_off(path, value):
    """Checklist 4, features 4.01."""
    expected = changed(EXPECTED, "postfix.enabled", False)
    state = changed(good_state(), "postfix.content_filter", "")
    assert bad_rows(state, expected) == []
    (row,) = bad_rows(changed(state, "postfix." + path, value), expected)
    assert row[:2] == ("content filter", "FAIL") and row[2].startswith("switched off, but still in force: ")


@pytest.mark.parametrize(
    ("disk", "result"),
    [
        (dict(free_percent=9.9), "warning"),
        (dict(free_inodes_percent=5.0), "warning"),
        (dict(free_inodes_percent=None), "ok"),
        (dict(free_bytes=int(1.4 * GIB)), "FAIL"),
        (dict(free_bytes=int(1.4 * GIB), path="/var/lib/mailcordon"), "ok"),
    ],
)
def test_disks(disk, result):
    state = good_state()
    state["disks"][0].update(disk)
    assert check_gateway(state, EXPECTED)[-1][1] == result


@pytest.mark.parametrize(("seconds", "text"), [(5, "5 s"), (600, "10 minutes"), (90000, "25 hours"), (8 * DAY, "8.0 days")])
def test_time_spans(seconds, text):
    assert days(seconds) == text


def test_the_filter_makes_rows_with_names():
    rows = gateway_checks(good_state(), "gate.example.com", expected=EXPECTED)
    assert rows[0] == dict(host="gate.example.com", check="clamd", result="ok", detail="answers in 2 ms")


def test_the_filter_tells_what_is_missing():
    with pytest.raises(AnsibleFilterError, match="gateway_checks: 'limits' is missing or of the wrong type"):
        gateway_checks(good_state(), "x", expected={key: value for key, value in EXPECTED.items() if key != "limits"})
