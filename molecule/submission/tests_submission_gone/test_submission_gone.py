"""After a run with the filter on again and `postfix_filter_submission: false`."""

from end_to_end import samples
from end_to_end.entry import assert_postfix_is_content
from end_to_end.gateway import Gateway


def test_nothing_is_left_of_submission(gateway: Gateway) -> None:
    """Services, unit and configuration are gone; the users' hashes stay."""
    services = gateway.host.check_output("postconf -M")
    assert "submission" not in services
    for port in (587, 465, 10026):
        assert gateway.host.check_output(f"ss -Hltn 'sport = :{port}'") == ""
    assert gateway.host.run("systemctl cat mailcordon-auth.service").rc != 0
    # The brackets keep the shell that runs pgrep from matching itself
    assert gateway.host.run("pgrep -f [m]ailcordon-auth").rc == 1
    assert gateway.host.file("/etc/mailcordon-auth/users").exists
    assert not gateway.host.file("/etc/mailcordon-auth/dovecot.conf").exists
    assert_postfix_is_content(gateway)


def test_the_filter_works(gateway: Gateway) -> None:
    """And no mail is left behind in the queue."""
    infected = gateway.send_form("zip", samples.eicar())
    harmless = gateway.send_form("zip", samples.twin())
    assert "Blocked INFECTED" in gateway.wait_logged(infected, "Blocked")
    gateway.wait_delivered(harmless)
    assert "empty" in gateway.host.check_output("postqueue -p")
