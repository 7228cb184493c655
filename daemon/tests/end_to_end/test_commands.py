"""The commands, and what docs/commands.md tells those who know amavisd's (contract B18.01 to B18.03)."""

import re
import subprocess
from pathlib import Path

import pytest

from mailcordon import __version__
from mailcordon.config.settings import Settings

from .daemon import COMMAND

PAGE = (Path(__file__).parents[3] / "docs/commands.md").read_text()
"""Code is between backticks."""
COMMANDS = sorted(set(re.findall(r"`mailcordon ([a-z][a-z-]+)", PAGE)))
OPTIONS = sorted(
    {(command, option) for command, option in re.findall(r"`mailcordon ([a-z-]+) [^`]*?(--[a-z-]+)", PAGE)}
)
SETTINGS = sorted(set(re.findall(r"`([a-z]+(?:_[a-z]+)+|[A-Z]{6,})`", PAGE)) - {"convert_keysfile", "SIGHUP"})


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *arguments], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_names_all_commands(option: str) -> None:
    """Contract B18.01: `-h`; the page names every command that there is, and no other."""
    result = run(option)
    assert result.returncode == 0
    listed = re.findall(r"^  ([a-z-]+) ", result.stdout.partition("Commands:")[2], re.MULTILINE)
    assert sorted(listed) == COMMANDS


def test_version() -> None:
    """Contract B18.01: `-V`."""
    assert run("-V").stdout == f"mailcordon, version {__version__}\n"


@pytest.mark.parametrize(("command", "option"), OPTIONS)
def test_options_of_the_page_exist(command: str, option: str) -> None:
    """Contract B18.02: what stands in the place of amavisd's options."""
    assert f"{option} " in run(command, "-h").stdout or f"{option}\n" in run(command, "-h").stdout


def test_settings_of_the_page_exist() -> None:
    """Contract B18.02, B18.03: the other options have become settings."""
    assert len(SETTINGS) >= 7
    assert set(SETTINGS) <= Settings.model_fields.keys()


@pytest.mark.parametrize("arguments", [["stop"], ["debug-sa"], ["serve", "-c", "/etc/amavisd.conf"], ["serve", "now"]])
def test_what_is_not_known_is_one_clear_line(arguments: list[str]) -> None:
    """Bad input: nothing is started, the exit status is that of wrong usage."""
    result = run(*arguments)
    assert result.returncode == 2
    assert re.search(
        r"^Error: (No such command|No such option|Got unexpected extra argument)", result.stderr, re.MULTILINE
    )
