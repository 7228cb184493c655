"""The field of the campaign, and how long it lasts."""

from collections.abc import Iterator

import pytest

from faults.field import Field


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--campaign`, known when this directory is named on the command line."""
    parser.addoption(
        "--campaign", type=float, default=0, metavar="MINUTES", help="faults at random for so long, and the memory test"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without `--campaign` the long tests are not there."""
    if not config.getoption("campaign", default=0):
        long = [item for item in items if item.get_closest_marker("campaign")]
        items[:] = [item for item in items if item not in long]
        config.hook.pytest_deselected(items=long)


@pytest.fixture(scope="session")
def minutes(request: pytest.FixtureRequest) -> float:
    """How long the campaign lasts."""
    return float(request.config.getoption("campaign"))


@pytest.fixture(scope="module")
def running_field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """One field for all faults."""
    field = Field(tmp_path_factory.mktemp("field"))
    try:
        field.start()
        yield field
    finally:
        field.stop()


@pytest.fixture
def field(running_field: Field) -> Field:
    """The field under load."""
    running_field.resume()
    return running_field
