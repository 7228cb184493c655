"""Every schedule of freshclam takes its turn, is the only one, and really runs (features 2.04, 2.05, 18.03).

The tests build on each other: service, cron, crontab, timer, none, service.
"""

import re
import time
from typing import Any

from testinfra.host import Host

from end_to_end.gateway import Gateway, wait_for
from end_to_end.playbook import ROOT, Ansible

CONVERGE = str(ROOT / "molecule/schedule/converge.yml")
LOG = "/var/log/clamav/freshclam.log"
CRON_FILE = "/etc/cron.d/mailcordon-freshclam"
TIMER = "mailcordon-freshclam.timer"
SERVICE = "clamav-freshclam.service"
# The stock entries of the specification, with all that editors leave behind: another line end, bytes that are no UTF-8,
# no line end at the end.
CRONTAB = (
    b"SHELL=/bin/bash\n# run-parts \xe9\r\n"
    b"37 * * * * root run-parts /etc/cron.hourly\n19 0 * * * root run-parts /etc/cron.daily\n"
    b"22 5 * * 0 root run-parts /etc/cron.weekly\n12 5 13 * * root run-parts /etc/cron.monthly"
)


def switch_to(ansible: Ansible, mode: str) -> None:
    """The role puts a mode into force; with the role's arguments again, the module has nothing to do."""
    run = ansible.good_playbook(CONVERGE, "--tags", "service", clamav_freshclam_schedule=mode)
    assert run.changed == 1, run.output
    user = "root" if mode == "crontab" else "clamav"
    again = ansible.module("freshclam_schedule", mode=mode, user=user)
    assert again["changed"] is False, again


def in_force(ansible: Ansible) -> list[str]:
    """The modes in force as gateway_info sees them."""
    gateway = ansible.module("gateway_info", gather=["schedule"])["gateway"]
    assert gateway["problems"] == []
    return [job["mode"] for job in gateway["schedule"]]


def traces(host: Host) -> set[str]:
    """The same, found without the collection."""
    found = set()
    for name, unit in (("service", SERVICE), ("timer", TIMER), ("once", "clamav-freshclam-once.timer")):
        if host.run(f"systemctl is-enabled {unit}").rc == 0 or host.run(f"systemctl is-active {unit}").rc == 0:
            found.add(name)
    if host.file(CRON_FILE).exists:
        found.add("cron")
    if b"freshclam" in host.file("/etc/crontab").content:
        found.add("crontab")
    return found


def last_start(host: Host) -> int:
    """When the last update run began according to freshclam's log, in seconds since 1970; 0 without one."""
    started = re.findall(r"ClamAV update process started at (.*)", host.file(LOG).content_string)
    return int(host.check_output(f"date -d '{started[-1]}' +%s")) if started else 0


def last_update(ansible: Ansible) -> dict[str, Any]:
    """The results of freshclam as gateway_info finds them in its log."""
    update: dict[str, Any] = ansible.module("gateway_info", gather=["signatures"])["gateway"]["signatures"]["update"]
    return update


def assert_fresh(update: dict[str, Any]) -> None:
    assert update["failing"] is False, update
    assert update["last_success_age_seconds"] < 120, update


def run_at_the_next_minute(ansible: Ansible, host: Host, mode: str) -> None:
    """Moves the schedule to the next minute and waits until freshclam has run then."""
    now = int(host.check_output("date +%s"))
    # The module has half a minute to do its work, on a busy machine too
    due = (now // 60 + (1 if now % 60 < 30 else 2)) * 60
    result = ansible.module("freshclam_schedule", mode=mode, minute=str(due // 60 % 60), random_delay=0)
    assert result["minute"] == due // 60 % 60, result
    wait_for(
        f"an update that begins in the minute after {due}",
        lambda: due <= last_start(host) < due + 60,
        timeout=due - time.time() + 80,
        pause=2,
    )
    wait_for("freshclam has ended", lambda: host.run("pgrep -x freshclam").rc != 0)
    assert_fresh(last_update(ansible))


def test_the_service_runs_as_the_signatures_owner(host: Host, ansible: Ansible) -> None:
    """Features 2.05, 2.14: the first mode, set up by the scenario; it updates when it starts."""
    assert traces(host) == {"service"}
    assert in_force(ansible) == ["service"]
    pid = host.check_output(f"systemctl show -p MainPID --value {SERVICE}")
    assert host.check_output(f"ps -o user= -p {pid}").strip() == "clamav"
    assert last_update(ansible)["last_success"] is not None


def test_cron_takes_over_and_runs(host: Host, ansible: Ansible) -> None:
    """Features 2.05, 2.20, 2.26, 18.03: own user; Checks and Foreground are in the file and do not matter."""
    switch_to(ansible, "cron")
    assert traces(host) == {"cron"}
    assert in_force(ansible) == ["cron"]
    configuration = host.file("/etc/clamav/freshclam.conf").content_string
    assert "Checks 12" in configuration
    assert "Foreground yes" in configuration
    run_at_the_next_minute(ansible, host, "cron")
    assert "(clamav) CMD (/usr/bin/freshclam --quiet)" in host.check_output(
        "journalctl -q -o cat -t CRON --since -5min"
    )


def test_a_successful_update_prints_nothing(host: Host) -> None:
    """Features 2.05: cron sends mail about whatever is printed."""
    result = host.run("runuser -u clamav -- /usr/bin/freshclam --quiet")
    assert (result.rc, result.stdout, result.stderr) == (0, "", "")


def test_the_log_rotates_and_the_last_update_stays_known(host: Host, ansible: Ansible) -> None:
    """Features 2.09, 2.30: without the service nobody keeps the log open."""
    host.check_output("logrotate --force /etc/logrotate.d/clamav-freshclam")
    assert last_start(host) == 0
    assert_fresh(last_update(ansible))
    host.check_output("runuser -u clamav -- /usr/bin/freshclam --quiet")
    log = host.file(LOG)
    assert "eicar.ndb is up-to-date" in log.content_string
    assert log.user == "clamav"


def test_the_crontab_line_takes_over_and_runs(host: Host, ansible: Ansible, gateway: Gateway) -> None:
    """Features 2.04, 2.05: the line of the specification; all other lines keep every byte."""
    gateway.write("/etc/crontab", CRONTAB)
    switch_to(ansible, "crontab")
    assert traces(host) == {"crontab"}
    assert in_force(ansible) == ["crontab"]
    run_at_the_next_minute(ansible, host, "crontab")
    assert "(root) CMD (/usr/bin/freshclam --quiet" in host.check_output("journalctl -q -o cat -t CRON --since -5min")
    assert ansible.module("freshclam_schedule", mode="crontab", minute="39")["changed"]
    assert ansible.module("freshclam_schedule", mode="crontab", minute="39")["changed"] is False
    content = host.file("/etc/crontab").content
    assert content.startswith(CRONTAB + b"\n39 * * * * root /usr/bin/freshclam --quiet # ")
    assert content.count(b"/usr/bin/freshclam") == 1


def test_the_timer_takes_over_and_runs(host: Host, ansible: Ansible) -> None:
    """Features 2.04, 2.05, 18.03: own user, random delay; the crontab is what it was."""
    switch_to(ansible, "timer")
    assert traces(host) == {"timer"}
    assert in_force(ansible) == ["timer"]
    assert host.file("/etc/crontab").content == CRONTAB
    unit = host.check_output(f"systemctl cat {TIMER}")
    assert "RandomizedDelaySec=300" in unit
    assert "Persistent=true" in unit
    run_at_the_next_minute(ansible, host, "timer")
    service = host.check_output("systemctl show -p Result -p User mailcordon-freshclam.service").splitlines()
    assert set(service) == {"Result=success", "User=clamav"}


def test_a_timer_of_clamav_itself_does_not_stay_beside_ours(host: Host, ansible: Ansible) -> None:
    """Features 2.05: the package brings a timer that somebody may have enabled."""
    host.check_output("systemctl enable --now clamav-freshclam-once.timer")
    assert in_force(ansible) == ["timer", "other"]
    assert ansible.module("freshclam_schedule", mode="timer")["changed"]
    assert traces(host) == {"timer"}
    assert in_force(ansible) == ["timer"]


def test_none_leaves_nothing(host: Host, ansible: Ansible) -> None:
    """Features 2.05: for hosts without a way out."""
    switch_to(ansible, "none")
    assert traces(host) == set()
    assert in_force(ansible) == []
    assert host.file("/etc/crontab").content == CRONTAB
    for name in (TIMER, "mailcordon-freshclam.service"):
        assert not host.file(f"/etc/systemd/system/{name}").exists
    assert host.run("pgrep -x freshclam").rc != 0


def test_an_administrators_line_is_told_and_left_alone(host: Host, ansible: Ansible, gateway: Gateway) -> None:
    """Features 2.05: whoever has set it up, it counts and is not ours to remove."""
    line = "5 5 * * * root /usr/bin/freshclam\n"
    with gateway.file("/etc/cron.d/site", line.encode()):
        run = ansible.good_playbook(CONVERGE, "--tags", "service", clamav_freshclam_schedule="none")
        assert "/etc/cron.d/site also starts freshclam and is left as it is" in " ".join(run.output.split())
        assert host.file("/etc/cron.d/site").content_string == line
        assert in_force(ansible) == ["other"]
    assert in_force(ansible) == []


def test_a_host_without_cron_is_told_before_anything_changes(host: Host, ansible: Ansible) -> None:
    """Features 2.05: one clear line, nothing changed."""
    host.check_output("mv /usr/sbin/cron /usr/sbin/cron.away")
    try:
        run = ansible.playbook(CONVERGE, clamav_freshclam_schedule="cron")
    finally:
        host.check_output("mv /usr/sbin/cron.away /usr/sbin/cron")
    assert run.exit_code != 0
    assert run.changed == 0
    told = "mode cron needs a cron daemon and there is none: install cron, or use mode timer"
    assert told in " ".join(run.output.split())
    assert traces(host) == set()


def test_a_service_that_cannot_run_is_told_in_one_line(host: Host, ansible: Ansible, gateway: Gateway) -> None:
    """Features 2.06: freshclam refuses an active Example line after systemd has called it started."""
    path = "/etc/clamav/freshclam.conf"
    good = host.file(path).content
    host.check_output(f"sed -i '1i Example' {path}")
    try:
        result = ansible.module("freshclam_schedule", mode="service")
    finally:
        gateway.write(path, good)
        host.run(f"systemctl disable --now {SERVICE}; systemctl reset-failed {SERVICE}")
    assert "clamav-freshclam.service does not stay up: " in result["msg"]
    assert "\n" not in result["msg"]


def test_back_to_the_service(host: Host, ansible: Ansible) -> None:
    """Features 2.05: round the whole circle; the service updates when it starts."""
    started = int(host.check_output("date +%s"))
    switch_to(ansible, "service")
    wait_for("an update", lambda: last_start(host) >= started, timeout=60)
    assert traces(host) == {"service"}
    assert in_force(ansible) == ["service"]
    assert host.file("/etc/crontab").content == CRONTAB
