"""After the step `check`: a dry run on a bare host has changed nothing (checklist 29)."""

from end_to_end.gateway import Gateway


def test_dry_run_changed_nothing(gateway: Gateway) -> None:
    """Packages, files and units are as `prepare` left them."""
    differences = gateway.host.run("/run/host-snapshot | diff -U0 /run/bare-host -")
    assert (differences.rc, differences.stdout) == (0, "")


def test_a_change_would_be_found(gateway: Gateway) -> None:
    """The twin: one more file is one difference."""
    with gateway.file("/etc/one-more-file", b"new\n"):
        differences = gateway.host.run("/run/host-snapshot | diff -U0 /run/bare-host -")
    assert differences.rc == 1
    changed = [line for line in differences.stdout.splitlines() if line.startswith(("+file", "-file"))]
    assert [line.split()[1] for line in changed] == ["/etc/one-more-file"]
