"""The directory of a message (contract B13.06)."""

import os
import stat
from pathlib import Path

import pytest

from mailcordon.errors import SpoolError
from mailcordon.unpack.work_directory import WorkDirectory, remove_leftovers


def test_numbered_files(tmp_path: Path) -> None:
    """0640 in a directory 0750, whatever the umask; gone when the message is done."""
    previous = os.umask(0)
    try:
        directory = WorkDirectory(tmp_path)
        files = [directory.write(b"one"), directory.write(b"two")]
    finally:
        os.umask(previous)
    assert [file.name for file in files] == ["p001", "p002"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in (directory.path, *files)] == [0o750, 0o640, 0o640]
    (directory.path / "x").mkdir()
    (directory.path / "x" / "below").write_text("")
    directory.remove()
    assert not any(tmp_path.iterdir())


def test_no_room(tmp_path: Path) -> None:
    """One line that says what, where and why."""
    with pytest.raises(SpoolError, match=r"cannot make a directory in .*: No such file"):
        WorkDirectory(tmp_path / "absent")
    directory = WorkDirectory(tmp_path)
    (directory.path / "p001").symlink_to("/etc/passwd")
    with pytest.raises(SpoolError, match=r"cannot write .*p001: File exists"):
        directory.write(b"x")
    directory.remove()


def test_only_regular_files_of_its_own(tmp_path: Path) -> None:
    """A decoder process that was taken over may name anything."""
    directory = WorkDirectory(tmp_path)
    file = directory.write(b"x")
    link, folder = directory.path / "p002", directory.path / "p003"
    link.symlink_to(file)
    folder.mkdir()
    other = tmp_path / "p001"
    other.write_text("")
    absent = directory.path / "p004"
    assert [directory.holds(path) for path in (file, link, folder, other, absent)] == [True, *[False] * 4]
    directory.remove()


def test_leftovers(tmp_path: Path) -> None:
    """Those of killed processes are removed; not those in use, and not what is nobody's directory."""
    used = WorkDirectory(tmp_path)
    left = tmp_path / "unpack-left"
    left.mkdir()
    (left / "p001").write_text("")
    link = tmp_path / "unpack-link"
    link.symlink_to(tmp_path)
    assert remove_leftovers(tmp_path) == 1
    assert sorted(tmp_path.iterdir()) == sorted([used.path, link])
    used.remove()
    with pytest.raises(FileNotFoundError):
        (tmp_path / "absent").stat()
