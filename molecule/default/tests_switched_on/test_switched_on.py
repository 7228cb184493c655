"""After one more run with everything switched on again: checklist 4, the way back."""

import pytest

from end_to_end import samples
from end_to_end.gateway import Gateway


@pytest.mark.parametrize("unit", ["clamav-daemon.service", "clamav-freshclam.service", "mailcordon.socket"])
def test_unit_runs_and_starts_at_boot(gateway: Gateway, unit: str) -> None:
    """Also those that stood still for a while."""
    for question in ("is-active", "is-enabled"):
        result = gateway.host.run(f"systemctl {question} {unit}")
        assert result.rc == 0, f"{unit} {question}: {result.stdout}{gateway.journal(unit)}"


def test_filter_works_again(gateway: Gateway) -> None:
    """EICAR and GTUBE are blocked, EICAR's twin arrives with the filter's mark."""
    infected = gateway.send_form("zip", samples.eicar())
    harmless = gateway.send_form("zip", samples.twin())
    spam = gateway.send_text(samples.gtube())
    assert "Blocked INFECTED" in gateway.wait_logged(infected, "Blocked")
    assert "Blocked SPAM" in gateway.wait_logged(spam, "Blocked")
    assert b"X-Virus-Scanned" in gateway.wait_delivered(harmless)
    assert not gateway.delivered(infected)
