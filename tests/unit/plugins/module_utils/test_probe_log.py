# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The log file, across rotation and half-written lines."""

from __future__ import annotations

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError
from ansible_collections.mailcordon.gateway.plugins.module_utils._probe_log import FileLog


def test_only_what_comes_after_the_beginning_is_read(tmp_path):
    path = tmp_path / "log"
    path.write_text("old\n")
    log = FileLog(str(path))
    assert log.lines() == []
    with open(path, "a") as handle:
        handle.write("one\ntw")
        handle.flush()
        assert log.lines() == ["one"]
        handle.write("o\n")
    assert log.lines() == ["one", "two"]


def test_a_rotated_log_is_followed(tmp_path):
    path = tmp_path / "log"
    path.write_text("old\n")
    log = FileLog(str(path))
    with open(path, "a") as handle:
        handle.write("one\n")
    assert log.lines() == ["one"]
    path.rename(tmp_path / "log.1")
    assert log.lines() == ["one"]
    path.write_text("two\n")
    assert log.lines() == ["one", "two"]


def test_a_log_that_cannot_be_read_is_said_so(tmp_path):
    with pytest.raises(GatewayError, match="cannot read log_file"):
        FileLog(str(tmp_path / "none"))
