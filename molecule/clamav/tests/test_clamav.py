"""ClamAV with its files, logs and sockets elsewhere than the distribution puts them (features chapter 2)."""

import re

from testinfra.host import Host

from end_to_end.gateway import wait_for
from end_to_end.samples import eicar, twin

SIGNATURES = "/srv/scanner/signatures"
EVENTS = "/tmp/virus-events"


def scan(host: Host, name: str, content: bytes) -> str:
    """What clamdscan says of a file with the content."""
    escaped = "".join(f"\\{byte:03o}" for byte in content)
    host.check_output(f"printf '{escaped}' >/srv/{name}")
    verdict: str = host.run(f"clamdscan --no-summary --fdpass /srv/{name}").stdout.strip()
    return verdict


def test_signatures_come_from_the_other_directory(host: Host) -> None:
    """Covers features 2.02, 2.08, 2.41: freshclam writes there, clamd reads there, the default stays empty."""
    for name in ("clamd", "freshclam"):
        assert f"\nDatabaseDirectory {SIGNATURES}\n" in host.file(f"/etc/clamav/{name}.conf").content_string
    assert host.file(f"{SIGNATURES}/eicar.ndb").exists
    assert host.check_output("find /var/lib/clamav -name '*.ndb'") == ""
    assert scan(host, "infected", eicar()).endswith("Eicar-Test-Signature.UNOFFICIAL FOUND")
    assert scan(host, "clean", twin()).endswith("OK")


def test_tcp_is_open_on_its_address_only(host: Host) -> None:
    """Covers features 2.45, 2.46, 18.04: systemd opens the port, and clamd answers there."""
    addresses = {line.split()[3] for line in host.check_output("ss -Hltn 'sport = :3310'").splitlines()}
    assert addresses == {"127.0.0.1:3310"}
    assert host.check_output("bash -c 'exec 3<>/dev/tcp/127.0.0.1/3310; echo PING >&3; head -n1 <&3'") == "PONG"


def test_logs_are_where_they_were_asked_for(host: Host) -> None:
    """Covers features 2.09, 2.32: the directory too was made for them."""
    assert host.file("/var/log/scanner").user == "clamav"
    assert "Reading databases from" in host.file("/var/log/scanner/clamd.log").content_string
    assert "eicar.ndb" in host.file("/var/log/scanner/freshclam.log").content_string


def test_syslog_and_its_facility(host: Host) -> None:
    """Covers features 2.11, 2.12, 2.37: clamd with LOG_MAIL (2), freshclam with the default LOG_LOCAL6 (22)."""
    assert "Self checking" in host.check_output("journalctl -q --no-pager -o cat -t clamd SYSLOG_FACILITY=2")
    log = host.check_output("journalctl -q --no-pager -o cat -t freshclam SYSLOG_FACILITY=22")
    assert "eicar.ndb" in log


def test_an_old_name_has_its_effect(host: Host) -> None:
    """Covers features 2.72, 18.05: ArchiveMaxFiles of the inventory reaches clamd as MaxFiles."""
    config = host.file("/etc/clamav/clamd.conf").content_string
    assert "\nMaxFiles 1500\n" in config
    assert "ArchiveMaxFiles" not in config
    assert "Limits: Files limit set to 1500." in host.file("/var/log/scanner/clamd.log").content_string


def test_virus_event_runs(host: Host) -> None:
    """Covers features 2.56, 18.06: as clamav, with the name in its environment."""
    script = f'#!/bin/sh\\necho "$(id -un) $CLAM_VIRUSEVENT_VIRUSNAME" >>{EVENTS}\\n'
    host.check_output(f"printf '%b' '{script}' >/usr/local/bin/virus-event && chmod 755 /usr/local/bin/virus-event")
    assert scan(host, "clean", twin()).endswith("OK")
    scan(host, "infected", eicar())
    wait_for("the event", lambda: host.file(EVENTS).exists and host.file(EVENTS).size > 0)
    assert re.fullmatch(r"clamav Eicar-Test-Signature\.UNOFFICIAL\n?", host.file(EVENTS).content_string)
