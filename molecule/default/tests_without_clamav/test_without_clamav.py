"""After a run with `clamav_enabled: false` alone: checklist 5, features 1.07."""

import pytest

from end_to_end import samples
from end_to_end.gateway import Gateway


@pytest.mark.parametrize("unit", ["clamav-daemon.service", "clamav-daemon.socket", "clamav-freshclam.service"])
def test_clamav_stands_still(gateway: Gateway, unit: str) -> None:
    """No unit of ClamAV runs or starts at boot, so nobody can be contacted."""
    assert gateway.host.run(f"systemctl is-active {unit}").rc != 0
    assert gateway.host.run(f"systemctl is-enabled {unit}").rc != 0


def test_virus_checks_are_off_and_spam_checks_are_on(gateway: Gateway) -> None:
    """Features 1.07: the filter asks no virus scanner and misses none; GTUBE is blocked as before."""
    infected = gateway.send_form("plain", samples.eicar())
    spam = gateway.send_text(samples.gtube())
    assert "Passed CLEAN" in gateway.wait_logged(infected, "Passed")
    gateway.wait_delivered(infected)
    assert "Blocked SPAM" in gateway.wait_logged(spam, "Blocked")
    assert not gateway.delivered(spam)
