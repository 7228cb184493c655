"""A daemon with a next hop for each test."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from servers import Clamd

from .daemon import Daemon, NextHop
from .installation import install


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program where every account can read it."""
    directory = tmp_path_factory.mktemp("installed") / "packages"
    install(directory)
    for path in directory.parents:
        if "pytest-of-" in str(path):
            path.chmod(0o755)
    return directory


@pytest.fixture
def token() -> str:
    """What tells a message of this test from all others."""
    return uuid4().hex


@pytest.fixture
def next_hop(tmp_path: Path) -> Iterator[NextHop]:
    """Takes everything."""
    with NextHop(tmp_path / "delivered") as hop:
        yield hop


@pytest.fixture
def daemon(tmp_path: Path, clamd: Clamd, next_hop: NextHop) -> Iterator[Daemon]:
    """Not started yet, so that the test may configure it."""
    running = Daemon(tmp_path / "daemon", clamd.path, next_hop)
    yield running
    running.stop()
