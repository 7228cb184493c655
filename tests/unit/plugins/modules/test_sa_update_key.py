# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""sa_update_key on a host without gpg. With gpg see tests/tools."""

from __future__ import annotations

import pytest

from ansible_collections.mailcordon.gateway.plugins.modules.sa_update_key import main


@pytest.fixture(autouse=True)
def no_gpg(monkeypatch):
    monkeypatch.setattr("ansible.module_utils.basic.get_bin_path", _raise)


def _raise(*arguments, **options):
    raise ValueError("not found")


def test_check_mode_on_a_bare_host(tmp_path, run_module):
    """Checklist 29."""
    arguments = dict(keyring=str(tmp_path / "keys" / "x"), key="x")
    assert run_module(main, _ansible_check_mode=True, **arguments)["changed"]
    assert run_module(main, **arguments)["msg"] == "there is no gpg: install the package gnupg first"


def test_absent(tmp_path, run_module):
    keyring = tmp_path / "x"
    keyring.mkdir()
    arguments = dict(keyring=str(keyring), state="absent")
    assert run_module(main, _ansible_check_mode=True, **arguments)["changed"] and keyring.exists()
    assert run_module(main, **arguments)["changed"] and not keyring.exists()
    assert run_module(main, **arguments)["changed"] is False
