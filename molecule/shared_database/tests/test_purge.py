"""Old mail goes by a timer (checklist 25; features 18.20)."""

import re

from end_to_end import samples
from end_to_end.gateway import Gateway

# With the worker that stops the server in between
testinfra_hosts = ["docker://shared-one-12"]

QUARANTINE = "/var/lib/mailcordon/virusmails"


def test_timer(gateway: Gateway) -> None:
    """It is armed, also after the next start of the host."""
    assert gateway.host.check_output("systemctl is-enabled mailcordon-purge.timer") == "enabled"
    assert gateway.host.check_output("systemctl show -P NextElapseUSecRealtime mailcordon-purge.timer")


def test_old_goes_and_recent_stays(gateway: Gateway) -> None:
    """Checklist 25, features 18.20: files by the account of the filter and within the limits of the unit, and rows."""
    entry = gateway.wait_logged(gateway.send_form("plain", samples.eicar()), "Blocked")
    named = re.search(r"quarantine: ([^,[\s]+)", entry)
    assert named is not None, entry
    old, recent = f"{QUARANTINE}/virus-old", f"{QUARANTINE}/virus-recent"
    for path in (old, recent):
        mail_id = path.rpartition("-")[2].ljust(12, "A")
        gateway.write(path, f"X-Quarantine-ID: <{mail_id}>\n\ntext\n".encode())
        gateway.host.check_output(f"chown mailcordon: {path}")
    gateway.host.check_output(f"touch -d '60 days ago' {old}")
    gateway.systemctl("start", "mailcordon-purge.service")
    journal = gateway.journal("mailcordon-purge.service")
    assert "removed: 1 files" in journal
    assert "removed: 0 messages, 0 copies in quarantine" in journal
    assert not gateway.host.file(old).exists
    assert gateway.host.file(recent).exists
    gateway.host.check_output(f"rm {recent}")
    assert gateway.host.check_output("systemctl show -P Result mailcordon-purge.service") == "success"
    listed = gateway.host.check_output("mailcordon quarantine list --json")
    assert named.group(1) in listed
