"""All decoders, in the order in which they are tried (B13.01)."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from mailcordon.unpack.decoding.archive_decoder import (
    ArchiveDecoder,
    AttachedArchiveDecoder,
    CompressedFileDecoder,
)
from mailcordon.unpack.decoding.cms_decoder import CmsDecoder
from mailcordon.unpack.decoding.decoder import Decoded, Decoder
from mailcordon.unpack.decoding.mail_decoder import MailDecoder
from mailcordon.unpack.decoding.ole_decoder import OleDecoder
from mailcordon.unpack.decoding.onenote import OneNoteDecoder
from mailcordon.unpack.decoding.program_filter import ProgramFilter, ProgramToFile
from mailcordon.unpack.decoding.rtf_decoder import RtfDecoder
from mailcordon.unpack.decoding.seven_zip import SevenZipDecoder
from mailcordon.unpack.decoding.sink import Sink
from mailcordon.unpack.decoding.text_decoders import UuencodeDecoder, YencDecoder
from mailcordon.unpack.decoding.tnef_decoder import TnefDecoder
from mailcordon.unpack.decoding.unar import UnarDecoder
from mailcordon.unpack.decoding.zip_decoder import ZipDecoder

_ARCHIVES = (
    ("7z", ("7zip",), ()),
    ("rar", ("rar", "rar5"), ()),
    ("cab", ("cab",), ()),
    ("lha", ("lha",), ()),
    ("tar", ("tar",), ()),
    ("cpio", ("cpio",), ()),
    ("a", ("ar",), ()),
    ("deb", ("ar",), ()),
    ("rpm", ("cpio",), ("rpm", "gzip", "bzip2", "xz", "lzma", "zstd")),
    ("iso", ("iso9660",), ()),
    ("xar", ("xar",), ()),
)
_COMPRESSED = (
    ("gz", "gzip"),
    ("bz2", "bzip2"),
    ("xz", "xz"),
    ("lzma", "lzma"),
    ("lz", "lzip"),
    ("lz4", "lz4"),
    ("zst", "zstd"),
    ("Z", "compress"),
)
_LZOP = ("lzop", "-d", "-q")
_LRZIP = ("lrzip", "-d", "-q", "-f", "-m", "1", "-o")
"""With 100 MB of memory: it would try to take most of what the host has."""
_SELF_EXTRACTING = ("zip_seekable", "7zip", "rar", "rar5")
_BY_SEVEN_ZIP = (
    *("arj", "chm", "swf", "mslz", "wim", "vhd", "dmg", "squashfs"),  # it alone
    *("zip", "7z", "rar", "cab", "lha", "tar", "cpio", "a", "deb", "rpm", "iso", "xar"),  # where libarchive fails
    *("gz", "bz2", "xz", "lzma", "zst", "Z"),
)
_BY_UNAR = frozenset({"arc", "zoo", "sit", "rar", "arj", "zip"})
_UNKNOWN = frozenset({"F", "ace", "sis", "installshield"})
_LIBRARIES = ("libarchive", "olefile", "tnefparse")

TEXT_TYPES = frozenset({"asc", "uue", "hqx", "ync"})
"""Types whose decoders are off unless somebody asks for them (features 7.05)."""


@dataclass(frozen=True, slots=True)
class _NoDecoder:
    """Archives that nothing in Debian opens, named so that they are told of instead of passed over."""

    short_types: frozenset[str] = _UNKNOWN
    name: str = "none"

    def find(self) -> str | None:
        """See Decoder."""
        return None

    def decode(self, file: Path, name: str, sink: Sink) -> Decoded:
        """See Decoder."""
        return Decoded.NOT_APPLICABLE


def all_decoders() -> Sequence[Decoder]:
    """Of those whose types fit a file, the first is tried first; it may not be there on this host (Decoder.find).

    Imports what they use: that looks for libraries by starting programs, which a confined process should not need.
    """
    for library in _LIBRARIES:
        with suppress(ImportError, OSError, AttributeError, TypeError):  # then find() says so
            import_module(library)
    return (
        MailDecoder(),
        CmsDecoder(),
        ZipDecoder(),
        *(ArchiveDecoder(frozenset({short}), formats, filters) for short, formats, filters in _ARCHIVES),
        *(CompressedFileDecoder(frozenset({short}), name) for short, name in _COMPRESSED),
        ProgramFilter(frozenset({"lzo"}), _LZOP),
        ProgramToFile(frozenset({"lrz"}), _LRZIP),
        TnefDecoder(),
        SevenZipDecoder(frozenset({"msi"})),
        OleDecoder(),
        RtfDecoder(),
        OneNoteDecoder(),
        AttachedArchiveDecoder(frozenset({"exe"}), _SELF_EXTRACTING),
        SevenZipDecoder(frozenset(_BY_SEVEN_ZIP)),
        SevenZipDecoder(frozenset({"exe"}), attached=True),
        UnarDecoder(_BY_UNAR),
        UnarDecoder(frozenset({"lha"}), passes_over=True),
        UuencodeDecoder(),
        YencDecoder(),
        UnarDecoder(frozenset({"hqx"})),
        _NoDecoder(),
    )
