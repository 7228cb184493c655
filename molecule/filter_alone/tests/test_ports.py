"""A port of its own for originating mail (B4.04, B20.04; features 1.24, 10.09)."""

import json

import pytest

from end_to_end.gateway import Gateway


@pytest.mark.parametrize("port", [10024, 10026])
def test_port_greets_on_loopback_only(gateway: Gateway, port: int) -> None:
    """Features 1.24: not on 0.0.0.0."""
    listening = gateway.host.check_output(f"ss -Hltn 'sport = :{port}'").split()
    assert listening[3] == f"127.0.0.1:{port}"


def test_bank_of_the_port(gateway: Gateway) -> None:
    """B4.04, features 10.09: what comes in there is originating, what comes in at the other port is not."""
    shown = json.loads(gateway.host.check_output("mailcordon check-config --show --json"))["settings"]
    assert shown["inet_socket_port"] == [10024, 10026]
    assert shown["interface_policy"]["10026"] == "ORIGINATING"
    assert "10024" not in shown["interface_policy"]
    assert shown["originating"] is False
    under = json.loads(gateway.host.check_output("mailcordon check-config --bank ORIGINATING --json"))["settings"]
    assert under["originating"] is True
