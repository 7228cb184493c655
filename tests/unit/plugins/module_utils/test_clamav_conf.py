# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""clamd.conf and freshclam.conf (features chapters 2c and 2d, 18.05)."""

from __future__ import annotations

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils import _clamav_conf as clamav_conf
from ansible_collections.mailcordon.gateway.plugins.module_utils._clamav_options import CLAMD, FRESHCLAM, REMOVED

MIRROR = {"DatabaseMirror": "database.clamav.net"}


def rendered(kind, options):
    values, problems = clamav_conf.check_options(kind, options)
    assert problems == []
    return clamav_conf.render(kind, values).splitlines()[2:]


def problems(kind, options):
    return clamav_conf.check_options(kind, options)[1]


@pytest.mark.parametrize("value", [True, "yes", "True", 1, "on"])
def test_booleans_become_yes(value):
    assert rendered("clamd", {"FixStaleSocket": value}) == ["FixStaleSocket yes"]


@pytest.mark.parametrize("value", [False, "no", "False", 0, "off"])
def test_booleans_become_no(value):
    assert rendered("clamd", {"FixStaleSocket": value}) == ["FixStaleSocket no"]


def test_a_repeatable_option_takes_a_list():
    assert rendered("clamd", {"ExcludePath": ["^/proc/", "^/sys/"]}) == ["ExcludePath ^/proc/", "ExcludePath ^/sys/"]


def test_an_option_that_is_not_repeatable_takes_one_value():
    assert problems("clamd", {"MaxThreads": [1, 2]}) == ["MaxThreads: takes one value, not a list"]
    assert rendered("clamd", {"MaxThreads": [4]}) == ["MaxThreads 4"]


def test_the_order_is_that_of_the_table_not_of_the_task():
    one = rendered("clamd", {"MaxFileSize": "64M", "LocalSocket": "/run/clamd"})
    assert one == rendered("clamd", {"LocalSocket": "/run/clamd", "MaxFileSize": "64M"})


def test_null_leaves_an_option_out():
    assert rendered("clamd", {"LogFile": None, "LogSyslog": True}) == ["LogSyslog yes"]


@pytest.mark.parametrize(("value", "text"), [("25M", "25M"), ("10k", "10K"), (1048576, "1048576"), ("2G", "2048M"), (0, "0")])
def test_sizes(value, text):
    """Features 2.34: units K and M; G is written in a way that every release reads."""
    assert rendered("clamd", {"LogFileMaxSize": value}) == ["LogFileMaxSize " + text]


@pytest.mark.parametrize("value", ["25MB", "-1", "", "M", 1.5, True, "1 M", {"a": 1}])
def test_wrong_sizes_are_refused(value):
    assert problems("clamd", {"MaxFileSize": value})[0].startswith("MaxFileSize: must be a size")


@pytest.mark.parametrize("value", ["abc", -1, 1.5, "", True, "10s"])
def test_wrong_numbers_are_refused(value):
    assert problems("clamd", {"ReadTimeout": value})[0].startswith("ReadTimeout: must be a whole number")


@pytest.mark.parametrize("value", ["", " x", "a\nExample", '"x', True])
def test_text_cannot_break_out_of_its_line(value):
    assert problems("clamd", {"LocalSocket": value})[0].startswith("LocalSocket: must be one line of text")


def test_text_may_hold_blanks_and_percent_signs():
    """Features 2.25: %v is passed through verbatim."""
    lines = rendered("freshclam", dict(MIRROR, OnOutdatedExecute="/usr/bin/logger new %v"))
    assert "OnOutdatedExecute /usr/bin/logger new %v" in lines


def test_limited_words():
    assert problems("clamd", {"BytecodeSecurity": "Maybe"}) == [
        "BytecodeSecurity: must be one of TrustSigned, Paranoid, not 'Maybe'"
    ]
    assert rendered("clamd", {"BytecodeSecurity": "Paranoid"}) == ["BytecodeSecurity Paranoid"]


def test_an_unknown_option_names_its_nearest_match():
    assert problems("clamd", {"MaxFilesize": "1M"})[0].endswith("did you mean MaxFileSize?")
    assert problems("clamd", {"Quux": 1})[0].endswith("in clamd.conf of ClamAV 1.0 to 1.4")


def test_an_option_of_the_other_file_is_refused_with_a_hint():
    assert problems("clamd", MIRROR) == ["DatabaseMirror: belongs into freshclam.conf"]


@pytest.mark.parametrize("name", sorted(REMOVED))
def test_names_of_older_releases_say_what_to_write_today(name):
    """Features 18.05."""
    assert problems("clamd", {name: True}) == ["%s: %s" % (name, REMOVED[name])]
    words = REMOVED[name].split()
    assert words[0] != "use" or words[1] in CLAMD


def test_every_problem_is_reported_at_once():
    assert len(problems("clamd", {"Nope": 1, "MaxThreads": "x", "BlockMax": True})) == 3


def test_a_tcp_socket_needs_an_address():
    """Features 2.46: no wildcard bind."""
    assert problems("clamd", {"TCPSocket": 3310})[0].startswith("TCPSocket: needs TCPAddr")
    assert problems("clamd", {"TCPSocket": 3310, "TCPAddr": "127.0.0.1"}) == []


def test_freshclam_needs_a_mirror():
    """Features 2.17: absence is an error; custom URLs alone are not enough for freshclam."""
    assert problems("freshclam", {"DatabaseCustomURL": ["file:///a.hdb"]})[0].startswith("DatabaseMirror: freshclam needs")
    assert problems("freshclam", {"PrivateMirror": ["mirror.example.com"]}) == []


def test_there_is_never_an_active_example_line():
    """Features 2.06 and 2.31."""
    assert "Example" in REMOVED and "Example" not in CLAMD and "Example" not in FRESHCLAM
    assert not any(line.startswith("Example") for line in rendered("clamd", {}))


def test_the_password_is_masked_and_never_repeated():
    """Features 2.21."""
    values, wrong = clamav_conf.check_options("freshclam", dict(MIRROR, HTTPProxyPassword="top secret"))
    text = clamav_conf.render("freshclam", values)
    assert wrong == [] and "HTTPProxyPassword top secret" in text
    assert "secret" not in clamav_conf.mask_password(text)
    assert "database.clamav.net" in clamav_conf.mask_password(text)
    assert "top secret" not in problems("freshclam", dict(MIRROR, HTTPProxyPassword=" top secret"))[0]


def test_complaints_of_clamconf_are_found():
    output = "ERROR: Parse error at x/clamd.conf:2: Unknown option FooBar\n*** BlockMax is DEPRECATED ***\nVersion: 1.4\n"
    assert clamav_conf.complaints(output) == [
        "Parse error at x/clamd.conf:2: Unknown option FooBar",
        "BlockMax is DEPRECATED",
    ]
    assert clamav_conf.complaints("freshclam.conf not found\nLogTime = \"yes\"\n") == []
