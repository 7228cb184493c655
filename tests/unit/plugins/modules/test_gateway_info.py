# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""gateway_info as a module, on whatever machine the tests run: it answers, changes nothing and breaks nowhere."""

from __future__ import annotations

import os
import socket

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils import _gateway_parts as parts
from ansible_collections.mailcordon.gateway.plugins.module_utils._inspector import Inspector
from ansible_collections.mailcordon.gateway.plugins.modules.gateway_info import GATHER, main


@pytest.fixture
def bare_host(tmp_path, monkeypatch):
    """No program of a gateway and none of its files is there."""
    monkeypatch.setattr(Inspector, "program", lambda self, name: None)
    for name in ("CLAMD_CONF", "FRESHCLAM_CONF"):
        monkeypatch.setattr(parts, name, (str(tmp_path / "none.conf"),))
    monkeypatch.setattr(parts, "FILTER", str(tmp_path / "none"))
    monkeypatch.setattr(parts, "SPAMASSASSIN_RULES", str(tmp_path / "none" / "*"))


def test_a_host_with_nothing_installed(bare_host, tmp_path, run_module):
    """Every part is null or empty, and nothing is a problem."""
    none = str(tmp_path / "none")
    for check in (False, True):
        result = run_module(main, database_directory=none, filter_home=none, spamd_socket=none, _ansible_check_mode=check)
        found = result["gateway"]
        assert result["changed"] is False and found["problems"] == []
        assert set(found) == set(GATHER) | {"problems"}
        assert found["versions"].pop("collection")
        assert set(found["versions"].values()) == {None}
        for name in ("signatures", "services", "postfix", "queue"):
            assert found[name] is None, name
        assert found["answers"] == dict.fromkeys(["clamd", "spamd", "filter", "reinjection"])
        assert found["configuration"] == dict.fromkeys(["clamav", "spamassassin", "filter", "postfix"])
        assert found["disks"] == []


def test_only_what_is_asked_for(bare_host, run_module):
    found = run_module(main, gather=["sockets"])["gateway"]
    assert isinstance(found.pop("sockets"), list) and found.pop("problems") == [] and set(found.values()) == {None}


def test_what_breaks_is_told_and_the_rest_is_there(bare_host, monkeypatch, run_module):
    def broken(dummy):
        raise RuntimeError("no luck")

    monkeypatch.setattr(parts, "read_services", broken)
    found = run_module(main, gather=["services", "answers", "disks"])["gateway"]
    assert found["problems"] == [{"part": "services", "problem": "RuntimeError: no luck"}]
    assert found["services"] is None and isinstance(found["disks"], list)


def test_a_time_limit_must_be_one(run_module):
    assert run_module(main, timeout=0)["msg"] == "timeout: must be 1 second or more, not 0"


def test_options_of_clamavs_files(tmp_path):
    path = tmp_path / "clamd.conf"
    path.write_text('# LocalSocket /no\nLocalSocketMode 666\nLocalSocket "/run/x.ctl"\nDatabaseDirectory  /srv/db \n')
    paths = (str(tmp_path / "none"), str(path))
    assert parts.read_option(paths, "LocalSocket", "/d") == "/run/x.ctl"
    assert parts.read_option(paths, "DatabaseDirectory", "/d") == "/srv/db"
    assert parts.read_option(paths, "LogFile", "/d") == parts.read_option(paths[:1], "LocalSocket", "/d") == "/d"


def test_states_of_services():
    output = (
        "Id=clamav-daemon.service\nLoadState=loaded\nActiveState=failed\nSubState=failed\nUnitFileState=enabled\nResult=exit-code\n\n"
        "Id=clamd@scan.service\nLoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\nResult=success\n\n"
        "Id=mailcordon.socket\nLoadState=loaded\nActiveState=active\nSubState=listening\nUnitFileState=enabled\nResult=success\n"
    )
    assert parts.parse_services(output) == {
        "clamav-daemon.service": dict(active_state="failed", sub_state="failed", unit_file_state="enabled", result="exit-code"),
        "mailcordon.socket": dict(active_state="active", sub_state="listening", unit_file_state="enabled", result="success"),
    }


def services(state):
    return {"mailcordon.service": dict(active_state=state)}


def test_a_server_that_answers_and_one_that_says_something_else(smtp_server):
    inspector = Inspector(timeout=5)

    def ask():
        return parts.read_answers(inspector, services("active"), "/none", "/none", smtp_server.port, smtp_server.port)["filter"]

    assert (ask()["answers"], ask()["detail"]) == (True, "220 test ESMTP")
    smtp_server.replies["greeting"] = "421 too busy"
    assert (ask()["answers"], ask()["detail"]) == (False, "421 too busy")


def test_a_server_that_stands_still_is_not_asked():
    """Its socket unit would start it: this module changes nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        listener.settimeout(0.2)
        port = listener.getsockname()[1]
        found = parts.read_answers(Inspector(timeout=1), services("inactive"), "/none", "/none", port, port)
        assert found["filter"] == dict(answers=False, detail="the service is inactive", seconds=None)
        if found["reinjection"] is None:
            with pytest.raises(OSError):
                listener.accept()


def test_the_version_of_the_rules(tmp_path, monkeypatch):
    for number, version in enumerate(["1900000", "1924000"]):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "updates_spamassassin_org.cf").write_text("# UPDATE version %s\ninclude x\n" % version)
    os.utime(str(tmp_path / "0" / "updates_spamassassin_org.cf"), (1, 1))
    monkeypatch.setattr(parts, "SPAMASSASSIN_RULES", str(tmp_path / "*" / "updates_spamassassin_org.cf"))
    assert parts._rules_version() == "1924000"
