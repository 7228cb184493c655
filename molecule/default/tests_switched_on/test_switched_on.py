"""After one more run with the filter switched on again: checklist 4, the way back."""

from end_to_end import samples
from end_to_end.gateway import Gateway


def test_filter_works_again(gateway: Gateway) -> None:
    """EICAR is blocked, its twin arrives with the filter's mark."""
    infected = gateway.send_form("zip", samples.eicar())
    harmless = gateway.send_form("zip", samples.twin())
    assert "Blocked INFECTED" in gateway.wait_logged(infected, "Blocked")
    assert b"X-Virus-Scanned" in gateway.wait_delivered(harmless)
    assert not gateway.delivered(infected)
