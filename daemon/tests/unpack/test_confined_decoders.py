"""The decoders in a real decoder process, where libraries and programs may do next to nothing (features 18.12)."""

import shutil
from pathlib import Path

import pytest

from mailcordon.unpack.decoder_process import Mappings
from mailcordon.unpack.job import Job, Opened, PartFile, ProblemKind, Quota
from mailcordon.unpack.pool import DecoderPool
from packers import ENCRYPTED, NAME, PACKERS

PATH = "/usr/local/bin:/usr/bin:/bin"
QUOTA = Quota(levels=14, files=1500, octets=64 * 1024 * 1024, seconds=120)
MEMORY = 1 << 30


async def opened(files: dict[str, Path], directory: Path, *, path: str = PATH, types: Mappings = ()) -> Opened:
    """What comes out of all these files as parts of one message, 1.1 and so on."""
    work = directory / "work"
    work.mkdir()
    parts = tuple(
        PartFile(f"1.{number}", Path(shutil.copy(file, work / f"part{number}")), (name,), "application/octet-stream")
        for number, (name, file) in enumerate(files.items(), 1)
    )
    pool = DecoderPool(directory, size=1, path=path, types=types)
    try:
        return await pool.do(Job(work, parts, QUOTA, MEMORY), patience=60)
    finally:
        await pool.close()


async def test_every_archive_is_opened(archives: dict[str, Path], tmp_path: Path) -> None:
    """B13.01, B13.06: with all confinement that this kernel has."""
    found = await opened(archives, tmp_path)
    types = {looked.location: looked.short_types for looked in found.looked}
    for number, archive in enumerate(PACKERS, 1):
        inside = [member for member in found.members if member.location.startswith(f"1.{number}.")]
        programs = [member for member in inside if "exe-ms" in types.get(member.location, ())]
        assert any(member.name.lower().partition(";")[0].endswith(NAME) for member in programs), archive
    assert not found.problems


async def test_every_encrypted_archive_is_told(encrypted_archives: dict[str, Path], tmp_path: Path) -> None:
    """B13.05."""
    found = await opened(encrypted_archives, tmp_path)
    told = {problem.location for problem in found.problems if problem.kind is ProblemKind.ENCRYPTED}
    assert told == {f"1.{number}" for number, _ in enumerate(ENCRYPTED, 1)}


@pytest.mark.parametrize("name", ["plain.arj", "plain.arc", "clam.exe.lzo", "clam.exe.lrz"])
async def test_without_its_program_an_archive_is_not_clean(
    name: str, archives: dict[str, Path], tmp_path: Path
) -> None:
    """features 5.06, 5.18: programs are found in PATH only, and what cannot be opened is told."""
    found = await opened({name: archives[name]}, tmp_path, path=str(tmp_path))
    assert [problem.kind for problem in found.problems] == [ProblemKind.UNREADABLE]
    assert not found.members


async def test_frozen_files_are_told_of(tmp_path: Path) -> None:
    """features 5.15: nothing in Debian opens them, and they do not pass for opened."""
    frozen = tmp_path / "frozen"
    frozen.write_bytes(b"\x1f\x9f" + bytes(range(64)))
    found = await opened({"x.F": frozen}, tmp_path)
    assert [(problem.kind, problem.text) for problem in found.problems] == [
        (ProblemKind.UNREADABLE, "No decoder for .F")
    ]


async def test_own_file_types_reach_the_decoder_process(archives: dict[str, Path], tmp_path: Path) -> None:
    """features 5.47: in addition to what the look into the file itself says."""
    found = await opened({"x.zip": archives["stored.zip"]}, tmp_path, types=[("^Zip archive", ["picture"])])
    assert [set(looked.short_types) >= {"picture"} for looked in found.looked] == [True, False]
