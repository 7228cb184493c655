"""What every packer of Debian packs comes out again (B13.01, features 18.12)."""

from pathlib import Path

import pytest
from opening import Opener

from mailcordon.unpack.job import ProblemKind
from packers import ENCRYPTED, NAME, PACKERS, PROGRAM


@pytest.mark.parametrize("name", PACKERS)
def test_the_program_comes_out(name: str, archives: dict[str, Path], tmp_path: Path) -> None:
    """B13.01, features 5.09-5.14, 5.16-5.22: the member has its octets, and is known for a program of Windows."""
    found = Opener(tmp_path).open(archives[name])
    program = PROGRAM.read_bytes()
    inside = [member for member, octets in found.contents.items() if octets == program]
    assert inside, (found.types, found.errors)
    assert {"exe", "exe-ms"} <= set(found.types[inside[0]])
    assert not found.problems
    assert not found.errors


@pytest.mark.parametrize("name", PACKERS)
def test_the_program_has_its_name(name: str, archives: dict[str, Path], tmp_path: Path) -> None:
    """B12.02: rules on names see the one in the archive; formats that shout are heard, too."""
    found = Opener(tmp_path).open(archives[name])
    assert any(member.name.lower().partition(";")[0].endswith(NAME) for member in found.members)


@pytest.mark.parametrize("name", ENCRYPTED)
def test_what_needs_a_password_is_told(name: str, encrypted_archives: dict[str, Path], tmp_path: Path) -> None:
    """B13.05: encrypted members are listed, without octets."""
    found = Opener(tmp_path).open(encrypted_archives[name])
    assert ProblemKind.ENCRYPTED in found.problems
    assert any("C" in member.attributes and member.file is None for member in found.members)
    assert not found.errors
    assert not found.contents
