"""A host without Internet access comes up with what the controller brought (features 2.01, 2.02, 2.03)."""

from end_to_end import samples
from end_to_end.gateway import Gateway

DATABASES = "/var/lib/clamav"


def test_signatures_are_there_as_clamd_needs_them(gateway: Gateway) -> None:
    """Features 2.02, 2.03."""
    for name in ("daily.cvd", "site.ndb", "mailcordon-loaded.ndb"):
        file = gateway.host.file(f"{DATABASES}/{name}")
        assert (file.user, file.group, file.mode) == ("clamav", "clamav", 0o644), name
    directory = gateway.host.file(DATABASES)
    assert (directory.user, directory.group, directory.mode) == ("clamav", "clamav", 0o755)


def test_nothing_else_is_there(gateway: Gateway) -> None:
    """No temporary file and nothing of freshclam, which never ran."""
    names = gateway.host.check_output(f"ls -A {DATABASES}").split()
    assert names == ["daily.cvd", "mailcordon-loaded.ndb", "site.ndb"]
    assert not gateway.host.service("clamav-freshclam").is_running
    assert not gateway.host.service("clamav-freshclam").is_enabled


def test_clamd_runs_with_them(gateway: Gateway) -> None:
    """Features 2.01: the version of the database, and EICAR and its twin."""
    assert "/5/" in gateway.host.check_output("clamdscan --version")
    for content, code in ((samples.eicar(), 1), (samples.twin(), 0)):
        with gateway.file("/root/sample", content):
            found = gateway.host.run("clamdscan --fdpass --no-summary /root/sample")
        assert found.rc == code, found.stdout
