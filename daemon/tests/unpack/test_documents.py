"""Documents: what they carry, and texts that hold files (B13.01, features 5.22, 7.05, 7.06)."""

import struct
import zlib
from pathlib import Path

import pytest
from opening import Opener

from mailcordon.unpack.decoding.decoder import Decoded, Decoder
from mailcordon.unpack.decoding.ole_native import read_native, read_object
from mailcordon.unpack.decoding.onenote import MAGIC, OneNoteDecoder
from mailcordon.unpack.decoding.powerpoint import embedded_objects
from mailcordon.unpack.decoding.sink import Budget, Sink
from mailcordon.unpack.decoding.text_decoders import UuencodeDecoder, YencDecoder
from mailcordon.unpack.decoding.vba import module_source
from mailcordon.unpack.job import Quota
from packers import NAME, PROGRAM, Workshop, native_package, ole_document

SOURCE = b'Attribute VB_Name = "Module1"\r\nSub AutoOpen()\r\nShell "calc"\r\nEnd Sub\r\n'


def module(source: bytes) -> bytes:
    """A module's stream: some octets of compiled code, then the text, compressed without any copies."""
    packed = b"".join(b"\0" + source[at : at + 8] for at in range(0, len(source), 8))
    return b"compiled" + b"\1" + struct.pack("<H", 0xB000 | (len(packed) - 1)) + packed


class TestMacros:
    def test_sources_come_out(self, tmp_path: Path) -> None:
        """features 5.22: and the document is known for one with macros."""
        shop = Workshop(tmp_path)
        ole_document(shop, "x.doc", {"WordDocument": bytes(64), "Macros/VBA/Module1": module(SOURCE)})
        room = tmp_path / "room"
        room.mkdir()
        found = Opener(room).open(tmp_path / "x.doc")
        assert found.contents == {"Macros/VBA/Module1": SOURCE}
        assert {"doc", "macro"} <= set(found.types["x.doc"])

    def test_copies(self) -> None:
        """MS-OVBA 2.4.1: a token copies what stood there before."""
        # 16 octets, then a copy of 8 from 16 back: 4 bits for the offset, 12 for the length.
        text = b"Attribute VB_Nam"
        token = struct.pack("<H", (16 - 1) << 12 | (8 - 3))
        packed = b"\0" + text[:8] + b"\0" + text[8:] + b"\1" + token
        stream = b"\1" + struct.pack("<H", 0xB000 | (len(packed) - 1)) + packed
        source = module_source(stream)
        assert source is not None
        assert b"".join(source) == text + text[:8]

    @pytest.mark.parametrize("cut", range(0, 60, 7))
    def test_damaged_sources_end(self, cut: int) -> None:
        stream = module(SOURCE)
        source = module_source(stream[: len(stream) - cut])
        assert source is not None
        assert SOURCE.startswith(b"".join(source)[: len(SOURCE) - cut - 8])

    def test_other_streams_are_none(self) -> None:
        assert module_source(b"anything else") is None
        assert module_source(b"\0Attribut") is None


class TestObjects:
    def test_package(self) -> None:
        embedded = read_native(native_package("dir\\clam.exe", b"MZ.."))
        assert embedded is not None
        assert (embedded.name, embedded.octets) == ("clam.exe", b"MZ..")

    def test_other_native_data_comes_out_without_a_name(self) -> None:
        embedded = read_native(struct.pack("<I", 4) + b"data")
        assert embedded is not None
        assert (embedded.name, embedded.octets) == ("", b"data")

    @pytest.mark.parametrize("data", [b"", b"\1", bytes(8), b"\1\5\0\0\2\0\0\0\xff\xff\xff\xff"])
    def test_nonsense_is_no_object(self, data: bytes) -> None:
        assert read_object(data) is None

    def test_presentation(self) -> None:
        """Objects of PowerPoint, plain and compressed, inside of a container."""
        plain = struct.pack("<HHI", 0, 0x1011, 5) + b"first"
        packed = struct.pack("<I", 6) + zlib.compress(b"second")
        compressed = struct.pack("<HHI", 0x10, 0x1011, len(packed)) + packed
        inner = plain + compressed
        stream = struct.pack("<HHI", 0xF, 1000, len(inner)) + inner
        assert [b"".join(octets) for octets in embedded_objects(stream)] == [b"first", b"second"]


def decoded(decoder: Decoder, text: bytes, directory: Path) -> tuple[Decoded, dict[str, bytes]]:
    """What a decoder says, and what came out."""
    file = directory / "text"
    file.write_bytes(text)
    sink = Sink("1", directory, Budget(Quota(levels=14, files=20, octets=1 << 20, seconds=60), files=0))
    result = decoder.decode(file, "text", sink)
    return result, {member.name: member.file.read_bytes() for member in sink.members if member.file}


class TestOneNote:
    """Files of OneNote sections; attackers send programs and scripts in them."""

    FILE = bytes.fromhex("e716e3bd65261145a4c48d4d0b7a9eac")

    def section(self, *files: tuple[int, bytes]) -> bytes:
        """With files of these lengths, as they say, and octets."""
        objects = (self.FILE + struct.pack("<Q", length) + bytes(12) + octets for length, octets in files)
        return MAGIC + bytes(64) + bytes(16).join(objects) + bytes(32)

    def test_files_come_out(self, tmp_path: Path) -> None:
        """B13.01, features 5.22: and are known for what they are, without names."""
        program = PROGRAM.read_bytes()
        room = tmp_path / "room"
        room.mkdir()
        file = tmp_path / "x.one"
        file.write_bytes(self.section((len(program), program), (4, b"text")))
        opener = Opener(room)
        found = opener.open(file)
        assert [member.size for member in found.members] == [len(program), 4]
        assert "exe-ms" in opener.file_types.look(room / "p001", "", "")[0]

    def test_lengths_that_lie_conceal_nothing(self, tmp_path: Path) -> None:
        sink = Sink("1", tmp_path, Budget(Quota(levels=14, files=20, octets=1 << 20, seconds=60), files=0))
        file = tmp_path / "x.one"
        file.write_bytes(self.section((1 << 60, b"first"), (6, b"second")))
        assert OneNoteDecoder().decode(file, "x.one", sink) is Decoded.KEEP
        octets = [member.file.read_bytes() for member in sink.members if member.file]
        assert octets[0].startswith(b"first")
        assert octets[1] == b"second"


class TestTexts:
    """features 7.05, 7.06: where they are switched on."""

    def test_uuencode(self, tmp_path: Path, archives: dict[str, Path]) -> None:
        text = b"Hello\n\n" + archives["clam.exe.uue"].read_bytes() + b"\nRegards\n"
        result, contents = decoded(UuencodeDecoder(), text, tmp_path)
        assert contents == {NAME: PROGRAM.read_bytes()}
        assert result is Decoded.KEEP

    @pytest.mark.parametrize(
        "text",
        [
            b"begin 644 clam.exe\nis how such a file begins, and this is none of them, as anybody sees at once.\n",
            b"begin the day with a smile\n",
            b"begin 999 clam.exe\n#0V%T\n",
            b"VGhpcyBpcyBiYXNlNjQgb2Ygc29tZXRoaW5nLg==\n",
        ],
    )
    def test_what_resembles_them_stays_text(self, text: bytes, tmp_path: Path) -> None:
        assert decoded(UuencodeDecoder(), text, tmp_path) == (Decoded.NOT_APPLICABLE, {})

    def test_yenc(self, tmp_path: Path) -> None:
        octets = bytes(range(256))
        encoded = bytearray()
        for octet in octets:
            shifted = (octet + 42) % 256
            encoded += bytes((0x3D, (shifted + 64) % 256)) if shifted in b"\0\n\r=" else bytes((shifted,))
        text = b"=ybegin line=128 size=256 name=clam.exe\r\n" + encoded + b"\r\n=yend size=256\r\nbye\r\n"
        assert decoded(YencDecoder(), text, tmp_path)[1] == {NAME: octets}
