# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module confd with the daemon's real check-config, and its documentation against the daemon's schema."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import tomllib

import pytest
import yaml
from ansible_collections.mailcordon.gateway.plugins.modules import confd
from jsonschema import Draft202012Validator

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMAND = pathlib.Path(sys.executable).with_name("mailcordon")


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    """Of the schema that the daemon prints."""
    command = [str(COMMAND), "check-config", "--schema"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True)
    return Draft202012Validator(json.loads(printed.stdout))


@pytest.fixture
def write(run, tmp_path):
    """A function that writes a fragment beside one with the name of the host."""
    directory = tmp_path / "conf.d"
    directory.mkdir()
    (directory / "05-node_id.toml").write_text('myhostname = "gate.example.test"\n')

    def write_fragment(**settings):
        command = f"{COMMAND} check-config"
        return run(
            confd, name="60-site", settings=settings, path=str(directory), group="root", validate_command=command
        )

    write_fragment.path = directory / "60-site.toml"
    return write_fragment


def test_the_schema_in_the_documentation_is_the_daemons(validator):
    """Issue 5: the file that editors are pointed to."""
    assert json.loads((ROOT / "docs/mailcordon.schema.json").read_text()) == validator.schema


def test_examples_fit_the_schema(validator):
    """Issue 5: what the module's documentation shows is known to the daemon."""
    examples = [task["mailcordon.gateway.confd"].get("settings", {}) for task in yaml.safe_load(confd.EXAMPLES)]
    assert any(examples)
    for settings in examples:
        assert [error.message for error in validator.iter_errors(settings)] == []
    assert [*validator.iter_errors({**examples[0], "no_such_setting": 1})] != []


def test_what_the_module_writes_fits_the_schema(write, validator):
    """Features 5.03: numbers, lists, tables and arrays of tables, as the module writes them."""
    result = write(
        log_level=2,
        spam_kill_level={"hash": {"boss@example.test": 12, ".": 7}},
        virus_lovers=[{"hash": {"lab@example.test": True}}, {"regexp": [["^research-", True]]}],
        policy_bank={"MYNETS": {"final_destiny_by_ccat": {"BADH,2": "reject"}}},
        av_scanners=[{"name": "clamd", "protocol": "clamd", "socket": "/run/clamav/clamd.ctl"}],
    )
    assert result["changed"]
    assert result["validated"]
    assert [*validator.iter_errors(tomllib.loads(write.path.read_text()))] == []


def test_all_problems_with_their_lines(write):
    """Features 5.03: file, line, key and reason come through, and nothing is written."""
    result = write(log_level=9, spam_kil_level=7)
    assert result["failed"]
    assert not write.path.exists()
    assert f"{write.path}:4: log_level: " in result["msg"]
    assert f"{write.path}:5: spam_kil_level: unknown setting; did you mean spam_kill_level?" in result["msg"]


def test_a_risky_setting_is_written(write):
    """The twin: a warning is no error."""
    assert write(final_virus_destiny="pass")["changed"]
