"""Examples in the documentation are loaded (features 5.04)."""

import re
from pathlib import Path

import pytest

from mailcordon.config.load import load

DOCUMENT = Path(__file__).parents[3] / "docs" / "configuration.md"
EXAMPLES = re.findall(r"^```toml\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_there_are_examples() -> None:
    """The test below must have something to load."""
    assert len(EXAMPLES) >= 3


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_is_a_good_configuration(example: str, tmp_path: Path) -> None:
    """Each example is a good fragment by itself."""
    (tmp_path / "50-user.toml").write_text(example, encoding="utf-8")
    assert load((tmp_path,)).settings.myhostname == "gate.example.com"
