"""The filter under an account that was there before, with a login shell (features 1.08, 1.09, 1.10, 1.16, 18.02)."""

from end_to_end.accounts import FilterAccount
from end_to_end.gateway import Gateway

AMAVIS = FilterAccount("amavis", "/var/lib/amavis")


def test_account_lost_its_shell(gateway: Gateway) -> None:
    """Features 1.08, 18.02."""
    AMAVIS.check_account(gateway.host)


def test_everything_follows_the_account(gateway: Gateway) -> None:
    """Features 1.09, 1.10, 1.16: work tree, tmpfiles, configuration and processes."""
    AMAVIS.check_work_tree(gateway.host)
    AMAVIS.check_tmpfiles(gateway.host)
    AMAVIS.check_configuration(gateway.host)
    AMAVIS.check_processes(gateway.host)
    AMAVIS.check_prerequisites(gateway.host)
