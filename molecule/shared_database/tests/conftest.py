"""All hosts of the scenario together."""

import pytest
import testinfra
from testinfra.host import Host

from end_to_end.gateway import Gateway
from end_to_end.shared_database import DATABASE, GATEWAYS, Shared


@pytest.fixture(scope="module")
def shared(host: Host) -> Shared:
    """The hosts; the first one is the test's own."""
    gateways = {name: Gateway(testinfra.get_host(f"docker://{name}")) for name in GATEWAYS}
    return Shared(testinfra.get_host(f"docker://{DATABASE}"), gateways)
