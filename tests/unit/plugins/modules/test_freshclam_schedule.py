# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""freshclam_schedule on files of its own and without systemd; with systemd and cron it runs in molecule/schedule."""

from __future__ import annotations

import pwd
import os

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils import _schedule as schedule
from ansible_collections.mailcordon.gateway.plugins.module_utils import _schedule_state as schedule_state
from ansible_collections.mailcordon.gateway.plugins.modules import freshclam_schedule

USER = pwd.getpwuid(os.getuid()).pw_name
STOCK = b"# caf\xe9\r\nSHELL=/bin/sh\n37 * * * * root run-parts /etc/cron.hourly"


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A host with cron, freshclam and no systemd, whose /etc is a directory of the test."""
    for folder in ("bin", "cron.d", "units"):
        (tmp_path / folder).mkdir()
    for program in ("freshclam", "cron"):
        (tmp_path / "bin" / program).write_text("")
        (tmp_path / "bin" / program).chmod(0o755)
    (tmp_path / "crontab").write_bytes(STOCK)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(freshclam_schedule, "CRON_DAEMONS", [str(tmp_path / "bin" / "cron")])
    monkeypatch.setattr(
        freshclam_schedule,
        "PLACES",
        schedule_state.Places(str(tmp_path / "crontab"), str(tmp_path / "cron.d"), str(tmp_path / "units"), (), ()),
    )
    return tmp_path


def run(run_module, mode, **arguments):
    return run_module(freshclam_schedule.main, mode=mode, user=USER, **arguments)


def test_the_crontab_line_and_back(host, run_module):
    """Features 2.04, 2.05: one line, and the file is what it was when the line is gone."""
    result = run(run_module, "crontab", minute="39", backup=True)
    added = b"\n39 * * * * %s %s/bin/freshclam --quiet %s\n" % (USER.encode(), str(host).encode(), schedule.MARK_LINE_END.encode())
    assert result["changed"] and (host / "crontab").read_bytes() == STOCK + added
    assert result["minute"] == 39 and result["before"] == []
    assert "%s had no line end at its end, so that cron ignored it; it has one now" % (host / "crontab") in str(result["warnings"])
    assert len(list(host.glob("crontab.*~"))) == 1
    assert run(run_module, "crontab", minute="39")["changed"] is False
    result = run(run_module, "none")
    assert result["changed"] and (host / "crontab").read_bytes() == STOCK
    assert [job["mode"] for job in result["before"]] == ["crontab"]
    assert run(run_module, "none")["changed"] is False


def test_from_crontab_to_cron_d_and_to_none(host, run_module):
    """Features 2.05: exactly one at a time."""
    run(run_module, "crontab")
    result = run(run_module, "cron", minute="7", hours=[13, 1])
    assert result["changed"] and (host / "crontab").read_bytes() == STOCK
    file = host / "cron.d" / "mailcordon-freshclam"
    assert file.read_text().endswith("\n7 1,13 * * * %s %s/bin/freshclam --quiet\n" % (USER, host))
    assert file.stat().st_mode & 0o777 == 0o644
    assert "cron: %s" % file in result["diff"][-1]["after"] and "crontab: " in result["diff"][-1]["before"]
    assert run(run_module, "cron", minute="7", hours=[1, 13])["changed"] is False
    assert run(run_module, "none")["changed"] and not file.exists()


def test_check_mode_writes_nothing(host, run_module):
    result = run(run_module, "crontab", _ansible_check_mode=True)
    assert result["changed"] and result["diff"][0]["after"].endswith(schedule.MARK_LINE_END + "\n")
    assert (host / "crontab").read_bytes() == STOCK


@pytest.mark.parametrize("mode", ["service", "cron", "timer", "none"])
def test_check_mode_on_a_bare_host(host, run_module, monkeypatch, mode):
    """Nothing is installed yet, not even a user clamav."""
    (host / "bin" / "freshclam").unlink()
    (host / "crontab").unlink()
    result = run_module(freshclam_schedule.main, mode=mode, user="nobody-has-this-name", _ansible_check_mode=True)
    assert result["changed"] is (mode != "none") and sorted(path.name for path in host.iterdir()) == ["bin", "cron.d", "units"]
    assert list((host / "cron.d").iterdir()) == []


def test_no_cron_is_told_in_one_line_also_in_check_mode(host, run_module):
    (host / "bin" / "cron").unlink()
    for mode, check in (("cron", False), ("crontab", False), ("cron", True)):
        result = run(run_module, mode, _ansible_check_mode=check)
        assert result["msg"] == (
            "freshclam's schedule is not changed: mode %s needs a cron daemon and there is none: install cron, or use mode timer" % mode
        )
    assert (host / "crontab").read_bytes() == STOCK


def test_all_that_is_wrong_is_told_at_once(host, run_module):
    result = run_module(freshclam_schedule.main, mode="cron", minute="60", hours=[24], random_delay=-1, user="a b")
    assert result["msg"] == (
        "freshclam's schedule is not changed: minute: must be host or a number from 0 to 59, not '60'; "
        "hours: must be numbers from 0 to 23, not 24; random_delay: must be 0 or more seconds, not -1; user: 'a b' is no name of a user"
    )


def test_what_the_host_lacks_is_told(host, run_module):
    (host / "crontab").unlink()
    assert "there is no %s: use mode cron" % (host / "crontab") in run(run_module, "crontab")["msg"]
    assert "mode timer needs systemd: use mode cron" in run(run_module, "timer")["msg"]
    result = run_module(freshclam_schedule.main, mode="cron", user="nobody-has-this-name")
    assert "there is no user nobody-has-this-name: name another one in user" in result["msg"]
    (host / "bin" / "freshclam").unlink()
    assert "freshclam is not installed" in run(run_module, "cron")["msg"]
    assert list((host / "cron.d").iterdir()) == []


def test_the_administrators_own_line_is_reported_and_stays(host, run_module):
    """Features 2.05: never removed."""
    theirs = host / "cron.d" / "site"
    theirs.write_text("5 * * * * root /usr/bin/freshclam\n")
    for mode in ("cron", "none"):
        result = run(run_module, mode)
        assert result["foreign"] == [{"mode": "other", "where": str(theirs), "job": "5 * * * * root /usr/bin/freshclam"}]
        warning = "%s also starts freshclam and is left as it is: 5 * * * * root /usr/bin/freshclam" % theirs
        assert warning in str(result["warnings"])
        assert theirs.read_text() == "5 * * * * root /usr/bin/freshclam\n"


def test_the_debian_packages_own_cron_file_is_put_aside(host, run_module):
    """Features 2.05: cron reads no names with a dot."""
    debian = host / "cron.d" / "clamav-freshclam"
    debian.write_text("5 */2 * * * clamav [ -x /usr/bin/freshclam ] && /usr/bin/freshclam --quiet >/dev/null\n")
    result = run(run_module, "crontab")
    assert [job["mode"] for job in result["before"]] == ["other"] and not debian.exists()
    assert (host / "cron.d" / "clamav-freshclam.dpkg-old").exists()
    assert run(run_module, "crontab")["changed"] is False
