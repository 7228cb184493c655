# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Postfix's queue and the filter in force, from what postqueue and postconf print (features 4.01, 4.02)."""

from __future__ import annotations

import json

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils import _gateway_postfix as gateway_postfix


def mail(queue, age, reason=None):
    recipient = {"address": "probe@example.test"}
    if reason:
        recipient["delay_reason"] = reason
    return json.dumps({"queue_name": queue, "queue_id": "4ABC", "arrival_time": 10000 - age, "sender": "a@b", "recipients": [recipient]})


def test_the_queue_is_counted():
    lines = [
        mail("active", 5),
        mail("active", 60),
        mail("deferred", 7200, "connect to mx.example.com[192.0.2.1]:25: Connection timed out"),
        mail("deferred", 600, "connect to 127.0.0.1[127.0.0.1]:10024: Connection refused"),
        mail("hold", 1),
    ]
    assert gateway_postfix.count_queue(lines, 10000) == dict(
        active=2, incoming=0, deferred=2, hold=1, maildrop=0, total=5, waiting_for_filter=1,
        oldest_seconds=dict(active=60, incoming=None, deferred=7200, hold=1, maildrop=None),
    )


def test_an_empty_queue():
    found = gateway_postfix.count_queue([], 10000)
    assert found["total"] == found["waiting_for_filter"] == 0 and set(found["oldest_seconds"].values()) == {None}


def test_services_with_a_proxy_filter():
    text = (
        "smtp/inet/smtpd_proxy_filter = 127.0.0.1:10024\nsmtp/inet/smtpd_proxy_options = speed_adjust\n"
        "127.0.0.1:10025/inet/smtpd_proxy_filter =\n127.0.0.1:10025/inet/content_filter = \n"
    )
    assert gateway_postfix.parse_proxies(text) == {"smtp/inet": "127.0.0.1:10024"}


@pytest.mark.parametrize(
    ("content_filter", "proxies", "mode"),
    [
        ("amavisfeed:[127.0.0.1]:10024", {}, "after_queue"),
        ("", {}, "none"),
        ("", {"smtp/inet": "127.0.0.1:10024"}, "before_queue"),
        ("amavisfeed:[127.0.0.1]:10024", {"smtp/inet": "127.0.0.1:10024"}, "before_queue"),
    ],
)
def test_the_mode_in_force(content_filter, proxies, mode):
    assert gateway_postfix.mode_in_force(content_filter, proxies) == mode
