"""Fetches databases that ClamAV's authors have signed, and prints the directory in which they lie.

Nobody else can make them, and the real ones cannot be reached from a test bed. ClamAV's own tests bring six small ones
along, `test-1.cvd` to `test-6.cvd`, versions 1 to 6; Debian's source package holds them. It is fetched once, with apt,
which checks Debian's signatures, and kept in `build/`.
"""

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

DIRECTORY = Path(__file__).resolve().parents[2] / "build" / "genuine-signatures"
NAMES = [f"test-{version}.cvd" for version in range(1, 7)]
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def fetch() -> Path:
    """The directory with the databases.

    Raises:
        SystemExit: they cannot be fetched.
    """
    if not all((DIRECTORY / name).exists() for name in NAMES):
        with tempfile.TemporaryDirectory() as work:
            _extract(_download(Path(work)), DIRECTORY)
    return DIRECTORY


def _download(work: Path) -> Path:
    for name in ("lists/partial", "cache/archives/partial", "parts"):
        (work / name).mkdir(parents=True)
    (work / "sources.list").write_text(
        f"deb-src [signed-by={_KEYRING}] http://deb.debian.org/debian {_codename()} main\n"
    )
    settings = {
        "Dir::Etc::sourcelist": work / "sources.list",
        "Dir::Etc::sourceparts": work / "parts",
        "Dir::State::lists": work / "lists",
        "Dir::Cache": work / "cache",
        "APT::Sandbox::User": "",
    }
    apt = ["apt-get", "--quiet", *(f"--option={name}={value}" for name, value in settings.items())]
    for command in (["update"], ["source", "--download-only", "--tar-only", "clamav"]):
        done = subprocess.run([*apt, *command], cwd=work, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"genuine_signatures: apt-get {command[0]} failed: {done.stderr.strip()}")
    return next(work.glob("clamav_*.orig.tar.*"))


def _codename() -> str:
    for line in Path("/etc/os-release").read_text().splitlines():
        name, _, value = line.partition("=")
        if name == "VERSION_CODENAME":
            return value.strip('"')
    sys.exit("genuine_signatures: this is no Debian machine, so there is no Debian source package")


def _extract(archive: Path, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as tar:
        for member in tar:
            path = Path(member.name)
            if path.name in NAMES and path.parent.name == "freshclam_testfiles":
                content = tar.extractfile(member)
                assert content is not None
                (directory / path.name).write_bytes(content.read())


if __name__ == "__main__":
    sys.stdout.write(f"{fetch()}\n")
