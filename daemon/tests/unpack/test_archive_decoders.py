"""Archives that want to be something else for somebody else, and those that want to be too much (B13.03-B13.06)."""

import contextlib
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from opening import Opener

from mailcordon.errors import LimitReachedError
from mailcordon.mail.part import BROKEN, DIRECTORY, LINK, SPECIAL
from mailcordon.unpack.decoding.decoder import Decoded
from mailcordon.unpack.decoding.sink import Budget, Sink
from mailcordon.unpack.decoding.zip_decoder import ZipDecoder
from mailcordon.unpack.decoding.zip_structure import read_zip_structure
from mailcordon.unpack.job import Quota
from packers import Workshop

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
SMALL = Quota(levels=14, files=20, octets=1 << 20, seconds=60)
MIB = bytes(1 << 20)


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, octets in members.items():
            archive.writestr(name, octets)
    return stream.getvalue()


def tarred(*members: tarfile.TarInfo) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(bytes(member.size)))
    return stream.getvalue()


def tar_member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.size, member.linkname = kind, size, target
    return member


def written(directory: Path, octets: bytes, name: str = "archive") -> Path:
    path = directory / name
    path.write_bytes(octets)
    return path


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """Where members are written."""
    path = tmp_path / "room"
    path.mkdir()
    return path


class TestZip:
    def test_both_of_two_archives_in_one_file(self, tmp_path: Path, room: Path) -> None:
        """Readers by directory see the second, readers by headers the first: both come out."""
        both = zipped({"first.txt": b"one"}) + zipped({"second.txt": b"two"})
        found = Opener(room).open(written(tmp_path, both))
        assert {"first.txt", "second.txt"} <= found.contents.keys()

    def test_both_names_of_a_member(self, tmp_path: Path, room: Path) -> None:
        """The header says .txt, the directory .exe."""
        octets = zipped({"clam.txt": b"one"}).replace(b"clam.txt", b"clam.exe")
        octets = octets.replace(b"clam.exe", b"clam.txt", 1)
        found = Opener(room).open(written(tmp_path, octets))
        assert {member.name for member in found.members} == {"clam.txt", "clam.exe"}

    def test_a_member_that_the_directory_conceals(self, tmp_path: Path, room: Path) -> None:
        hidden = zipped({"hidden.exe": b"MZ"})
        hidden = hidden[: hidden.index(b"PK\x01\x02")]
        plain = zipped({"plain.txt": b"x"})
        found = Opener(room).open(written(tmp_path, hidden + plain))
        assert "hidden.exe" in found.contents

    def test_a_plain_archive_is_read_once(self, tmp_path: Path, room: Path) -> None:
        file = written(tmp_path, zipped({"a.txt": b"a", "b.txt": b"b"}))
        structure = read_zip_structure(file)
        assert structure is not None
        assert structure.unambiguous
        assert [member.name for member in Opener(room).open(file).members] == ["a.txt", "b.txt"]

    def test_behind_a_picture(self, tmp_path: Path, room: Path) -> None:
        octets = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;" + zipped({"a.txt": b"a"})
        assert Opener(room).open(written(tmp_path, octets)).contents == {"a.txt": b"a"}

    @pytest.mark.parametrize("cut", [1, 10, 30, 60])
    def test_a_cut_one_gives_what_is_there(self, cut: int, tmp_path: Path, room: Path) -> None:
        octets = zipped({"a.txt": b"a" * 100, "b.txt": b"b" * 100})
        found = Opener(room).open(written(tmp_path, octets[:-cut]))
        assert "a.txt" in found.contents


class TestMembers:
    def test_links_devices_and_directories_are_listed_only(self, tmp_path: Path, room: Path) -> None:
        """B13.06: none of them is made, and a name is no path."""
        octets = tarred(
            tar_member("folder", tarfile.DIRTYPE),
            tar_member("soft", tarfile.SYMTYPE, target="/etc/passwd"),
            tar_member("hard", tarfile.LNKTYPE, target="../../etc/passwd"),
            tar_member("null", tarfile.CHRTYPE),
            tar_member("pipe", tarfile.FIFOTYPE),
            tar_member("../../../outside", size=3),
            tar_member("/absolute", size=3),
        )
        found = Opener(room).open(written(tmp_path, octets))
        listed = {member.name.rstrip("/"): (member.attributes, member.file is not None) for member in found.members}
        assert listed == {
            "folder": (DIRECTORY, False),
            "soft": (LINK, False),
            "hard": (LINK, False),
            "null": (SPECIAL, False),
            "pipe": (SPECIAL, False),
            "../../../outside": ("", True),
            "/absolute": ("", True),
        }
        assert sorted(path.name for path in room.iterdir()) == ["p006", "p007"]
        assert all(path.stat().st_mode & 0o777 == 0o640 for path in room.iterdir())

    def test_the_same_by_a_program(self, tmp_path: Path, room: Path) -> None:
        """B13.06: what 7-Zip extracts is taken over without following anything."""
        shop = Workshop(tmp_path)
        (tmp_path / "folder").mkdir(mode=0o700)
        (tmp_path / "folder" / "inner.txt").write_bytes(b"inner")
        (tmp_path / "folder").chmod(0o500)
        (tmp_path / "soft").symlink_to("/etc/passwd")
        shop.run("7zz", "a", "-snl", "-twim", "archive.wim", "folder", "soft")
        found = Opener(room).open(tmp_path / "archive.wim")
        assert found.contents == {"folder/inner.txt": b"inner"}
        assert {member.attributes for member in found.members} == {"", DIRECTORY, LINK}
        assert [path.name for path in room.iterdir() if path.is_dir()] == []

    def test_two_of_the_same_name_by_a_program(self, tmp_path: Path, room: Path) -> None:
        octets = zipped({"same.txt": b"first", "sama.txt": b"other"}).replace(b"sama.txt", b"same.txt")
        # Not of this method in truth; it makes libarchive give up, and 7-Zip say so, but not lose the other one.
        for header in (b"PK\x03\x04\x14\0\0\0", b"PK\x01\x02\x14\x03\x14\0\0\0"):
            octets = octets.replace(header + b"\x08\0", header + b"\x09\0")
        found = Opener(room).open(written(tmp_path, octets))
        assert {b"first", b"other"} <= set(found.contents.values())

    def test_eicar_in_lzma(self, tmp_path: Path, room: Path) -> None:
        """features 18.12: the peer passes it."""
        octets = lzma.compress(EICAR, lzma.FORMAT_ALONE)
        found = Opener(room).open(written(tmp_path, octets), "eicar.com.lzma")
        assert found.contents == {"eicar.com": EICAR}

    def test_a_name_in_no_known_character_set(self, tmp_path: Path, room: Path) -> None:
        octets = zipped({"x_y.exe": b"MZ"}).replace(b"x_y.exe", b"x\xffy.exe")
        found = Opener(room).open(written(tmp_path, octets))
        assert all(member.name.endswith("y.exe") for member in found.members)
        assert found.members

    def test_what_breaks_off_is_marked(self, tmp_path: Path, room: Path) -> None:
        """B12.03: attribute B."""
        octets = gzip.compress(bytes(range(256)) * 4000)
        found = Opener(room).open(written(tmp_path, octets[: len(octets) // 2]), "x.gz")
        assert found.members[0].attributes == BROKEN
        assert found.errors


class TestLimits:
    """B13.03, B13.04: what fits comes out, then it ends."""

    @pytest.mark.parametrize(
        "bomb",
        [
            gzip.compress(MIB * 30),
            lzma.compress(MIB * 30),
            zipped({"small.txt": b"small", "big": MIB * 30}),
            zipped({"small.txt": b"small", "big": MIB * 30}, zipfile.ZIP_LZMA),
        ],
        ids=["gz", "xz", "zip", "zip with lzma"],
    )
    def test_octets(self, bomb: bytes, tmp_path: Path, room: Path) -> None:
        with pytest.raises(LimitReachedError, match="Exceeded storage quota 1048576 bytes"):
            Opener(room, quota=SMALL).open(written(tmp_path, bomb))
        assert sum(path.stat().st_size for path in room.iterdir()) <= SMALL.octets

    def test_octets_by_a_program(self, tmp_path: Path, room: Path) -> None:
        """What lies beside the bomb comes out all the same."""
        shop = Workshop(tmp_path)
        written(tmp_path, MIB * 60, "big")
        written(tmp_path, b"small", "small.txt")
        shop.run("7zz", "a", "-tzip", "-mm=Deflate64", "bomb.zip", "big", "small.txt")
        with pytest.raises(LimitReachedError, match="Exceeded storage quota"):
            Opener(room, quota=SMALL).open(tmp_path / "bomb.zip")
        assert b"small" in {path.read_bytes() for path in room.iterdir()}
        assert not [path for path in room.iterdir() if path.is_dir()]

    def test_files(self, tmp_path: Path, room: Path) -> None:
        many = zipped({f"{number}.txt": b"x" for number in range(100)})
        with pytest.raises(LimitReachedError, match=r"Maximum number of files \(20\) exceeded"):
            Opener(room, quota=SMALL).open(written(tmp_path, many))
        assert len(list(room.iterdir())) == SMALL.files

    def test_files_by_a_program(self, tmp_path: Path, room: Path) -> None:
        shop = Workshop(tmp_path)
        for number in range(100):
            written(tmp_path, b"x", f"{number}.txt")
        shop.run("7zz", "a", "-twim", "many.wim", *(f"{number}.txt" for number in range(100)))
        with pytest.raises(LimitReachedError, match=r"Maximum number of files \(20\) exceeded"):
            Opener(room, quota=SMALL).open(tmp_path / "many.wim")
        assert len(list(room.iterdir())) == SMALL.files

    def test_directories_count(self, tmp_path: Path, room: Path) -> None:
        octets = tarred(*(tar_member(f"{number}", tarfile.DIRTYPE) for number in range(100)))
        with pytest.raises(LimitReachedError, match="Maximum number of files"):
            Opener(room, quota=SMALL).open(written(tmp_path, octets))

    def test_sizes_that_nobody_has(self, tmp_path: Path, room: Path) -> None:
        """A sparse file of 8 EB costs what fits."""
        header = bytearray(tarred(tar_member("sparse", b"S", 0))[:512])
        header[386:398] = b"0" * 11 + b"\0"
        header[398:410] = b"0" * 11 + b"\0"
        header[483:495] = b"\x80" + struct.pack(">Q", 1 << 62).rjust(11, b"\0")
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        with contextlib.suppress(LimitReachedError):
            Opener(room, quota=SMALL).open(written(tmp_path, bytes(header) + bytes(1024)))
        assert sum(path.stat().st_size for path in room.iterdir()) <= SMALL.octets


class TestScannedAsAWhole:
    """B13.02: what is worth scanning although its members have come out."""

    @pytest.mark.parametrize(
        ("octets", "result"),
        [
            (zipped({"a.txt": b"a"}), Decoded.DONE),
            (zipped({"[Content_Types].xml": b"x", "word/document.xml": b"x"}), Decoded.KEEP),
            (b"GIF89a" + zipped({"a.txt": b"a"}), Decoded.KEEP),
            (zipped({"a.txt": b"a"}) + zipped({"b.txt": b"b"}), Decoded.KEEP),
        ],
        ids=["archive", "document", "behind a picture", "two"],
    )
    def test_zip(self, octets: bytes, result: Decoded, tmp_path: Path, room: Path) -> None:
        sink = Sink("1", room, Budget(SMALL, files=0))
        assert ZipDecoder().decode(written(tmp_path, octets), "x", sink) is result
