"""Accounts, work tree and configuration as they are unless somebody asks for something else
(features 1.08 to 1.11, 1.16, 1.18, 1.19, 18.02)."""

from end_to_end import samples
from end_to_end.accounts import FilterAccount
from end_to_end.gateway import Gateway

FILTER = FilterAccount("mailcordon", "/var/lib/mailcordon")


def test_account_of_the_filter(gateway: Gateway) -> None:
    """Features 1.08, 18.02: a system account without a login shell and without a password."""
    FILTER.check_account(gateway.host)


def test_account_of_clamav(gateway: Gateway) -> None:
    """Features 1.19: no login, and a group of its own."""
    clamav = gateway.host.user("clamav")
    assert clamav.shell.endswith(("/nologin", "/false"))
    assert clamav.group == "clamav"


def test_work_tree(gateway: Gateway) -> None:
    """Features 1.09, 1.10, 18.02: directories 0750, files 0640."""
    FILTER.check_work_tree(gateway.host)


def test_systemd_puts_modes_right(gateway: Gateway) -> None:
    """Features 1.10, 18.02: and clears old leftovers of tmp."""
    FILTER.check_tmpfiles(gateway.host)


def test_configuration_belongs_to_root(gateway: Gateway) -> None:
    """Features 1.16: root:mailcordon, 0640, no file that the filter itself could write."""
    FILTER.check_configuration(gateway.host)


def test_filter_does_not_run_as_root(gateway: Gateway) -> None:
    """Features 1.08."""
    FILTER.check_processes(gateway.host)


def test_prerequisites(gateway: Gateway) -> None:
    """Features 1.18: account, directories, modules, configuration."""
    FILTER.check_prerequisites(gateway.host)


def test_clamd_needs_no_group(gateway: Gateway) -> None:
    """Features 1.11: clamd cannot open the filter's files by path, and need not: it gets them as open files."""
    assert "mailcordon" not in gateway.host.user("clamav").groups
    assert "FOUND" not in FILTER.scan_by_path(gateway, samples.eicar())
    mail = samples.text_mail("probe-11", "probe@example.test", samples.eicar())
    path = f"{FILTER.home}/tmp/message"
    with gateway.file(path, mail):
        gateway.host.check_output(f"chown {FILTER.name}:{FILTER.name} {path} && chmod 640 {path}")
        scanned = gateway.host.run(
            f"setpriv --reuid {FILTER.name} --regid {FILTER.name} --init-groups mailcordon scan {path}"
        )
    assert "Eicar-Test-Signature" in scanned.stdout, scanned.stderr
