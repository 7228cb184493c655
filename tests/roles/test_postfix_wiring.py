"""What the role postfix_filter writes to main.cf and master.cf, as Ansible renders it; what docs/postfix.md says."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROLE = ROOT / "roles/postfix_filter"
NAMES = [
    "__postfix_filter_services",
    "__postfix_filter_value",
    "__postfix_filter_entry_set",
    "__postfix_filter_entry_wanted_maxproc",
    "__postfix_filter_submission_set",
]
CHILD_TIMEOUT = 480
WORKERS = {"mailcordon_workers": 2, "mailcordon_messages_per_worker": 20}

Services = dict[str, dict[str, Any]]


def render(folder: Path, **variables: object) -> dict[str, Any]:
    """The role's private variables with some public ones set."""
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": sys.executable},
        "vars_files": [str(ROLE / "defaults/main.yml"), str(ROLE / "vars/main.yml")],
        "tasks": [
            {"set_fact": {"rendered": {name: "{{ " + name + " }}" for name in NAMES}}},
            {"copy": {"content": "{{ rendered | to_json }}", "dest": str(folder / "rendered.json"), "mode": "0600"}},
        ],
    }
    (folder / "play.yml").write_text(json.dumps([play]))
    given = json.dumps({"postfix_filter_mailname": "example.test", **WORKERS, **variables})
    command = ["ansible-playbook", "-i", "localhost,", "-e", given, str(folder / "play.yml")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    rendered: dict[str, Any] = json.loads((folder / "rendered.json").read_text())
    return rendered


@pytest.fixture(scope="module")
def after_queue(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return render(tmp_path_factory.mktemp("after"), postfix_filter_submission=True)


@pytest.fixture(scope="module")
def before_queue(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return render(tmp_path_factory.mktemp("before"), postfix_filter_mode="before_queue")


def by_name(rendered: dict[str, Any]) -> Services:
    return {service["service"]: service for service in rendered["__postfix_filter_services"]}


def path_of_a_mail(services: Services, content_filter: str, filter_hands_to: str) -> list[str]:
    """The ports that a mail meets: Postfix hands it to its content filter, that to the port of the way back.

    A service without a content_filter of its own has that of main.cf. Ends when nothing filters any more, or when the
    mail meets a port again: then it loops.
    """
    path: list[str] = []
    while content_filter:
        path.append(content_filter.rpartition(":")[2])
        if len(path) != len(set(path)):
            return path
        content_filter = services[filter_hands_to]["options"].get("content_filter", content_filter)
    return path


def test_a_mail_traverses_once(after_queue: dict[str, Any]) -> None:
    """Features 4.01, 4.07: in at 10024, back at 10025, and not again."""
    path = path_of_a_mail(by_name(after_queue), after_queue["__postfix_filter_value"], "127.0.0.1:10025")
    assert path == ["10024"]


def test_without_an_empty_content_filter_it_would_loop(after_queue: dict[str, Any]) -> None:
    """Features 4.07: the twin; without the override the mail meets the filter again."""
    services = by_name(copy.deepcopy(after_queue))
    del services["127.0.0.1:10025"]["options"]["content_filter"]
    path = path_of_a_mail(services, after_queue["__postfix_filter_value"], "127.0.0.1:10025")
    assert path == ["10024", "10024"]


def test_content_filter_names_transport_and_loopback(after_queue: dict[str, Any]) -> None:
    """Features 4.02, B20.01."""
    assert after_queue["__postfix_filter_value"] == "amavisfeed:[127.0.0.1]:10024"


def test_transport_has_as_many_processes_as_the_filter_takes(after_queue: dict[str, Any]) -> None:
    """Features 4.03: two workers with 20 messages each; both ports of the filter share the transport."""
    feed = by_name(after_queue)["amavisfeed"]
    assert (feed["type"], feed["command"], int(feed["maxproc"])) == ("unix", "lmtp", 40)
    submission = after_queue["__postfix_filter_submission_set"]["content_filter"]
    assert submission == "amavisfeed:[127.0.0.1]:10026"


def test_entry_and_transport_share_the_filter_before_the_queue(before_queue: dict[str, Any]) -> None:
    """Features 4.03: no more than 40 together."""
    feed = int(by_name(before_queue)["amavisfeed"]["maxproc"])
    entry = int(before_queue["__postfix_filter_entry_wanted_maxproc"])
    assert (feed, entry) == (10, 30)
    assert int(before_queue["__postfix_filter_entry_set"]["smtpd_client_connection_count_limit"]) == 15


def seconds(text: str) -> int:
    assert text.endswith("s")
    return int(text.removesuffix("s"))


def test_waiting_takes_longer_than_the_filter_may(after_queue: dict[str, Any], before_queue: dict[str, Any]) -> None:
    """Features 4.04: else Postfix sends again what the filter is about to deliver. Senders wait 600 s (RFC 5321)."""
    assert seconds(by_name(after_queue)["amavisfeed"]["options"]["lmtp_data_done_timeout"]) == 1200
    assert CHILD_TIMEOUT < seconds(before_queue["__postfix_filter_entry_set"]["smtpd_proxy_timeout"]) < 600


def test_no_dns_for_loopback(after_queue: dict[str, Any]) -> None:
    """Features 4.05, 18.13: today's name of the option, for LMTP."""
    options = by_name(after_queue)["amavisfeed"]["options"]
    assert options["lmtp_dns_support_level"] == "disabled"
    assert "disable_dns_lookups" not in options


def test_way_back_listens_on_loopback(after_queue: dict[str, Any]) -> None:
    """Features 4.06."""
    back = by_name(after_queue)["127.0.0.1:10025"]
    assert (back["type"], back["private"], back["chroot"], back["command"]) == ("inet", "n", "n", "smtpd")


@pytest.mark.parametrize(
    "name",
    [
        "content_filter",
        "local_recipient_maps",
        "relay_recipient_maps",
        "smtpd_restriction_classes",
        "smtpd_helo_restrictions",
        "smtpd_sender_restrictions",
        "smtpd_proxy_filter",
        "smtpd_milters",
        "smtpd_end_of_data_restrictions",
    ],
)
def test_way_back_overrides_are_empty(after_queue: dict[str, Any], before_queue: dict[str, Any], name: str) -> None:
    """Features 4.07, with what came since."""
    for rendered in (after_queue, before_queue):
        assert by_name(rendered)["127.0.0.1:10025"]["options"][name] == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("smtpd_client_restrictions", "permit_mynetworks,reject"),
        ("smtpd_relay_restrictions", "permit_mynetworks,reject"),
        ("smtpd_recipient_restrictions", "permit_mynetworks,reject"),
        ("mynetworks", "127.0.0.0/8"),
        ("strict_rfc821_envelopes", "yes"),
    ],
)
def test_way_back_restrictions(after_queue: dict[str, Any], name: str, value: str) -> None:
    """Features 4.08, 4.09, 4.10, 18.13."""
    assert by_name(after_queue)["127.0.0.1:10025"]["options"][name] == value


def test_client_data_goes_along(after_queue: dict[str, Any]) -> None:
    """Features 4.11: XFORWARD to the filter, and from the filter on the way back."""
    services = by_name(after_queue)
    assert services["amavisfeed"]["options"]["lmtp_send_xforward_command"] == "yes"
    assert services["127.0.0.1:10025"]["options"]["smtpd_authorized_xforward_hosts"] == "127.0.0.0/8"


def test_header_checks_run_on_one_side_only(after_queue: dict[str, Any], before_queue: dict[str, Any]) -> None:
    """At the entry after the queue, on the way back before it: there is no cleanup in front of a proxy filter."""
    option = "receive_override_options"
    assert "no_header_body_checks" in by_name(after_queue)["127.0.0.1:10025"]["options"][option]
    assert "no_header_body_checks" not in by_name(before_queue)["127.0.0.1:10025"]["options"][option]


def test_way_back_takes_more_than_the_entry(after_queue: dict[str, Any]) -> None:
    """Checklist 6: room for the fields that entry and filter add, in smtpd and in its cleanup."""
    services = by_name(after_queue)
    back = services["127.0.0.1:10025"]["options"]
    assert back["cleanup_service_name"] in services
    limits = {back["message_size_limit"], services[back["cleanup_service_name"]]["options"]["message_size_limit"]}
    assert limits == {str(26214400 + 131072)}


def test_documentation_names_the_least_versions() -> None:
    """Features 4.12."""
    text = (ROOT / "docs/postfix.md").read_text()
    assert "Postfix 2.5" in text
    assert "IDENT" in text
    assert "2.7" in text


def test_documentation_says_what_source_means() -> None:
    """Features 4.13."""
    text = " ".join((ROOT / "docs/postfix.md").read_text().split())
    assert "`local_header_rewrite_clients` is what `SOURCE` of XFORWARD reflects" in text
