# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""postfix_main, postfix_master and clamav_conf against the installed Postfix and ClamAV.

Everything happens on copies in temporary directories; the host's own configuration is only read. Needs root (postfix
check), the packages postfix and clamav-daemon, and the collection on Python's path.
"""

from __future__ import annotations

import json
import pathlib
import re
import shutil
import subprocess

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mailcordon.gateway.plugins.module_utils._clamav_options import (
    BOOL,
    NUMBER,
    REMOVED,
    SIZE,
    TABLES,
)
from ansible_collections.mailcordon.gateway.plugins.module_utils._postfix_master import parse
from ansible_collections.mailcordon.gateway.plugins.modules import clamav_conf, postfix_main, postfix_master

FEED = {
    "service": "amavisfeed",
    "type": "unix",
    "chroot": "n",
    "maxproc": "2",
    "command": "lmtp",
    "options": {"lmtp_data_done_timeout": "1200s", "lmtp_send_xforward_command": True},
}
REINJECTION = {
    "service": "127.0.0.1:10025",
    "type": "inet",
    "private": "n",
    "chroot": "n",
    "command": "smtpd",
    "options": {
        "content_filter": "",
        "smtpd_client_restrictions": ["permit_mynetworks", "reject"],
        "mynetworks": "127.0.0.0/8",
    },
}


@pytest.fixture
def config_dir(tmp_path):
    """A copy of the configuration that Debian's package made."""
    copy = tmp_path / "postfix"
    shutil.copytree("/etc/postfix", copy, symlinks=True)
    shutil.copy("/etc/postfix/master.cf.proto", copy / "master.cf")
    (copy / "main.cf").write_text("# ours\ncompatibility_level = 3.6\nmyhostname = mail.example.com\nbiff = no\n")
    return copy


@pytest.fixture
def run(capsys):
    def run_module(module, **arguments):
        with patch_module_args(arguments), pytest.raises(SystemExit):
            module.main()
        return json.loads(capsys.readouterr().out)

    return run_module


def postconf(config_dir, *arguments):
    command = ["postconf", "-c", str(config_dir), *list(arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_postfix_reads_what_was_set(run, config_dir):
    """B20.01, features 4.02."""
    parameters = {
        "content_filter": "amavisfeed:[127.0.0.1]:10024",
        "mydestination": ["a.example", "b.example"],
        "biff": None,
    }
    result = run(postfix_main, config_dir=str(config_dir), parameters=parameters, backup=True)
    assert result["changed"]
    assert "# ours" in pathlib.Path(result["backup_file"]).read_text()
    assert postconf(config_dir, "-h", "content_filter") == "amavisfeed:[127.0.0.1]:10024"
    assert postconf(config_dir, "-h", "mydestination") == "a.example, b.example"
    assert "biff" not in (config_dir / "main.cf").read_text()
    again = run(postfix_main, config_dir=str(config_dir), parameters=parameters)
    assert again["changed"] is False
    assert again["parameters_changed"] == []


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"message_size_limit": "abc"}, "bad numerical configuration: message_size_limit = abc"),
        ({"inet_protocols": "ipx"}, 'unknown inet_protocols value "ipx" in "ipx"'),
        (
            {"smtpd_timeout": "300s", "smtpd_error_sleep_time": "soon"},
            "smtpd_error_sleep_time = soon: must be a time such as 1s",
        ),
    ],
)
def test_what_postfix_refuses_changes_nothing(run, config_dir, parameters, reason):
    before = (config_dir / "main.cf").read_bytes()
    result = run(postfix_main, config_dir=str(config_dir), parameters=parameters)
    assert result["msg"] == "{} is not changed, Postfix refuses it: {}".format(config_dir / "main.cf", reason)
    assert (config_dir / "main.cf").read_bytes() == before


def test_an_unknown_parameter_is_a_warning(run, config_dir):
    result = run(postfix_main, config_dir=str(config_dir), parameters={"content_fitler": "x"})
    assert result["changed"]
    assert "unused parameter: content_fitler=x" in str(result["warnings"])


def test_a_known_parameter_gives_no_warning(run, config_dir):
    result = run(postfix_main, config_dir=str(config_dir), parameters={"content_filter": "x"})
    assert result["changed"]
    assert "content_filter" not in str(result.get("warnings"))


def test_postfix_reads_the_services(run, config_dir):
    """B20.01, B20.02, features 4.03 to 4.11."""
    result = run(postfix_master, config_dir=str(config_dir), services=[FEED, REINJECTION])
    assert result["services_changed"] == ["amavisfeed/unix", "127.0.0.1:10025/inet"]
    assert postconf(config_dir, "-M", "amavisfeed/unix").split() == (
        [
            "amavisfeed",
            "unix",
            "-",
            "-",
            "n",
            "-",
            "2",
            "lmtp",
            "-o",
            "lmtp_data_done_timeout=1200s",
            "-o",
            "lmtp_send_xforward_command=yes",
        ]
    )
    assert postconf(config_dir, "-P", "127.0.0.1:10025/inet/smtpd_client_restrictions").endswith(
        "permit_mynetworks,reject"
    )
    assert postconf(config_dir, "-P", "127.0.0.1:10025/inet/content_filter").endswith("content_filter =")
    assert run(postfix_master, config_dir=str(config_dir), services=[FEED, REINJECTION])["changed"] is False


def test_add_and_remove_gives_back_every_byte(run, config_dir):
    """Features 4: taking the filter out leaves foreign entries and comments as they were."""
    before = (config_dir / "master.cf").read_bytes()
    run(postfix_master, config_dir=str(config_dir), services=[FEED, REINJECTION])
    gone = [dict(service, state="absent") for service in (FEED, REINJECTION)]
    assert run(postfix_master, config_dir=str(config_dir), services=gone)["changed"]
    assert (config_dir / "master.cf").read_bytes() == before


def test_our_reading_of_master_cf_is_postfix_own(config_dir):
    """Every service that postconf sees in Debian's file, we see, with the same columns."""
    services = parse((config_dir / "master.cf").read_text())
    seen = [line.split()[:7] for line in postconf(config_dir, "-M").splitlines()]
    assert [[service.name, service.kind, *list(service.fields)] for service in services.values()] == seen
    assert len(seen) > 20


def test_a_service_without_its_program_changes_nothing(run, config_dir):
    before = (config_dir / "master.cf").read_bytes()
    result = run(postfix_master, config_dir=str(config_dir), services=[dict(FEED, command="nosuch")])
    assert result["msg"].endswith("amavisfeed/unix: there is no program nosuch in /usr/lib/postfix/sbin")
    assert (config_dir / "master.cf").read_bytes() == before


def test_a_file_that_was_broken_before_is_said_so(run, config_dir):
    with open(config_dir / "master.cf", "a") as handle:
        handle.write("broken inet n\n")
    result = run(postfix_master, config_dir=str(config_dir), services=[FEED])
    assert "Postfix refuses it" in result["msg"]
    assert "bad field count" in result["msg"]


def test_check_mode_tries_but_writes_nothing(run, config_dir):
    before = (config_dir / "main.cf").read_bytes()
    parameters = {"content_filter": "amavisfeed:[127.0.0.1]:10024"}
    assert run(postfix_main, config_dir=str(config_dir), parameters=parameters, _ansible_check_mode=True)["changed"]
    assert (config_dir / "main.cf").read_bytes() == before


def test_sockets_in_the_directory_do_not_hinder(run, config_dir):
    subprocess.run(["mkfifo", str(config_dir / "pipe")], check=True)
    (config_dir / "dangling").symlink_to("/nonexistent/target")
    assert run(postfix_main, config_dir=str(config_dir), parameters={"biff": "yes"})["changed"]


def test_clamconf_reads_every_option_of_the_table(run, tmp_path):
    """Features 18.05: the rendered file passes clamconf without warnings."""
    examples = {BOOL: True, NUMBER: 7, SIZE: "5M"}
    for kind, table in TABLES.items():
        options = {
            name: option.choices[0] if option.choices else examples.get(option.kind, "/some/text")
            for name, option in table.items()
            if name != "HTTPProxyPassword"
        }
        result = run(clamav_conf, type=kind, path=str(tmp_path / kind), options=options)
        assert result.get("verified") is True, result.get("msg")


def test_every_option_of_the_installed_clamav_is_known():
    """Whatever clamconf generates is in our tables, but for the names that are on their way out."""
    for kind, table in TABLES.items():
        text = subprocess.run(["clamconf", "-g", f"{kind}.conf"], check=True, capture_output=True, text=True).stdout
        names = set(re.findall(r"(?m)^#([A-Z]\w+)", text))
        assert len(names) > 30
        assert names - set(table) - set(REMOVED) == set()
