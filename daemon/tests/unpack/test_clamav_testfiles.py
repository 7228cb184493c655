"""Debian's package clamav-testfiles: everything in it hides the program `clam.exe` (B13.01, features 18.12)."""

from pathlib import Path

import pytest
from opening import Found, Opener

FILES = {file.name: file for file in Path("/usr/share/clamav-testfiles").iterdir()}
MARK = b"CLAMessageBoxA"
"""In the program."""

_PACKED = "the program itself, made smaller by a packer of programs: banned as it is, unpacked by virus scanners"
NOT_OPENED = {
    "clam.exe": "the program itself",
    "clam-aspack.exe": _PACKED,
    "clam-fsg.exe": _PACKED,
    "clam-mew.exe": _PACKED,
    "clam-pespin.exe": _PACKED,
    "clam-petite.exe": _PACKED,
    "clam-upack.exe": _PACKED,
    "clam-upx.exe": _PACKED,
    "clam-wwpack.exe": _PACKED,
    "clam-yc.exe": _PACKED,
    "clam.ea05.exe": "compiled AutoIt script: a program, banned as it is, opened by virus scanners",
    "clam.ea06.exe": "compiled AutoIt script: a program, banned as it is, opened by virus scanners",
    "clam_ISmsi_ext.exe": "installer of InstallShield: a program, banned as it is, opened by virus scanners",
    "clam_ISmsi_int.exe": "installer of InstallShield: a program, banned as it is, opened by virus scanners",
    "clam_IScab_ext.exe": "InstallShield's own cabinets, inside of a program that is banned as it is",
    "clam_IScab_int.exe": "InstallShield's own cabinets, inside of a program that is banned as it is",
    "clam_cache_emax.tgz": "nested more deeply than MAXLEVELS as packaged, which is told as over limits",
    "clam.exe.html": "base64 in a page of HTML outside of MIME stays text (features 7.06); virus scanners look at it",
    "clam.pdf": "documents of Adobe go to the virus scanners as a whole",
    "clam.sis": "no program of Debian opens installation files of Symbian: told as unreadable",
}
"""Why the program does not come out."""
TEXTS = {"clam.exe.mbox.uu", "clam.exe.binhex"}
"""Opened only where the decoders of encoded texts are switched on (features 7.05)."""


def _programs(found: Found) -> list[str]:
    return [name for name, octets in found.contents.items() if octets.startswith(b"MZ") and MARK in octets]


@pytest.mark.parametrize("name", sorted(FILES.keys() - NOT_OPENED.keys()))
def test_the_program_comes_out(name: str, tmp_path: Path) -> None:
    """B13.01, features 18.12: and is known for a program, so that a rule on `.exe` catches it."""
    found = Opener(tmp_path).open(FILES[name])
    assert any({"exe", "exe-ms"} <= set(found.types[program]) for program in _programs(found)), found
    assert not found.errors


@pytest.mark.parametrize("name", sorted(NOT_OPENED))
def test_what_stays_closed_is_no_surprise(name: str, tmp_path: Path) -> None:
    """Programs are known for programs; the rest is never taken for opened."""
    found = Opener(tmp_path).open(FILES[name])
    if name.endswith(".exe"):
        assert {"exe", "exe-ms"} <= set(found.types[name])
    assert not _programs(found), "it is opened now: take it out of NOT_OPENED"


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_encoded_texts_are_opened_on_demand_only(name: str, tmp_path: Path) -> None:
    """features 7.05: their types are those that the packaged configuration switches off."""
    opener = Opener(tmp_path)
    assert _programs(opener.open(FILES[name]))
    assert set(opener.file_types.look(FILES[name], name, "text/plain")[0]) <= {"asc", "uue", "hqx", "ync", "mail"}
