# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""confd as a module, with a small check command of its own in place of the daemon's."""

from __future__ import annotations

import sys
import tomllib

import pytest

from ansible_collections.mailcordon.gateway.plugins.modules.confd import main

# Answers as "mailcordon check-config --json" does: wrong is every fragment with a key "wrong".
CHECKER = """#!%s
import glob, json, sys, tomllib
directory = sys.argv[sys.argv.index("--config-dir") + 1]
assert sys.argv[1] == "check-config" and sys.argv[-1] == "--json"
errors = [path + ": wrong: is wrong" for path in sorted(glob.glob(directory + "/*.toml"))
          if "wrong" in tomllib.load(open(path, "rb"))]
print(json.dumps({"ok": not errors, "errors": errors}))
sys.exit(bool(errors))
"""


@pytest.fixture
def confd(tmp_path, run_module):
    """A function that runs the module on a directory of its own."""
    directory = tmp_path / "conf.d"
    directory.mkdir()
    checker = tmp_path / "checker"
    checker.write_text(CHECKER % sys.executable)
    checker.chmod(0o755)

    def run(name, **given):
        arguments = dict(
            name=name, path=str(directory), group="root", validate_command="%s check-config" % checker
        )
        return run_module(main, **dict(arguments, **given))

    run.directory = directory
    return run


def test_a_good_fragment_is_written_once(confd):
    settings = {"log_level": 2, "av_scanners": [{"name": "clamd"}]}
    result = confd("60-site", settings=settings)
    path = confd.directory / "60-site.toml"
    assert result["changed"] and result["validated"] and result["mode"] == "0640"
    assert tomllib.loads(path.read_text()) == settings
    assert confd("60-site", settings=settings)["changed"] is False


def test_a_bad_fragment_changes_nothing(confd):
    """Design: a bad configuration never takes effect."""
    confd("60-site", settings={"log_level": 2})
    before = (confd.directory / "60-site.toml").read_text()
    result = confd("60-site", settings={"wrong": 1})
    path = confd.directory / "60-site.toml"
    assert result["msg"] == "%s is not changed, the configuration would be wrong: %s: wrong: is wrong" % (confd.directory, path)
    assert path.read_text() == before


def test_the_other_fragments_are_checked_with_it(confd):
    (confd.directory / "50-user.toml").write_text("wrong = 1\n")
    assert "50-user.toml: wrong: is wrong" in confd("60-site", settings={"a": 1})["msg"]
    assert not (confd.directory / "60-site.toml").exists()


def test_check_mode_validates_and_writes_nothing(confd):
    assert confd("60-site", settings={"wrong": 1}, _ansible_check_mode=True)["failed"]
    result = confd("60-site", settings={"a": 1}, _ansible_check_mode=True)
    assert result["changed"] and result["validated"] and "a = 1" in result["diff"][0]["after"]
    assert list(confd.directory.iterdir()) == []


def test_check_mode_on_a_bare_host(confd):
    """Neither the directory nor the command nor the group is there."""
    result = confd(
        "60-site", settings={"a": 1}, path="/nonexistent/conf.d", group="no_such_group",
        validate_command="/nonexistent/mailcordon check-config", _ansible_check_mode=True,
    )
    assert result["changed"] and result["validated"] is False


def test_without_the_command_nothing_is_written(confd):
    result = confd("60-site", settings={"a": 1}, validate_command="/nonexistent/mailcordon check-config")
    assert result["msg"].startswith("validate_command /nonexistent/mailcordon does not exist: install the daemon first")
    assert confd("60-site", settings={"wrong": 1}, validate_command="")["changed"]


def test_a_fragment_is_removed_when_the_rest_is_good(confd):
    confd("60-site", settings={"a": 1})
    result = confd("60-site", state="absent", backup=True)
    assert result["changed"] and not (confd.directory / "60-site.toml").exists()
    assert "a = 1" in open(result["backup_file"]).read()
    assert confd("60-site", state="absent")["changed"] is False


def test_the_fragment_of_the_administrator(confd):
    """Features 5.05."""
    assert "belongs to the administrator" in confd("50-user", settings={"a": 1})["msg"]
    assert "belongs to the administrator" in confd("50-user", state="absent", only_if_absent=True)["msg"]
    assert confd("50-user", only_if_absent=True)["changed"]
    own = confd.directory / "50-user.toml"
    own.write_text("own = 1\n")
    assert confd("50-user", settings={"a": 1}, only_if_absent=True)["changed"] is False
    assert own.read_text() == "own = 1\n"


def test_settings_that_toml_cannot_hold(confd):
    assert confd("60-site", settings={"a": [None]})["msg"] == "a: a list cannot hold null"
