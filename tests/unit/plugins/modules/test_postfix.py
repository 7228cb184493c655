# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""postfix_main and postfix_master before Postfix is installed; with Postfix see tests/tools."""

from __future__ import annotations

import pytest

from ansible_collections.mailcordon.gateway.plugins.modules import postfix_main, postfix_master

SERVICE = {"service": "amavisfeed", "type": "unix", "command": "lmtp"}


def test_main_cf_in_check_mode_on_a_bare_host(run_module):
    result = run_module(
        postfix_main.main, config_dir="/nonexistent", parameters={"content_filter": "x", "a": None}, _ansible_check_mode=True
    )
    assert result["changed"] and result["parameters_changed"] == ["content_filter"]
    assert result["diff"][0]["after"] == "content_filter = x\n"


def test_master_cf_in_check_mode_on_a_bare_host(run_module):
    result = run_module(postfix_master.main, config_dir="/nonexistent", services=[SERVICE], _ansible_check_mode=True)
    assert result["changed"] and result["services_changed"] == ["amavisfeed/unix"]
    gone = [dict(SERVICE, state="absent")]
    assert run_module(postfix_master.main, config_dir="/nonexistent", services=gone, _ansible_check_mode=True)["changed"] is False


@pytest.mark.parametrize(
    ("module", "arguments"),
    [(postfix_main, {"parameters": {"a": "1"}}), (postfix_master, {"services": [SERVICE]})],
)
def test_outside_of_check_mode_postfix_must_be_there(run_module, module, arguments):
    result = run_module(module.main, config_dir="/nonexistent", **arguments)
    assert result["msg"].startswith("/nonexistent/m") and result["msg"].endswith("does not exist: install Postfix first")


def test_bad_input_is_one_line(run_module):
    result = run_module(postfix_main.main, parameters={"a b": 1, "c": {}})
    assert result["msg"] == "'a b' is no name of a parameter; c: takes a value or a list, not a dictionary"
    result = run_module(postfix_master.main, services=[SERVICE, SERVICE])
    assert result["msg"] == "amavisfeed/unix: given twice"
