"""Archives of which a decoder would see less than others do, and take that for everything (B13.02, B13.04).

Each was found by `python -m fuzz.programs`, where whole files are kept.
"""

import io
import struct
import tarfile
import zlib
from pathlib import Path

import pytest
from opening import Opener
from test_confined_decoders import opened

from mailcordon.errors import CannotDecodeError
from mailcordon.mail.part import BROKEN
from mailcordon.unpack.decoding.archive_decoder import ArchiveDecoder, CompressedFileDecoder
from mailcordon.unpack.decoding.decoder import Decoded, Decoder
from mailcordon.unpack.decoding.leftover import SLACK, has_leftover
from mailcordon.unpack.decoding.registry import all_decoders
from mailcordon.unpack.decoding.seven_zip import SevenZipDecoder
from mailcordon.unpack.decoding.sink import Budget, Sink
from mailcordon.unpack.job import ProblemKind, Quota
from packers import NAME, PROGRAM, Workshop

QUOTA = Quota(levels=14, files=20, octets=1 << 20, seconds=60)
LHA_NEXT_HEADER = 24
"""Where the first header of an lha archive has the size of the header that follows it."""
TAR = ArchiveDecoder(frozenset({"tar"}), ("tar",))
GZIP = CompressedFileDecoder(frozenset({"gz"}), "gzip")


def decode(decoder: Decoder, octets: bytes, directory: Path) -> tuple[Decoded, Sink]:
    """What a decoder says of these octets, and what it brings out."""
    file = directory / "file"
    file.write_bytes(octets)
    sink = Sink("1", directory, Budget(QUOTA, files=0))
    return decoder.decode(file, "file", sink), sink


@pytest.mark.parametrize("name", ["stored.zip", "deflated.zip", "bzip2.zip", "lzma.zip"])
async def test_a_wrong_checksum_changes_no_octet(name: str, archives: dict[str, Path], tmp_path: Path) -> None:
    """Many programs open such a zip: what is in it is known for the program it is, and not only said to be broken."""
    checksum = struct.pack("<I", zlib.crc32(PROGRAM.read_bytes()))
    wrong = tmp_path / name
    wrong.write_bytes(archives[name].read_bytes().replace(checksum, b"none"))
    found = await opened({name: wrong}, tmp_path)
    (member,) = found.members
    assert member.file is not None
    assert (member.size, member.attributes) == (PROGRAM.stat().st_size, BROKEN)
    assert "exe-ms" in found.looked[1].short_types
    assert [problem.kind for problem in found.problems] == [ProblemKind.UNREADABLE]
    assert not found.opened


def test_members_of_xar_end_where_they_end(tmp_path: Path) -> None:
    """libarchive 3.6 counts on from member to member."""
    shop = Workshop(tmp_path)
    shop.path("second").write_bytes(b"second" * 100)
    shop.run("bsdtar", "--format=xar", "-cf", "x.xar", NAME, "second")
    room = tmp_path / "room"
    room.mkdir()
    assert Opener(room).open(shop.path("x.xar")).contents == {NAME: shop.octets(), "second": b"second" * 100}


def test_unar_passes_over_headers(tmp_path: Path) -> None:
    """unar says nothing of a member whose header it does not understand: where it alone opens lha, some may be lost."""
    shop = Workshop(tmp_path)
    shop.path("second").write_bytes(b"second" * 100)
    shop.run("jlha", "-aq", "x.lzh", NAME, "second")
    octets = bytearray(shop.path("x.lzh").read_bytes())
    octets[LHA_NEXT_HEADER] = 0
    (unar,) = [one for one in all_decoders() if one.name == "unar" and "lha" in one.short_types]
    result, sink = decode(unar, bytes(octets), tmp_path)
    assert result is Decoded.KEEP
    assert [member.name for member in sink.members] == ["second"]
    assert [problem.kind for problem in sink.problems] == [ProblemKind.UNREADABLE]


def test_holes_are_filled(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    octets = b"first" + bytes(600_000) + b"last"
    with open(shop.path("sparse"), "wb") as stream:
        stream.write(b"first")
        stream.seek(600_005)
        stream.write(b"last")
    shop.run("tar", "--sparse", "-cf", "x.tar", "sparse")
    result, sink = decode(TAR, shop.path("x.tar").read_bytes(), tmp_path)
    assert result is Decoded.DONE
    (member,) = sink.members
    assert member.file is not None
    assert member.file.read_bytes() == octets


@pytest.mark.parametrize(("padding", "result"), [(bytes(5000), Decoded.DONE), (b"Rar!" * 50, Decoded.KEEP)])
def test_what_lies_behind_the_end_is_scanned(padding: bytes, result: Decoded, tmp_path: Path) -> None:
    """Some programs look for archives of their kind anywhere in a file."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("x"))
    compressed = zlib.compress(b"hello", wbits=31)
    for decoder, octets in ((TAR, stream.getvalue()), (GZIP, compressed)):
        room = tmp_path / decoder.name / str(len(octets))
        room.mkdir(parents=True)
        assert decode(decoder, octets + padding, room)[0] is result


def test_leftover(tmp_path: Path) -> None:
    """An end mark, which not every reader reads, is none; nor is padding."""
    file = tmp_path / "file"
    file.write_bytes(b"archive" + b"e" * SLACK)
    assert not has_leftover(file, 7)
    file.write_bytes(b"archive" + b"e" * SLACK + bytes(200_000))
    assert not has_leftover(file, 7)
    file.write_bytes(b"archive" + b"e" * SLACK + bytes(200_000) + b"x")
    assert has_leftover(file, 7)


async def test_who_passes_members_over_does_not_win(archives: dict[str, Path], tmp_path: Path) -> None:
    """libarchive says that a cpio archive is cut off; 7-Zip finds nothing at all in it and is content."""
    cut = tmp_path / "cut.cpio"
    cut.write_bytes(archives["newc.cpio"].read_bytes()[:600])
    found = await opened({"cut.cpio": cut}, tmp_path)
    assert [problem.kind for problem in found.problems] == [ProblemKind.UNREADABLE]
    assert [member.name for member in found.members] == [NAME]


@pytest.mark.parametrize(
    ("before", "behind", "reason"),
    [
        (b"", b"Rar!" * 50, "7-Zip does not open what is behind its end"),
        (b"x" * 1024, b"", "7-Zip does not find its beginning"),
    ],
)
def test_a_piece_is_not_the_whole(
    before: bytes, behind: bytes, reason: str, archives: dict[str, Path], tmp_path: Path
) -> None:
    """7-Zip looks for an archive anywhere in a file, and says nothing of the rest."""
    octets = before + archives["newc.cpio"].read_bytes() + behind
    with pytest.raises(CannotDecodeError, match=reason):
        decode(SevenZipDecoder(frozenset({"cpio"})), octets, tmp_path)
