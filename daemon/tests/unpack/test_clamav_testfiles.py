"""Debian's package clamav-testfiles: everything in it hides the program `clam.exe` (B13.01, features 18.12)."""

from pathlib import Path

import pytest
from opening import Found, Opener

from clamav_testfiles import FILES, NOT_OPENED, TEXTS

MARK = b"CLAMessageBoxA"
"""In the program."""


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
