"""The daemon as a package: installed from its sources without Ansible, never on a Python that is too old."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from mailcordon import __version__

PROJECT = Path(__file__).parents[1]


def pip(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the sources, with the build backend that is installed."""
    directory = tmp_path_factory.mktemp("wheel")
    built = pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", directory, PROJECT)
    assert built.returncode == 0, built.stderr
    (path,) = directory.iterdir()
    return path


def test_installs_from_its_sources(wheel: Path, tmp_path: Path) -> None:
    """Features 1.14: the installed program runs, with the fragments that belong to it."""
    assert pip("install", "--no-deps", "--no-index", "--target", tmp_path, wheel).returncode == 0
    (tmp_path / "50-user.toml").write_text('myhostname = "gate.example.test"\n')
    program = "import sys; from mailcordon.cli.main import main; main(sys.argv[1:])"

    def run(*arguments: str) -> str:
        # -I would leave PYTHONPATH out, which is what makes the copy the one that is imported.
        return subprocess.run(
            [sys.executable, "-c", program, *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
        ).stdout

    assert __version__ in run("--version")
    shown = run("check-config", "--config-dir", str(tmp_path), "--json")
    assert str(tmp_path / "mailcordon/config/conf.d/40-policy_banks.toml") in shown


def test_source_distribution_has_the_sample_plugin(tmp_path: Path) -> None:
    """Features 6.10: whoever has the sources has the documented sample."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, timeout=120)
    (archive,) = tmp_path.iterdir()
    with tarfile.open(archive) as contents:
        assert any(name.endswith("/examples/sample_plugin.py") for name in contents.getnames())


@pytest.mark.parametrize(("version", "accepted"), [("3.10", False), ("3.11", True), ("3.13", True)])
def test_least_version_of_python(wheel: Path, tmp_path: Path, version: str, accepted: bool) -> None:
    """Features 1.13: pip refuses with a line that names the version it needs."""
    tried = pip(
        *("download", "--no-deps", "--no-index", "--only-binary=:all:", "--python-version", version),
        *("--dest", tmp_path, wheel),
    )
    assert (tried.returncode == 0) is accepted, tried.stderr
    assert (f"requires a different Python: {version}.0 not in '>=3.11'" in tried.stderr) is not accepted
