# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""spamassassin_conf against the installed SpamAssassin, on a copy of its configuration directory. Needs root."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mailcordon.gateway.plugins.modules import spamassassin_conf

RULE = {"name": "SITE_OFFER", "type": "body", "test": "/special #1 offer/i", "score": 7.25, "describe": "Offers"}


@pytest.fixture
def site(tmp_path):
    """A copy of the configuration that Debian's package made."""
    copy = tmp_path / "spamassassin"
    shutil.copytree("/etc/spamassassin", copy)
    return copy


@pytest.fixture
def run(capsys, site):
    def run_module(*files, **arguments):
        files = [dict(file, path=str(site / file["path"])) for file in files]
        arguments = dict(arguments, files=files, site_directory=str(site))
        with patch_module_args(arguments), pytest.raises(SystemExit):
            spamassassin_conf.main()
        return json.loads(capsys.readouterr().out)

    return run_module


def hits_of(site, tmp_path, body):
    mail = f"From: a@example.com\nTo: b@example.com\nSubject: x\nMessage-ID: <1@example.com>\n\n{body}\n"
    command = ["spamassassin", "--local", "--nocreate-prefs", "--test-mode", f"--siteconfigpath={site}"]
    done = subprocess.run(
        command, input=mail, capture_output=True, text=True, check=True, cwd=tmp_path, env={"HOME": str(tmp_path)}
    )
    return done.stdout


def test_a_rule_of_the_site_takes_effect(run, site, tmp_path):
    """Features 8.05 (scores of the site); the # in the rule is part of it."""
    result = run({"path": "90_site.cf", "options": {"required_score": 7}, "rules": [RULE]})
    assert result["changed"]
    assert result["verified"] is True, result
    assert "SITE_OFFER" in hits_of(site, tmp_path, "A special #1 offer")
    assert "SITE_OFFER" not in hits_of(site, tmp_path, "A special #2 offer")
    again = run({"path": "90_site.cf", "options": {"required_score": 7}, "rules": [RULE]})
    assert (again["changed"], again["verified"]) == (False, False)


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ({"path": "90_site.cf", "options": {"required_scor": 5}}, "failed to parse line"),
        ({"path": "90_site.cf", "rules": [dict(RULE, test="/(/")]}, "invalid regexp for SITE_OFFER"),
        ({"path": "90_site.pre", "plugins": {"Mail::SpamAssassin::Plugin::Nope": True}}, "failed to parse plugin"),
        ({"path": "users/alice/user_prefs", "options": {"required_scor": 5}}, "failed to parse line"),
    ],
)
def test_what_spamassassin_refuses_changes_nothing(run, site, file, reason):
    (site / "users" / "alice").mkdir(parents=True)
    path = site / file["path"]
    good = {"path": "95_good.cf", "options": {"required_score": 7}}
    result = run(file, good)
    assert result["failed"]
    assert "SpamAssassin refuses it: " in result["msg"]
    assert reason in result["msg"]
    assert "\n" not in result["msg"]
    assert "mailcordon-lint" not in result["msg"]
    assert not path.exists()
    assert not (site / "95_good.cf").exists()


def test_check_mode_refuses_as_well_and_writes_nothing(run, site):
    assert "refuses it" in run({"path": "90_site.cf", "options": {"nope": 5}}, _ansible_check_mode=True)["msg"]
    result = run({"path": "90_site.cf", "options": {"required_score": 5}}, _ansible_check_mode=True)
    assert (result["changed"], result["verified"]) == (True, True)
    assert not (site / "90_site.cf").exists()


def test_a_plugin_and_its_options_go_and_come_together(run, site):
    """Neither file would pass alone, whichever were written first."""
    plugin = {"path": "90_site.pre", "plugins": {"Mail::SpamAssassin::Plugin::Shortcircuit": True}}
    options = {"path": "90_site.cf", "options": {"shortcircuit_spam_score": 50}}
    assert "failed to parse line" in run(options)["msg"]
    assert run(plugin, options)["verified"] is True
    assert "failed to parse line" in run(dict(plugin, plugins={}))["msg"]
    assert run({"path": "90_site.pre", "state": "absent"}, dict(options, options={}))["changed"]
    assert not (site / "90_site.pre").exists()


def test_a_shipped_plugin_is_switched_off_without_touching_its_file(run, site, tmp_path):
    """Features 8.03: what depends on the plugin goes with it."""
    switch = pathlib.Path(__file__).resolve().parents[2] / "roles/spamassassin/files/PluginSwitch.pm"
    rules = {"path": "90_site.cf", "blocks": [{"if_plugin": "Mail::SpamAssassin::Plugin::DKIM", "rules": [RULE]}]}
    loads = "loadplugin Mailcordon::PluginSwitch mailcordon_switch.pm"
    run(rules)
    assert "SITE_OFFER" in hits_of(site, tmp_path, "A special #1 offer")
    result = run(
        {"path": "mailcordon_switch.pm", "content": switch.read_text()},
        {"path": "00_site.pre", "lines": [loads, "plugin_off Mail::SpamAssassin::Plugin::DKIM"]},
        rules,
    )
    assert (result["changed"], result["verified"]) == (True, True), result
    assert "SITE_OFFER" not in hits_of(site, tmp_path, "A special #1 offer")
    message = run({"path": "00_site.pre", "lines": [loads, "plugin_off not a name"]})["msg"]
    assert "plugin_off not a name" in message


def test_preferences_of_a_user(run, site):
    (site / "users" / "alice@example.com").mkdir(parents=True)
    prefs = {
        "path": "users/alice@example.com/user_prefs",
        "options": {"required_score": 3, "blocklist_from": ["*@x.example"]},
    }
    result = run(prefs)
    assert result["verified"] is True, result
    assert "blocklist_from *@x.example" in (site / prefs["path"]).read_text()


def test_a_site_that_was_broken_before_is_said_so(run, site):
    (site / "local.cf").write_text("nonsense 1\n")
    message = run({"path": "90_site.cf", "options": {"required_score": 5}})["msg"]
    assert f"failed to parse line in {site}/local.cf (line 1): nonsense 1" in message


def test_the_trial_leaves_nothing_behind(run, site):
    """As root SpamAssassin would make files of its Bayes database that spamd cannot write."""
    bayes = pathlib.Path(site.parent / "bayes")
    bayes.mkdir(mode=0o777)
    bayes.chmod(0o777)
    run({"path": "90_site.cf", "options": {"bayes_path": f"{bayes}/bayes", "use_bayes": True}})
    assert [path.owner() for path in bayes.iterdir() if path.owner() == "root"] == []
    assert list(pathlib.Path("/tmp").glob("mailcordon-lint-*")) == []
