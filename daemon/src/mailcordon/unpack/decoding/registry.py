"""All decoders, in the order in which they are tried (B13.01)."""

from collections.abc import Sequence
from importlib import import_module

from mailcordon.unpack.decoding.archive_decoder import (
    ArchiveDecoder,
    AttachedArchiveDecoder,
    CompressedFileDecoder,
)
from mailcordon.unpack.decoding.cms_decoder import CmsDecoder
from mailcordon.unpack.decoding.decoder import Decoder
from mailcordon.unpack.decoding.mail_decoder import MailDecoder
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
_SELF_EXTRACTING = ("zip_seekable", "7zip", "rar", "rar5")
_LIBRARIES = ("libarchive", "magic")


def all_decoders() -> Sequence[Decoder]:
    """Of those whose types fit a file, the first is tried first; it may not be there on this host (Decoder.find)."""
    return (
        MailDecoder(),
        CmsDecoder(),
        ZipDecoder(),
        *(ArchiveDecoder(frozenset({short}), formats, filters) for short, formats, filters in _ARCHIVES),
        *(CompressedFileDecoder(frozenset({short}), name) for short, name in _COMPRESSED),
        AttachedArchiveDecoder(frozenset({"exe"}), _SELF_EXTRACTING),
    )


def load_libraries() -> None:
    """Import what decoders use, before the process is confined: looking for libraries starts programs."""
    for name in _LIBRARIES:
        import_module(name)
