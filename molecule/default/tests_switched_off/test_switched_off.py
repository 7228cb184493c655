"""After a run with `mailcordon_enabled: false`: checklist 4."""

from end_to_end import samples
from end_to_end.gateway import RECIPIENT, Gateway, body_of, new_token


def test_wiring_is_gone(gateway: Gateway) -> None:
    """content_filter and both master.cf services are gone, and Postfix finds nothing wrong."""
    assert gateway.host.check_output("postconf -h content_filter") == ""
    services = gateway.host.check_output("postconf -M")
    assert "amavisfeed" not in services
    assert "10025" not in services
    check = gateway.host.run("postfix check")
    assert (check.rc, check.stderr) == (0, "")


def test_filter_is_stopped(gateway: Gateway) -> None:
    """Nothing listens on the filter's ports, and nothing starts it at boot."""
    for port in (10024, 10025):
        assert gateway.host.check_output(f"ss -Hltn 'sport = :{port}'") == ""
    for unit in ("mailcordon.service", "mailcordon.socket"):
        assert gateway.host.run(f"systemctl is-active {unit}").rc != 0
        assert gateway.host.run(f"systemctl is-enabled {unit}").rc != 0


def test_mail_flows_unfiltered(gateway: Gateway) -> None:
    """Even EICAR arrives: nobody looks any more."""
    token = new_token()
    message = samples.FORMS["plain"](token, RECIPIENT, samples.eicar())
    gateway.send_accepted(token, message)
    delivered = gateway.wait_delivered(token)
    assert body_of(delivered) == body_of(message)
    assert b"X-Virus-Scanned" not in delivered


def test_queue_is_empty(gateway: Gateway) -> None:
    """No mail waits for the filter that is gone."""
    assert "empty" in gateway.host.check_output("postqueue -p")
