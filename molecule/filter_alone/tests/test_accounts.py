"""The filter under the account and in the work tree of the specification (features 1.08 to 1.11, 1.16, 1.18, 18.02)."""

from end_to_end import samples
from end_to_end.accounts import FilterAccount
from end_to_end.gateway import Gateway

VSCAN = FilterAccount("vscan", "/var/vscan")


def test_account(gateway: Gateway) -> None:
    """Features 1.08, 18.02."""
    VSCAN.check_account(gateway.host)


def test_work_tree(gateway: Gateway) -> None:
    """Features 1.09, 1.10, 18.02."""
    VSCAN.check_work_tree(gateway.host)


def test_systemd_puts_modes_right(gateway: Gateway) -> None:
    """Features 1.10, 18.02."""
    VSCAN.check_tmpfiles(gateway.host)


def test_configuration(gateway: Gateway) -> None:
    """Features 1.16."""
    VSCAN.check_configuration(gateway.host)


def test_service(gateway: Gateway) -> None:
    """Features 1.08: all processes of the filter run under the account."""
    VSCAN.check_processes(gateway.host)


def test_prerequisites(gateway: Gateway) -> None:
    """Features 1.18."""
    VSCAN.check_prerequisites(gateway.host)


def test_clamd_reads_the_work_tree_by_path(gateway: Gateway) -> None:
    """Features 1.11: with mailcordon_clamav_group clamd is in the group, and a scan by path gives a verdict."""
    assert "vscan" in gateway.host.user("clamav").groups
    assert VSCAN.scan_by_path(gateway, samples.eicar()) == "Eicar-Test-Signature.UNOFFICIAL FOUND"
    assert VSCAN.scan_by_path(gateway, samples.twin()) == "OK"
