# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""clamd.conf and freshclam.conf (features chapters 2c and 2d, 18.05)."""

from __future__ import annotations

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils import _clamav_conf as clamav_conf
from ansible_collections.mailcordon.gateway.plugins.module_utils._clamav_options import (
    CLAMD,
    FRESHCLAM,
    REMOVED,
    RENAMED,
    TABLES,
)

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
@pytest.mark.parametrize(
    ("name", "unit"), [("MaxFiles", ""), ("ReadTimeout", " of seconds"), ("MaxScanTime", " of milliseconds")]
)
def test_wrong_numbers_are_refused(name, unit, value):
    wanted = "%s: must be a whole number%s, 0 or more, not %r" % (name, unit, value)
    assert problems("clamd", {name: value}) == [wanted]


def test_zero_is_a_number():
    assert rendered("clamd", {"ReadTimeout": 0, "MaxScanTime": "0"}) == ["ReadTimeout 0", "MaxScanTime 0"]


@pytest.mark.parametrize("value", ["", " x", "a\nExample", '"x', True])
def test_text_cannot_break_out_of_its_line(value):
    assert problems("clamd", {"User": value})[0].startswith("User: must be one line of text")


@pytest.mark.parametrize("value", ["", "clamd.ctl", "/a\nExample", '"/x', True])
def test_paths_are_full_paths(value):
    """clamd stops at LogFile with "requires full path"; clamconf does not notice."""
    assert problems("clamd", {"LocalSocket": value})[0].startswith("LocalSocket: must be a full path, not ")


@pytest.mark.parametrize("value", [0, 65536, "http", True])
def test_wrong_ports_are_refused(value):
    """65535 and 1 pass, see below."""
    options = dict(MIRROR, HTTPProxyServer="proxy.example.com", HTTPProxyPort=value)
    assert problems("freshclam", options) == ["HTTPProxyPort: must be a port from 1 to 65535, not %r" % (value,)]


@pytest.mark.parametrize("value", [1, "65535"])
def test_ports(value):
    assert "HTTPProxyPort %s" % value in rendered("freshclam", dict(MIRROR, HTTPProxyPort=value))


@pytest.mark.parametrize(("value", "good"), [("660", True), ("0660", True), (432, False), (660, False), ("668", False)])
def test_a_mode_is_text(value, good):
    """YAML reads 0660 without quotes as 432, which would be a mode too."""
    found = problems("clamd", {"LocalSocketMode": value})
    assert found == ([] if good else ["LocalSocketMode: must be a mode as text, such as '660', not %r" % (value,)])


def test_facilities_of_syslog():
    """Covers features 2.12, 2.37: clamd and freshclam stop at any other word."""
    for kind, more in (("clamd", {}), ("freshclam", MIRROR)):
        assert "LogFacility LOG_MAIL" in rendered(kind, dict(more, LogFacility="LOG_MAIL"))
        found = problems(kind, dict(more, LogFacility="mail"))
        assert len(found) == 1 and found[0].startswith("LogFacility: must be one of LOG_AUTH, ")


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
def test_removed_names_say_why_and_what_to_use(name):
    """Covers features 2.15, 2.49, 2.61, 2.66, 2.69, 2.74, 18.05."""
    for kind in TABLES:
        assert problems(kind, {name: True})[0] == "%s: %s" % (name, REMOVED[name])
        assert name not in TABLES[kind] and name not in RENAMED[kind]


@pytest.mark.parametrize("old", sorted(RENAMED["clamd"]))
def test_names_of_older_releases_become_todays(old):
    """Covers features 18.05; the value stays what it was."""
    new = RENAMED["clamd"][old]
    value = {"bool": True, "path": "/some/where", "number": 7, "seconds": 7, "size": "15M"}[CLAMD[new].kind]
    options, translated, wrong = clamav_conf.translate("clamd", {old: value, "LogTime": True})
    assert (options, translated, wrong) == ({new: value, "LogTime": True}, {old: new}, [])
    assert old not in CLAMD and problems("clamd", options) == []


def test_todays_names_are_not_touched():
    """The twin: nothing to translate."""
    options = {"MaxFileSize": "15M", "AlertExceedsMax": True}
    assert clamav_conf.translate("clamd", options) == (options, {}, [])
    assert clamav_conf.translate("freshclam", MIRROR) == (MIRROR, {}, [])


def test_an_older_name_may_be_null_as_well():
    assert clamav_conf.translate("clamd", {"BlockMax": None}) == ({"AlertExceedsMax": None}, {"BlockMax": "AlertExceedsMax"}, [])


@pytest.mark.parametrize("pair", [("15M", "16M"), ("15M", None), ("15M", "nonsense")])
def test_two_names_with_different_values_are_refused(pair):
    dummy_options, dummy_translated, wrong = clamav_conf.translate("clamd", {"ArchiveMaxFileSize": pair[0], "MaxFileSize": pair[1]})
    assert wrong == [
        "ArchiveMaxFileSize and MaxFileSize: two names of one option with different values, %r and %r; keep MaxFileSize" % pair
    ]


def test_two_older_names_with_different_values_are_refused():
    dummy_options, dummy_translated, wrong = clamav_conf.translate("clamd", {"ArchiveMaxRecursion": 9, "MailMaxRecursion": 64})
    assert wrong == [
        "MailMaxRecursion and ArchiveMaxRecursion: two names of one option with different values, 64 and 9; keep MaxRecursion"
    ]


@pytest.mark.parametrize("pair", [("15M", "15m"), (True, "yes")])
def test_two_names_with_the_same_value_are_one(pair):
    old, new = ("ArchiveMaxFileSize", "MaxFileSize") if pair[0] == "15M" else ("ArchiveBlockMax", "AlertExceedsMax")
    options, translated, wrong = clamav_conf.translate("clamd", {old: pair[0], new: pair[1]})
    assert (options, translated, wrong) == ({new: pair[1]}, {old: new}, [])


def test_every_problem_is_reported_at_once():
    assert len(problems("clamd", {"Nope": 1, "MaxThreads": "x", "ScanRAR": True})) == 3


def test_a_tcp_socket_needs_an_address():
    """Covers features 2.45, 2.46, 18.04: no wildcard bind."""
    assert problems("clamd", {"TCPSocket": 3310})[0].startswith("TCPSocket: needs TCPAddr")
    assert problems("clamd", {"TCPSocket": 3310, "TCPAddr": "127.0.0.1"}) == []


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "any", "*"])
def test_every_address_is_no_address(address):
    """Covers features 2.46: the wildcard by its own name."""
    found = problems("clamd", {"TCPSocket": 3310, "TCPAddr": ["127.0.0.1", address]})
    assert found == [
        "TCPAddr: %s means every address, and clamd asks for no password; use one such as 127.0.0.1" % address
    ]


@pytest.mark.parametrize(
    "command",
    ['/usr/local/bin/send_sms 123456789 "VIRUS ALERT: %v"', "/opt/%v", "/opt/alert $CLAM_VIRUSEVENT_VIRUSNAME", "alert", "/a;b"],
)
def test_virus_event_is_no_line_for_a_shell(command):
    """Covers features 2.56, 18.06."""
    found = problems("clamd", {"VirusEvent": command})
    assert len(found) == 1 and "without %v" in found[0] and "CLAM_VIRUSEVENT_VIRUSNAME" in found[0]


def test_virus_event_is_the_path_of_a_program():
    """Covers features 2.56."""
    assert rendered("clamd", {"VirusEvent": "/usr/local/bin/send_sms"}) == ["VirusEvent /usr/local/bin/send_sms"]


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


@pytest.mark.parametrize(("verbose", "password", "good"), [(True, "geheim", False), (False, "geheim", True), (True, None, True)])
def test_a_verbose_freshclam_would_show_the_password(verbose, password, good):
    """Covers features 2.10, 2.21."""
    found = problems("freshclam", dict(MIRROR, LogVerbose=verbose, HTTPProxyPassword=password))
    assert found == ([] if good else ["LogVerbose: freshclam would show the password of the proxy; leave it out"])


def test_complaints_of_clamconf_are_found():
    output = "ERROR: Parse error at x/clamd.conf:2: Unknown option FooBar\n*** BlockMax is DEPRECATED ***\nVersion: 1.4\n"
    assert clamav_conf.complaints(output) == [
        "Parse error at x/clamd.conf:2: Unknown option FooBar",
        "BlockMax is DEPRECATED",
    ]
    assert clamav_conf.complaints("WARNING: Ignoring deprecated option X\n") == ["Ignoring deprecated option X"]
    harmless = "WARNING: freshclam.conf and clamd.conf point to different database directories\n"
    assert clamav_conf.complaints("freshclam.conf not found\nLogTime = \"yes\"\n" + harmless) == []
