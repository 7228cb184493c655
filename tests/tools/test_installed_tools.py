# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""postfix_main and postfix_master against the installed Postfix.

Everything happens on copies in temporary directories; the host's own configuration is only read. Needs root (postfix
check), the package postfix, and the collection on Python's path.
"""

from __future__ import annotations

import pathlib
import shutil
import subprocess

import pytest
from ansible_collections.mailcordon.gateway.plugins.module_utils._postfix_master import parse
from ansible_collections.mailcordon.gateway.plugins.modules import postfix_main, postfix_master

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


def test_an_unknown_parameter_is_refused(run, config_dir):
    """With the nearest name; what uses a parameter of one's own makes it known."""
    before = (config_dir / "main.cf").read_bytes()
    wrong = {"content_fitler": "x", "our_class": "permit"}
    result = run(postfix_main, config_dir=str(config_dir), parameters=wrong)
    assert result["msg"].endswith(
        "content_fitler: Postfix has no such parameter, did you mean content_filter?; "
        "our_class: Postfix has no such parameter, set it together with what uses it"
    )
    assert (config_dir / "main.cf").read_bytes() == before
    right = {"our_class": "permit", "smtpd_restriction_classes": "our_class", "ours": "x", "content_filter": "$ours"}
    assert run(postfix_main, config_dir=str(config_dir), parameters=right)["changed"]
    later = {"amavisfeed_destination_concurrency_limit": "5"}
    assert run(postfix_main, config_dir=str(config_dir), parameters=later)["changed"]
    result = run(postfix_main, config_dir=str(config_dir), parameters={"content_fitler": "x"}, allow_unknown=True)
    assert result["changed"]
    assert "unused parameter: content_fitler=x" in str(result["warnings"])
    # What somebody else misspelt is no reason to refuse: Postfix runs with it.
    assert run(postfix_main, config_dir=str(config_dir), parameters={"biff": "yes"})["changed"]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (
            {"options": {"lmtp_dta_done_timeout": "5s", "lmtp_data_done_timeout": "soon"}},
            "amavisfeed/unix: lmtp_data_done_timeout = soon: must be a time such as 600s; "
            "amavisfeed/unix: lmtp_dta_done_timeout: Postfix has no such parameter, did you mean "
            "lmtp_data_done_timeout?",
        ),
        ({"command": "lmtpd"}, "amavisfeed/unix: there is no program lmtpd in /usr/lib/postfix/sbin"),
        (
            {"service": "127.0.0.1:nosuchport", "type": "inet", "command": "smtpd", "options": {}},
            "127.0.0.1:nosuchport/inet: there is no port named nosuchport in /etc/services, give its number",
        ),
    ],
)
def test_a_bad_service_changes_nothing(run, config_dir, wrong, reason):
    """Features 4.03 to 4.11; whatever the reason is, it is one line."""
    before = (config_dir / "master.cf").read_bytes()
    result = run(postfix_master, config_dir=str(config_dir), services=[dict(FEED, **wrong)])
    assert "\n" not in result["msg"]
    assert result["msg"].endswith(f"Postfix refuses it: {reason}")
    assert (config_dir / "master.cf").read_bytes() == before


def test_merged_options_come_and_go(run, config_dir):
    """postconf reads the administrator's option and ours; ours go again and not a byte is different."""
    ours = {"smtpd_proxy_filter": "127.0.0.1:10024", "content_filter": ""}
    entry = {"service": "smtp", "type": "inet", "options_mode": "merge"}
    own = dict(entry, options={"smtpd_helo_required": True})
    run(postfix_master, config_dir=str(config_dir), services=[own])
    before = (config_dir / "master.cf").read_bytes()
    assert run(postfix_master, config_dir=str(config_dir), services=[dict(entry, options=ours, maxproc="7")])["changed"]
    assert postconf(config_dir, "-P", "smtp/inet/*").splitlines() == [
        "smtp/inet/content_filter =",
        "smtp/inet/smtpd_helo_required = yes",
        "smtp/inet/smtpd_proxy_filter = 127.0.0.1:10024",
    ]
    assert postconf(config_dir, "-F", "-h", "smtp/inet/process_limit") == "7"
    gone = dict(entry, options=dict.fromkeys(ours), maxproc="-")
    assert run(postfix_master, config_dir=str(config_dir), services=[gone])["changed"]
    assert (config_dir / "master.cf").read_bytes() == before
    assert run(postfix_master, config_dir=str(config_dir), services=[gone])["changed"] is False


def test_members_of_a_list(run, config_dir):
    """B20.03."""
    run(postfix_main, config_dir=str(config_dir), parameters={"receive_override_options": "no_milters"})
    before = (config_dir / "main.cf").read_bytes()
    members = {"receive_override_options": ["no_address_mappings"]}
    assert run(postfix_main, config_dir=str(config_dir), members=members)["changed"]
    assert postconf(config_dir, "-h", "receive_override_options") == "no_milters, no_address_mappings"
    assert run(postfix_main, config_dir=str(config_dir), members=members)["changed"] is False
    assert run(postfix_main, config_dir=str(config_dir), members=members, state="absent")["changed"]
    assert (config_dir / "main.cf").read_bytes() == before


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
