"""mailcordon installed where every account can read it, as the role does; a source tree may lie in a closed place."""

import importlib.metadata
import shutil
import sys
from pathlib import Path

from packaging.requirements import Requirement

import mailcordon


def install(directory: Path) -> None:
    """Copy the package and all that it needs at run time into `directory`, for PYTHONPATH."""
    directory.mkdir()
    package = Path(mailcordon.__file__).parent
    shutil.copytree(package, directory / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    _copy_distribution_info("mailcordon", directory)
    for name in _requirements_of("mailcordon"):
        _copy_distribution(name, directory)


def program_in(directory: Path) -> list[str]:
    """The command line of the program that is installed there, for any account."""
    # Without the working directory and the user's own packages on the path; the program lies nowhere else.
    program = f"import sys; sys.path.insert(0, {str(directory)!r}); from mailcordon.cli.main import main; main()"
    return [str(Path(sys.executable).resolve()), "-I", "-c", program]


def _requirements_of(name: str) -> set[str]:
    """Names of all distributions below that one."""
    found: set[str] = set()
    waiting = [(name, "")]
    while waiting:
        current, extra = waiting.pop()
        for line in importlib.metadata.requires(current) or ():
            requirement = Requirement(line)
            if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
                continue
            if requirement.name not in found:
                found.add(requirement.name)
                waiting += [(requirement.name, wanted) for wanted in ("", *requirement.extras)]
    return found


def _copy_distribution(name: str, directory: Path) -> None:
    distribution = importlib.metadata.distribution(name)
    for file in distribution.files or ():
        # Commands lie above the directory of the packages.
        if ".." not in file.parts and file.suffix != ".pyc":
            target = directory / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(distribution.locate_file(file)), target)


def _copy_distribution_info(name: str, directory: Path) -> None:
    distribution = importlib.metadata.distribution(name)
    metadata = directory / f"{name}-{distribution.version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(distribution.read_text("METADATA") or "")
