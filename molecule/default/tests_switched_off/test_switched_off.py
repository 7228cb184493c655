"""After a run with all parts switched off: checklist 4 and 8."""

import pytest

from end_to_end import samples
from end_to_end.gateway import RECIPIENT, Gateway, new_token

UNITS = [
    *("mailcordon.service", "mailcordon.socket"),
    *("clamav-daemon.service", "clamav-daemon.socket", "clamav-freshclam.service"),
    *("spamassassin.service", "spamd.service", "spamassassin-maintenance.timer"),
]
# Where the roles write, beside the files that belong to the packages
OURS = "/etc/cron.d /etc/systemd/system /etc/tmpfiles.d /etc/logrotate.d /etc/spamassassin /etc/apparmor.d /etc/postfix"


def test_wiring_is_gone(gateway: Gateway) -> None:
    """content_filter and both master.cf services are gone, and Postfix finds nothing wrong."""
    assert gateway.host.check_output("postconf -h content_filter") == ""
    services = gateway.host.check_output("postconf -M")
    assert "amavisfeed" not in services
    assert "10025" not in services
    check = gateway.host.run("postfix check")
    assert (check.rc, check.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS)
def test_unit_stands_still(gateway: Gateway, unit: str) -> None:
    """It does not run, and nothing starts it at boot."""
    assert gateway.host.run(f"systemctl is-active {unit}").rc != 0
    assert gateway.host.run(f"systemctl is-enabled {unit}").rc != 0


def test_nothing_listens(gateway: Gateway) -> None:
    """The filter's ports and the scanners' sockets are free."""
    assert gateway.host.check_output("ss -Hltn '( sport = :10024 or sport = :10025 or sport = :10026 )'") == ""
    assert gateway.host.run("ss -Hlx | grep -E 'clamd|spamd|mailcordon'").stdout == ""


def test_no_schedule_is_left(gateway: Gateway) -> None:
    """Neither cron nor a timer updates signatures or rules any more."""
    active = gateway.host.check_output("systemctl list-timers --no-legend --plain")
    assert [line for line in active.splitlines() if "freshclam" in line or "mailcordon" in line] == []
    assert gateway.host.run("grep -rs freshclam /etc/crontab /etc/cron.d /etc/cron.hourly /etc/cron.daily").stdout == ""


def test_no_file_of_ours_is_left(gateway: Gateway) -> None:
    """What the roles wrote below /etc bears the filter's name; the administrator's 50-user.toml may stay."""
    assert gateway.host.run(f"find {OURS} -iname '*mailcordon*'").stdout == ""
    left = gateway.host.run("find /etc/mailcordon -type f").stdout.split()
    assert [path for path in left if not path.endswith("/50-user.toml")] == []


def test_mail_flows_unfiltered(gateway: Gateway) -> None:
    """Even EICAR arrives: nobody looks any more."""
    token = new_token()
    delivered = gateway.passes_unchanged(token, samples.FORMS["plain"](token, RECIPIENT, samples.eicar()))
    assert b"X-Virus-Scanned" not in delivered


def test_queue_is_empty(gateway: Gateway) -> None:
    """No mail waits for the filter that is gone."""
    assert "empty" in gateway.host.check_output("postqueue -p")
