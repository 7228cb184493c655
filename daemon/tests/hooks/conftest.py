"""A bench for every test of this room."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mailcordon.config.settings import Settings

from .hooking import Bench


@pytest.fixture
def bench(tmp_path: Path, make_settings: Callable[..., Settings]) -> Bench:
    """With an empty directory for plugins."""
    return Bench(tmp_path, make_settings)
