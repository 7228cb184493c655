"""What the host looks like: checklist 2, 6, 7, 21, 22; features 1.15, 1.24, 2.02, 2.57."""

import re

import pytest

from end_to_end.gateway import Gateway

UNITS = [
    "clamav-daemon.service",
    "clamav-freshclam.service",
    "mailcordon.service",
    "mailcordon.socket",
    "postfix.service",
]


@pytest.mark.parametrize("unit", UNITS)
def test_unit_runs_and_starts_at_boot(gateway: Gateway, unit: str) -> None:
    """Features 1.01, 1.04, 1.06; checklist 2 (freshclam's schedule)."""
    for question in ("is-active", "is-enabled"):
        result = gateway.host.run(f"systemctl {question} {unit}")
        assert result.rc == 0, f"{unit} {question}: {result.stdout}{gateway.journal(unit)}"


def test_spamd_runs_and_starts_at_boot(gateway: Gateway) -> None:
    """Features 1.05, 1.06. The unit's name differs between Debian 12 and 13."""
    listed = gateway.host.check_output("systemctl list-unit-files --state=enabled --no-legend 'spam*.service'")
    unit = next((line.split()[0] for line in listed.splitlines() if re.match(r"spam(assassin|d)\.service", line)), None)
    assert unit, f"no unit of spamd is enabled: {listed}"
    assert gateway.host.service(unit).is_running, gateway.journal(unit)


def test_no_unit_has_failed(gateway: Gateway) -> None:
    """Nothing that was installed is broken."""
    failed = gateway.host.check_output("systemctl --failed --no-legend --plain")
    assert failed == "", failed + gateway.journal()


def test_program_belongs_to_root(gateway: Gateway) -> None:
    """Features 1.15: nothing of the release is writable for others than root."""
    found = gateway.host.check_output(
        r"find -L /opt/mailcordon \( ! -user root -o -perm /022 \) ! -type l -print -quit"
    )
    assert found == ""
    assert gateway.host.run("mailcordon --version").rc == 0


def test_clamd_does_not_run_as_root(gateway: Gateway) -> None:
    """Features 2.57."""
    pid = gateway.main_pid("clamav-daemon.service")
    assert pid > 0, gateway.journal("clamav-daemon.service")
    assert gateway.host.check_output(f"stat -c %U /proc/{pid}") == "clamav"


@pytest.mark.parametrize("port", [10024, 10025])
def test_filter_ports_listen_on_loopback_only(gateway: Gateway, port: int) -> None:
    """Features 1.24: not on 0.0.0.0."""
    listening = gateway.host.check_output(f"ss -Hltn 'sport = :{port}'").splitlines()
    addresses = {line.split()[3] for line in listening}
    assert addresses, f"nothing listens on {port}"
    assert addresses <= {f"127.0.0.1:{port}", f"[::1]:{port}"}


def test_clamd_has_no_tcp_port(gateway: Gateway) -> None:
    """Features 2.42, 2.46."""
    assert gateway.host.check_output("ss -Hltn 'sport = :3310'") == ""


def test_postfix_is_wired_to_the_filter(gateway: Gateway) -> None:
    """Checklist 2; features chapter 4."""
    assert gateway.host.check_output("postconf -h content_filter") == "amavisfeed:[127.0.0.1]:10024"
    assert gateway.host.check_output("postconf -M amavisfeed/unix").split()[7] == "lmtp"
    assert gateway.host.check_output("postconf -M 127.0.0.1:10025/inet")
    check = gateway.host.run("postfix check")
    assert (check.rc, check.stderr) == (0, "")


def test_one_size_limit_reaches_all(gateway: Gateway) -> None:
    """Checklist 6: filter, clamd and Postfix agree."""
    limit = int(gateway.host.check_output("postconf -h message_size_limit"))
    assert limit > 0
    clamd = gateway.host.file("/etc/clamav/clamd.conf").content_string
    units = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}
    for option in ("MaxFileSize", "MaxScanSize", "StreamMaxLength"):
        match = re.search(rf"^{option} (\d+)([KMG]?)$", clamd, re.MULTILINE)
        assert match, f"{option} is missing in clamd.conf"
        assert int(match.group(1)) * units[match.group(2)] >= limit


def test_freshclam_fetched_the_signatures(gateway: Gateway) -> None:
    """Features 2.03: the real freshclam fetches them from the mirror; owner and mode are right."""
    signatures = gateway.host.file("/var/lib/clamav/eicar.ndb")
    assert signatures.exists
    assert (signatures.user, signatures.group, oct(signatures.mode)) == ("clamav", "clamav", oct(0o644))
    assert "GET /eicar.ndb" in gateway.host.check_output("journalctl -q --no-pager -u signature-mirror")


def test_start_is_logged(gateway: Gateway) -> None:
    """Checklist 22: the filter names itself and its scanners at start."""
    log = gateway.host.check_output("journalctl -q -t amavis -o cat --no-pager")
    assert "starting." in log
    assert re.search(r"ClamAV-clamd", log)
    assert re.search(r"SpamAssassin-spamd", log)
