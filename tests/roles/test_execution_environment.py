"""The execution environment: a build context that ansible-builder renders from the tarball alone.

The image itself is not built here: that takes a registry with the base image.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that `make ee` fills."""
    directory = tmp_path_factory.mktemp("environment") / "rendered"
    done = subprocess.run(
        [ROOT / ".ci/execution-environment", directory], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return directory


@pytest.fixture(scope="module")
def installed(rendered: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Collections as the image would hold them: installed by the same requirements from the same place."""
    target = tmp_path_factory.mktemp("installed")
    done = subprocess.run(
        ["ansible-galaxy", "collection", "install", "--force", "--offline", "-r", "requirements.yml", "-p", target],
        cwd=rendered,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def test_the_image_installs_the_tarball(rendered: Path) -> None:
    context = rendered / "context"
    lines = [line.strip() for line in (context / "Containerfile").read_text().splitlines()]
    copied = lines.index("COPY _build/collections/mailcordon-gateway.tar.gz /build/mailcordon-gateway.tar.gz")
    install = next(number for number, line in enumerate(lines) if "ansible-galaxy collection install" in line)
    assert copied < install
    assert "-r requirements.yml" in lines[install]
    assert (context / "_build/collections/mailcordon-gateway.tar.gz").stat().st_size > 0


def test_the_collection_says_what_the_controller_needs(installed: Path) -> None:
    """ansible-builder reads it from the installed collection, as it does while it builds the image."""
    done = subprocess.run(
        ["ansible-builder", "introspect", installed], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = yaml.safe_load(done.stdout)
    assert [line.split(">")[0] for line in found["python"]] == ["passlib", "pip"]
    assert [line.split(" ")[0] for line in found["system"]] == ["openssh-clients", "openssh-client"]
