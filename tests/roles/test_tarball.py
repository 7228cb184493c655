"""The tarball holds all that users need, and nothing that only this repository needs.

That it works alone is shown on whole hosts: every scenario installs the collection from it.
"""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ["roles", "plugins", "playbooks", "meta", "extensions", "daemon/src", "docs", "requirements.txt", "bindep.txt"]
NEEDED_BY_THE_DAEMON = ["pyproject.toml", "README.md", "LICENSE", "requirements.lock", "requirements-build.lock"]
TOP_LEVEL = {
    *("CHANGELOG.md", "FILES.json", "LICENSE", "MANIFEST.json", "README.md", "bindep.txt", "requirements.txt"),
    *("changelogs", "daemon", "docs", "extensions", "meta", "playbooks", "plugins", "roles", "tests"),
}
MOST_BYTES = 1_000_000


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tarball")
    command = ["ansible-galaxy", "collection", "build", "--output-path", directory, ROOT]
    subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return next(directory.glob("mailcordon-gateway-*.tar.gz"))


@pytest.fixture(scope="module")
def files(tarball: Path) -> set[str]:
    with tarfile.open(tarball) as archive:
        return {member.name for member in archive.getmembers() if member.isfile()}


def known_files(*folders: str) -> set[str]:
    """What git knows or would take below some folders."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *folders]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True).stdout.split()
    return {name for name in listed if (ROOT / name).exists()}


def test_holds_all_that_users_need(files: set[str]) -> None:
    assert known_files(*NEEDED) - files == set()
    assert {f"daemon/{name}" for name in NEEDED_BY_THE_DAEMON} - files == set()


def test_holds_nothing_else(files: set[str]) -> None:
    assert {name.partition("/")[0] for name in files} <= TOP_LEVEL
    assert {name for name in files if name.startswith("tests/") and not name.startswith("tests/unit/")} == set()
    assert {name for name in files if name.startswith(("daemon/tests/", "daemon/bench/", "daemon/fuzz/"))} == set()


def test_is_small(tarball: Path) -> None:
    assert tarball.stat().st_size < MOST_BYTES
