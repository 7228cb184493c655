"""Archives made by the packers that Debian offers, each with a member `clam.exe` (issue 6, B13.01)."""

import bz2
import gzip
import lzma
import shutil
import struct
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from handmade import rar4, rar5, zoo

PROGRAM = Path("/usr/share/clamav-testfiles/clam.exe")
"""A harmless program that clamd detects; of Debian's package clamav-testfiles."""
NAME = "clam.exe"
PASSWORD = "secret"


class Workshop:
    """A directory in which archives are made of the program, of a directory with it, and of a link."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        shutil.copy(PROGRAM, directory / NAME)
        (directory / NAME).chmod(0o644)

    def run(self, *arguments: str, stdin: bytes | None = None) -> bytes:
        """Run a packer here; its output."""
        done = subprocess.run(arguments, cwd=self.directory, input=stdin, capture_output=True, check=False, timeout=60)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    def path(self, name: str) -> Path:
        """Of a file here."""
        return self.directory / name

    def octets(self) -> bytes:
        """Of the program."""
        return PROGRAM.read_bytes()


Packer = Callable[[Workshop, str], None]
"""Makes an archive of this name."""


def _command(*arguments: str) -> Packer:
    """The archive stands for `{}`."""

    def pack(shop: Workshop, archive: str) -> None:
        shop.run(*(argument.format(archive) for argument in arguments))

    return pack


def _output(*arguments: str, stdin: bool = False, names: bool = False) -> Packer:
    """The archive is what the packer writes to standard output."""

    def pack(shop: Workshop, archive: str) -> None:
        given = shop.octets() if stdin else NAME.encode() + b"\n" if names else None
        shop.path(archive).write_bytes(shop.run(*arguments, stdin=given))

    return pack


def _zip_method(method: int) -> Packer:
    def pack(shop: Workshop, archive: str) -> None:
        with zipfile.ZipFile(shop.path(archive), "w", method) as target:
            target.write(shop.path(NAME), NAME)

    return pack


def _debian_package(shop: Workshop, archive: str) -> None:
    root = shop.path("package")
    (root / "DEBIAN").mkdir(parents=True, exist_ok=True)
    (root / "DEBIAN" / "control").write_text(
        "Package: clam\nVersion: 1\nArchitecture: all\nMaintainer: A <a@example.test>\nDescription: a test\n"
    )
    (root / "opt").mkdir(exist_ok=True)
    shutil.copy(shop.path(NAME), root / "opt" / NAME)
    shop.run("dpkg-deb", "--root-owner-group", "-b", "package", archive)


def _rpm_package(shop: Workshop, archive: str) -> None:
    spec = (
        "Name: clam\nVersion: 1\nRelease: 1\nSummary: a test\nLicense: none\nBuildArch: noarch\n"
        "%description\na test\n%install\nmkdir -p %{buildroot}/opt\n"
        f"cp {shop.path(NAME)} %{{buildroot}}/opt/{NAME}\n%files\n/opt/{NAME}\n"
    )
    shop.path("clam.spec").write_text(spec)
    top = shop.path("rpmbuild")
    shop.run("rpmbuild", "--quiet", "-bb", "--define", f"_topdir {top}", "--define", f"_dbpath {top}/db", "clam.spec")
    shutil.move(next(top.rglob("*.rpm")), shop.path(archive))


def _self_extracting(kind: str) -> Packer:
    """Windows' unpacker is not in Debian; what counts is an archive behind a program."""

    def pack(shop: Workshop, archive: str) -> None:
        shop.run("7zz", "a", f"-t{kind}", "attached", NAME)
        attached = next(shop.directory.glob("attached*"))
        shop.path(archive).write_bytes(shop.octets() + attached.read_bytes())
        attached.unlink()

    return pack


def _in_cabinet(shop: Workshop, archive: str) -> None:
    shop.run("gcab", "-c", archive, NAME)


def _installer(shop: Workshop, archive: str) -> None:
    shop.run("msibuild", archive, "-s", "a test", "nobody", "", "")
    shop.run("msibuild", archive, "-a", f"Binary.{NAME}", NAME)


def ole_document(shop: Workshop, archive: str, streams: Mapping[str, bytes]) -> None:
    """Make an OLE document of streams, by their paths."""
    root = shop.path(f"{archive} streams")
    for path, octets in streams.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(octets)
    shop.run("gsf", "createole", archive, *(str(top) for top in sorted(root.iterdir())))


def native_package(name: str, octets: bytes) -> bytes:
    """The stream `Ole10Native` of an embedded file."""
    label = name.encode() + b"\0"
    path = b"C:\\tmp\\" + label
    inner = b"\2\0" + label + path + b"\0\0\3\0" + struct.pack("<I", len(path)) + path
    inner += struct.pack("<I", len(octets)) + octets
    return struct.pack("<I", len(inner)) + inner


def _document(stream: str, content: Callable[[Workshop], bytes]) -> Packer:
    def pack(shop: Workshop, archive: str) -> None:
        ole_document(shop, archive, {"WordDocument": bytes(64), stream: content(shop)})

    return pack


def _message(shop: Workshop, archive: str) -> None:
    attachment = "__attach_version1.0_#00000000/__substg1.0_"
    ole_document(
        shop,
        archive,
        {
            "__properties_version1.0": bytes(32),
            f"{attachment}37010102": shop.octets(),
            f"{attachment}3707001F": NAME.encode("utf-16-le"),
            f"{attachment}3704001E": b"CLAM~1.EXE",
        },
    )


def _uuencoded(shop: Workshop, archive: str) -> None:
    shop.path(archive).write_bytes(shop.run("uuencode", NAME, NAME))


def _compressed_tar(compress: Callable[[bytes], bytes]) -> Packer:
    def pack(shop: Workshop, archive: str) -> None:
        shop.path(archive).write_bytes(compress(shop.run("tar", "-cf", "-", NAME)))

    return pack


def _python_tar(kind: int) -> Packer:
    def pack(shop: Workshop, archive: str) -> None:
        with tarfile.open(shop.path(archive), "w", format=kind) as target:
            target.add(shop.path(NAME), NAME)

    return pack


def _by_hand(make: Callable[[bytes, bytes], bytes]) -> Packer:
    def pack(shop: Workshop, archive: str) -> None:
        shop.path(archive).write_bytes(make(NAME.encode(), shop.octets()))

    return pack


PACKERS: dict[str, Packer] = {
    "stored.zip": _zip_method(zipfile.ZIP_STORED),
    "deflated.zip": _command("zip", "-q", "{}", NAME),
    "bzip2.zip": _zip_method(zipfile.ZIP_BZIP2),
    "lzma.zip": _zip_method(zipfile.ZIP_LZMA),
    "deflate64.zip": _command("7zz", "a", "-tzip", "-mm=Deflate64", "{}", NAME),
    "ppmd.zip": _command("7zz", "a", "-tzip", "-mm=PPMd", "{}", NAME),
    "xz.zip": _command("7zz", "a", "-tzip", "-mm=xz", "{}", NAME),
    "streamed.zip": _output("zip", "-q", "-", NAME),
    "lzma2.7z": _command("7zz", "a", "{}", NAME),
    "lzma.7z": _command("7zz", "a", "-m0=LZMA", "{}", NAME),
    "bzip2.7z": _command("7zz", "a", "-m0=BZip2", "{}", NAME),
    "ppmd.7z": _command("7zz", "a", "-m0=PPMd", "{}", NAME),
    "deflate.7z": _command("7zz", "a", "-m0=Deflate", "{}", NAME),
    "bcj2.7z": _command("7zz", "a", "-m0=BCJ2", "-m1=LZMA", "{}", NAME),
    "copy.7z": _command("7zz", "a", "-m0=Copy", "{}", NAME),
    "plain.wim": _command("7zz", "a", "-twim", "{}", NAME),
    "ustar.tar": _python_tar(tarfile.USTAR_FORMAT),
    "gnu.tar": _python_tar(tarfile.GNU_FORMAT),
    "pax.tar": _python_tar(tarfile.PAX_FORMAT),
    "gnu.tar.gz": _compressed_tar(gzip.compress),
    "gnu.tar.bz2": _compressed_tar(bz2.compress),
    "gnu.tar.xz": _compressed_tar(lzma.compress),
    "gnu.tar.lzma": _compressed_tar(lambda octets: lzma.compress(octets, lzma.FORMAT_ALONE)),
    "gnu.tar.zst": _command("tar", "--zstd", "-cf", "{}", NAME),
    "gnu.tar.lz4": _command("tar", "-I", "lz4", "-cf", "{}", NAME),
    "gnu.tar.lzo": _command("tar", "--lzop", "-cf", "{}", NAME),
    "gnu.tar.Z": _command("tar", "-Z", "-cf", "{}", NAME),
    "gnu.tar.lz": _command("bsdtar", "--lzip", "-cf", "{}", NAME),
    "clam.exe.gz": _output("gzip", "-c", NAME),
    "clam.exe.bz2": _output("bzip2", "-c", NAME),
    "clam.exe.xz": _output("xz", "-c", NAME),
    "clam.exe.lzma": _output("xz", "--format=lzma", "-c", NAME),
    "clam.exe.zst": _output("zstd", "-q", "-c", NAME),
    "clam.exe.lz4": _output("lz4", "-q", "-c", NAME),
    "clam.exe.lzo": _output("lzop", "-q", "-c", NAME),
    "clam.exe.lrz": _command("lrzip", "-q", "-o", "{}", NAME),
    "clam.exe.Z": _output("compress", "-c", "-f", NAME),
    "bin.cpio": _output("cpio", "-o", "-H", "bin", names=True),
    "odc.cpio": _output("cpio", "-o", "-H", "odc", names=True),
    "newc.cpio": _output("cpio", "-o", "-H", "newc", names=True),
    "crc.cpio": _output("cpio", "-o", "-H", "crc", names=True),
    "plain.a": _command("ar", "rc", "{}", NAME),
    "plain.deb": _debian_package,
    "plain.rpm": _rpm_package,
    "plain.iso": _command("genisoimage", "-quiet", "-o", "{}", NAME),
    "rockridge.iso": _command("xorriso", "-as", "mkisofs", "-quiet", "-R", "-J", "-o", "{}", NAME),
    "udf.iso": _command("genisoimage", "-quiet", "-udf", "-o", "{}", NAME),
    "plain.xar": _command("bsdtar", "--format=xar", "-cf", "{}", NAME),
    "plain.arj": _command("arj", "a", "-y", "{}", NAME),
    "plain.arc": _command("arc", "a", "{}", NAME),
    "lh5.lzh": _command("jlha", "-aq", "{}", NAME),
    "plain.cab": _in_cabinet,
    "stored.rar": _by_hand(rar4),
    "stored5.rar": _by_hand(rar5),
    "stored.zoo": _by_hand(zoo),
    "plain.msi": _installer,
    "object.doc": _document("ObjectPool/_1/\x01Ole10Native", lambda shop: native_package(NAME, shop.octets())),
    "message.msg": _message,
    "zip behind.exe": _self_extracting("zip"),
    "7z behind.exe": _self_extracting("7z"),
    "clam.exe.uue": _uuencoded,
}
"""By the name of the archive."""

ENCRYPTED: dict[str, Packer] = {
    "old.zip": _command("zip", "-q", "-P", PASSWORD, "{}", NAME),
    "aes.zip": _command("7zz", "a", "-tzip", "-mem=AES256", f"-p{PASSWORD}", "{}", NAME),
    "contents.7z": _command("7zz", "a", f"-p{PASSWORD}", "{}", NAME),
    "names.7z": _command("7zz", "a", f"-p{PASSWORD}", "-mhe=on", "{}", NAME),
    "package.docx": _document("EncryptedPackage", lambda shop: shop.octets()),
    "flag.doc": _document("WordDocument", lambda shop: bytes(10) + b"\0\1" + bytes(52)),
    "garbled.arj": _command("arj", "a", "-y", f"-g{PASSWORD}", "{}", NAME),
}


def packed(shop: Workshop, packers: Mapping[str, Packer]) -> dict[str, Path]:
    """An archive of each packer, by its name."""
    for name, packer in packers.items():
        packer(shop, name)
    return {name: shop.path(name) for name in packers}


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One archive of each format, made once, by the name of the archive."""
    return packed(Workshop(tmp_path_factory.mktemp("archives")), PACKERS)


@pytest.fixture(scope="session")
def encrypted_archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Archives that need a password, by their names."""
    return packed(Workshop(tmp_path_factory.mktemp("encrypted")), ENCRYPTED)
