"""The group that may release mail, on a host that keeps mail in files and its log in SQLite (features 18.02)."""

import pytest

from end_to_end.gateway import Gateway


@pytest.mark.parametrize("path", ["virusmails", "db/mail.db", "amavisd.sock"])
def test_member_reads_nothing(gateway: Gateway, path: str) -> None:
    """Features 18.02: neither quarantine nor database; the twin is the account of the filter."""
    look = f"-- test -r /var/vscan/{path}"
    assert gateway.host.run(f"setpriv --reuid nobody --regid mailrelease --clear-groups {look}").rc == 1
    assert gateway.host.run(f"setpriv --reuid vscan --regid vscan --clear-groups {look}").rc == 0


def test_member_is_answered(gateway: Gateway) -> None:
    """There is no such mail, which the filter itself says; nobody else gets that far."""
    line = "amavisd-release kg2P0rP9Lpu3"
    done = gateway.host.run(f"setpriv --reuid nobody --regid mailrelease --clear-groups {line}")
    assert (done.rc, done.stderr.startswith("450 4.5.0 ERROR: ")) == (1, True), done.stderr
    done = gateway.host.run(f"setpriv --reuid nobody --regid nogroup --clear-groups {line}")
    assert (done.rc, "members of the group mailrelease may" in done.stderr) == (69, True), done.stderr
