"""After a run with `spamassassin_enabled: false`: checklist 5."""

from testinfra.host import Host

from end_to_end.spamd import SOCKET


def test_nothing_runs_and_nothing_starts(host: Host) -> None:
    """Checklist 5: spam checks are off, and their socket is gone."""
    for unit in ("spamd.service", "spamassassin-maintenance.timer"):
        assert not host.service(unit).is_running
        assert not host.service(unit).is_enabled
    assert host.run("pgrep -c spamd").stdout.strip() == "0"
    assert not host.file(SOCKET).exists
    assert host.check_output("systemctl --failed --no-legend --plain") == ""


def test_no_file_of_ours_is_left(host: Host) -> None:
    """The administrator's files and those of the package stay as they are."""
    found = host.check_output(
        "find /etc /usr/local /var/lib -name '*mailcordon*' -not -path '*/dnsmasq.d/*' -not -name '*.cf.*~' -print"
    )
    assert found == ""
    assert not host.file("/var/lib/spamassassin/compiled").exists
    assert host.run("dpkg --verify spamassassin").stdout == ""
    lint = host.run("runuser -u debian-spamd -- spamassassin --lint -L")
    assert (lint.rc, lint.stderr) == (0, "")
