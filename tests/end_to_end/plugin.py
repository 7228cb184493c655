"""Pytest plugin for tests of whole mail hosts: the `gateway` fixture, journals of failed tests, one host one worker.

Molecule's verifier loads it through PYTEST_PLUGINS.
"""

from collections.abc import Generator

import pytest
from testinfra.host import Host

from end_to_end.gateway import Gateway


@pytest.fixture(scope="module")
def gateway(host: Host) -> Gateway:
    """The mail host under test."""
    return Gateway(host)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of one host share its services, so they stay in one worker process and in order; hosts run side by side."""
    for item in items:
        callspec = getattr(item, "callspec", None)
        host = callspec.params.get("_testinfra_host") if callspec else None
        item.add_marker(pytest.mark.xdist_group(host.backend.get_pytest_id() if host else "no host"))


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
