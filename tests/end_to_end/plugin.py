"""Pytest plugin for tests of whole mail hosts: the `gateway` fixture, journals of failed tests, one host one worker.

Molecule's verifier loads it through PYTEST_PLUGINS.
"""

from collections.abc import Generator

import pytest
import testinfra
from testinfra.host import Host
from xdist.scheduler import LoadScopeScheduling

from end_to_end.gateway import Gateway
from end_to_end.playbook import Ansible


@pytest.fixture(scope="module")
def gateway(host: Host) -> Gateway:
    """The mail host under test."""
    return Gateway(host)


@pytest.fixture(scope="module")
def ansible(request: pytest.FixtureRequest, host: Host) -> Ansible:
    """Ansible on the controller, for tests that change the host as an administrator would.

    It takes the host, so that the test runs in the worker of that host.
    """
    return Ansible(request.config.option.ansible_inventory)


class OneWorkerAHost(LoadScopeScheduling):  # type: ignore[misc] # xdist has no type information
    """Gives all tests of a host to one worker process, in order, because they share its services."""

    def __init__(self, config: pytest.Config) -> None:
        super().__init__(config)
        option = config.option
        hosts = testinfra.get_hosts(
            option.hosts.split(",") if option.hosts else [None],
            connection=option.connection,
            ansible_inventory=option.ansible_inventory,
        )
        # The longest name first: one may begin with another
        self._host_ids = sorted((host.backend.get_pytest_id() for host in hosts), key=len, reverse=True)

    def _split_scope(self, nodeid: str) -> str:
        return next((host_id for host_id in self._host_ids if f"[{host_id}" in nodeid), "no host")


def pytest_xdist_make_scheduler(config: pytest.Config) -> OneWorkerAHost:
    """Hosts side by side."""
    return OneWorkerAHost(config)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds the host's journal to the report of a failed test."""
    report = yield
    host = getattr(item, "funcargs", {}).get("host")
    if report.when == "call" and report.failed and host is not None:
        journal = host.run("journalctl -q --no-pager -n 80").stdout
        report.sections.append(("journal of the host", journal))
        queue = host.run("postqueue -p").stdout
        report.sections.append(("mail queue of the host", queue))
    return report
