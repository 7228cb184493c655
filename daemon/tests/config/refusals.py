"""What check-config says of a fragment."""

from pathlib import Path

from mailcordon.config.load import load
from mailcordon.errors import ConfigError


def refusals(directory: Path, text: str) -> list[str]:
    """The problems of a fragment `text` below `directory`, without the place in front; none where it is taken."""
    fragment = directory / "50-user.toml"
    fragment.write_text(f'myhostname = "gate.example.test"\nMYHOME = "{directory}"\n{text}')
    try:
        load((directory,))
    except ConfigError as error:
        return [problem.removeprefix(f"{fragment}:").partition(": ")[2] for problem in error.problems]
    return []
