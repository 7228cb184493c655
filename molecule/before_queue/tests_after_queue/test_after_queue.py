"""After one run with `postfix_filter_mode: after_queue`: ours has gone, the administrator's has stayed."""

from end_to_end import samples
from end_to_end.entry import (
    OF_THE_ADMINISTRATOR,
    assert_alias_expands_once,
    assert_header_checks_work,
    assert_postfix_is_content,
    options,
    process_limit,
)
from end_to_end.gateway import Gateway


def test_port_25_is_as_the_administrator_had_it(gateway: Gateway) -> None:
    """Issue 3, point 6."""
    assert options(gateway, "smtp/inet") == OF_THE_ADMINISTRATOR
    assert process_limit(gateway, "smtp/inet") == "-"
    assert_postfix_is_content(gateway)


def test_the_transport_has_all_of_the_filter(gateway: Gateway) -> None:
    """Features 4.03."""
    assert int(process_limit(gateway, "amavisfeed/unix")) == int(gateway.host.check_output("nproc")) * 20


def test_mail_is_taken_first_and_filtered_then(gateway: Gateway) -> None:
    """Features 4.01, 4.02."""
    infected = gateway.send_form("zip", samples.eicar())
    harmless = gateway.send_form("zip", samples.twin())
    assert "DiscardedInbound" in gateway.wait_logged(infected, "Blocked INFECTED")
    assert b"X-Virus-Scanned" in gateway.wait_delivered(harmless)
    assert not gateway.delivered(infected)


def test_aliases_expand_once(gateway: Gateway) -> None:
    """Checklist 16; contract B20.03."""
    assert_alias_expands_once(gateway)


def test_header_checks_work(gateway: Gateway) -> None:
    """At the entry, now."""
    assert_header_checks_work(gateway)
