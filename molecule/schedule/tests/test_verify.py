"""verify.yml and gateway_info show what has gone stale or failed (features 1.20, 2.30), on a host with ClamAV alone.

Runs after test_schedule.py, which leaves the service in force.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

from end_to_end.gateway import Gateway, wait_for
from end_to_end.playbook import ROOT, Ansible, Run

CONVERGE = str(ROOT / "molecule/schedule/converge.yml")
DATABASES = "/var/lib/clamav"
LOG = "/var/log/clamav/freshclam.log"
SERVICE = "clamav-freshclam.service"
# This host has no other part of the gateway
PARTS = {"spamassassin_enabled": False, "mailcordon_enabled": False, "postfix_filter_enabled": False}


class Report:
    """What verify.yml found."""

    def __init__(self, run: Run, path: Path) -> None:
        self.run = run
        found: dict[str, Any] = json.loads(path.read_text())
        self.failed: int = found["failed"]
        self.rows = {row["check"]: row for row in found["rows"]}
        # All that is no good; the disks are those of the machine that runs the tests
        self.bad = {
            check: row["result"]
            for check, row in self.rows.items()
            if row["result"] != "ok" and not check.startswith("disk of ")
        }


@pytest.fixture
def verify(ansible: Ansible, tmp_path: Path) -> Any:
    """A function that runs verify.yml; what it finds must agree with its exit status and its table."""

    def run(**variables: object) -> Report:
        path = tmp_path / "report.json"
        done = ansible.playbook("mailcordon.gateway.verify", gateway_verify_output=str(path), **{**PARTS, **variables})
        report = Report(done, path)
        assert (done.exit_code != 0) is (report.failed > 0), done.output
        assert done.changed == 0, done.output
        for row in report.rows.values():
            assert f"{row['check']} " in done.output
            assert row["result"] in done.output
        return report

    return run


@pytest.fixture
def stopped_freshclam(gateway: Gateway) -> Iterator[None]:
    """The log and the signatures belong to the test, and are put right by a real update afterwards."""
    with gateway.stopped(SERVICE):
        yield
        gateway.host.check_output(f"rm -f {LOG} {LOG}.1; install -o clamav -g adm -m 640 /dev/null {LOG}")
        gateway.host.check_output(f"rm -f {DATABASES}/eicar.ndb")
    wait_for("an update", lambda: "eicar.ndb updated" in gateway.host.file(LOG).content_string, timeout=60)


def test_a_good_host_passes(verify: Any) -> None:
    """Features 1.20, 2.05, 2.30: the twin of all that follows."""
    report = verify()
    assert report.bad == {}
    assert report.failed == 0
    assert report.rows["signature schedule"]["detail"] == f"service ({SERVICE})"
    assert report.rows["signatures"]["detail"].startswith("eicar.ndb is ")
    assert report.rows["Postfix"]["detail"] == report.rows["spamd"]["detail"] == "switched off"


def write_update(gateway: Gateway, age: str) -> None:
    """Makes freshclam's log tell of one successful update so long ago."""
    start = gateway.host.check_output(f"LC_ALL=C date -d '{age} ago' '+%a %b %e %H:%M:%S %Y'")
    lines = [f"ClamAV update process started at {start}", "eicar.ndb is up-to-date (version: custom database)"]
    gateway.write(LOG, "".join(f"{start} -> {line}\n" for line in lines).encode())


def test_stale_signatures_and_an_update_long_ago_fail(
    host: Host, verify: Any, stopped_freshclam: None, gateway: Gateway
) -> None:
    """Features 1.20, 2.30: older than seven days, no success within two; a little less is good."""
    host.check_output(f"touch -d '8 days ago' {DATABASES}/eicar.ndb")
    write_update(gateway, "49 hours")
    report = verify()
    assert report.bad == {"signatures": "FAIL", "signature update": "FAIL"}
    assert report.rows["signatures"]["detail"] == "eicar.ndb is 8.0 days old, 7.0 days are allowed"
    assert report.rows["signature update"]["detail"] == "succeeded 2.0 days ago, 2.0 days are allowed"
    host.check_output(f"touch -d '6 days 23 hours ago' {DATABASES}/eicar.ndb")
    write_update(gateway, "47 hours")
    assert verify().bad == {}


def test_a_failed_update_is_told_with_its_reason(host: Host, verify: Any, gateway: Gateway, ansible: Ansible) -> None:
    """Features 2.30: seen at once as a warning; the next good update clears it."""
    with gateway.stopped("signature-mirror.service"):
        gateway.systemctl("restart", SERVICE)
        wait_for("a failed update", lambda: "Update failed" in host.file(LOG).content_string, timeout=120)
        report = verify()
        update = ansible.module("gateway_info", gather=["signatures"])["gateway"]["signatures"]["update"]
    assert report.bad == {"signature update": "warning"}
    assert report.failed == 0
    assert "Can't download eicar.ndb from http://127.0.0.1" in report.rows["signature update"]["detail"]
    assert update["failing"]
    assert "Can't download eicar.ndb" in update["last_failure_reason"]
    gateway.systemctl("restart", SERVICE)
    look = {"gather": ["signatures"]}
    wait_for(
        "a good update",
        lambda: not ansible.module("gateway_info", **look)["gateway"]["signatures"]["update"]["failing"],
        timeout=60,
    )


def test_no_failure_hides_another(host: Host, verify: Any, gateway: Gateway) -> None:
    """Features 1.04, 2.05, 2.31: every check runs; a server that stands still is told and not started."""
    service, socket = "clamav-daemon.service", "clamav-daemon.socket"
    # With the socket unit alone, the first who asks would start clamd
    gateway.systemctl("stop", socket, service)
    gateway.systemctl("start", socket)
    host.check_output("sed -i '1i Nonsense yes' /etc/clamav/clamd.conf")
    try:
        with gateway.file("/etc/cron.d/site", b"5 5 * * * root /usr/bin/freshclam\n"):
            report = verify()
        assert host.run(f"systemctl is-active {service}").stdout.strip() == "inactive"
    finally:
        host.check_output("sed -i '/^Nonsense/d' /etc/clamav/clamd.conf")
        gateway.systemctl("start", service)
    assert report.bad == {"clamd": "FAIL", "clamd configuration": "FAIL", "signature schedule": "FAIL"}
    assert report.rows["clamd"]["detail"] == "does not answer: the service is inactive"
    assert "Nonsense" in report.rows["clamd configuration"]["detail"]
    two = f"2 are in force: service ({SERVICE}), other (/etc/cron.d/site)"
    assert report.rows["signature schedule"]["detail"] == two
    gateway.wait_scanner()


def test_clamd_on_all_addresses_fails(host: Host, verify: Any, gateway: Gateway) -> None:
    """Features 2.46: no wildcard bind, also not by clamd's socket unit."""
    units = ["clamav-daemon.socket", "clamav-daemon.service"]
    drop_in = "/etc/systemd/system/clamav-daemon.socket.d/test.conf"

    def restart() -> None:
        gateway.systemctl("daemon-reload")
        gateway.systemctl("stop", *units)
        gateway.systemctl("start", *units)
        gateway.wait_scanner()

    with gateway.file(drop_in, b"[Socket]\nListenStream=0.0.0.0:3310\n"):
        restart()
        report = verify()
    restart()
    assert report.bad == {"listeners": "FAIL"}
    assert report.rows["listeners"]["detail"] == "open to other hosts: clamd on 0.0.0.0:3310"


def test_a_host_that_cannot_be_reached_is_a_row(ansible: Ansible, tmp_path: Path) -> None:
    """The other hosts are looked at all the same."""
    path = tmp_path / "report.json"
    extra = tmp_path / "inventory.yml"
    extra.write_text(
        "all: {hosts: {gone: {ansible_connection: community.docker.docker, ansible_host: no-such-host}}}\n"
    )
    run = ansible.playbook("mailcordon.gateway.verify", "-i", str(extra), gateway_verify_output=str(path), **PARTS)
    rows = json.loads(path.read_text())["rows"]
    bad = [(row["host"], row["check"], row["result"]) for row in rows if row["result"] == "FAIL"]
    assert run.exit_code != 0
    assert bad == [("gone", "connection", "FAIL")]
    assert {row["host"] for row in rows} == {"gone", "schedule-12"}
    assert len(rows) > 6


def test_a_stopped_schedule_leaves_nothing_behind(host: Host, ansible: Ansible, verify: Any) -> None:
    """Checklist 4, features 2.05: with the role switched off no schedule is in force. The last test: ClamAV is off."""
    assert ansible.module("freshclam_schedule", mode="timer", minute="39")["changed"]
    run = ansible.good_playbook(CONVERGE, clamav_enabled=False)
    assert run.changed > 0
    assert ansible.module("gateway_info", gather=["schedule"])["gateway"]["schedule"] == []
    assert host.run("ls /etc/systemd/system/mailcordon-freshclam.timer /etc/cron.d/mailcordon-freshclam").rc != 0
    assert ansible.good_playbook(CONVERGE, clamav_enabled=False).changed == 0
    assert verify(clamav_enabled=False).bad == {}
