"""The directory of a zip file, read without a library: cheap enough to look at every file (APPNOTE 4.3)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mailcordon.unpack.decoding.names import decoded_name

_END = b"PK\x05\x06"
_END_SIZE = 22
_LONGEST_COMMENT = 0xFFFF
_CENTRAL = b"PK\x01\x02"
_CENTRAL_SIZE = 46
_LOCAL = b"PK\x03\x04"
_LOCAL_SIZE = 30
_DESCRIPTOR_SIZES = (0, 12, 16, 20, 24)
_MAX_DIRECTORY = 64 * 1024 * 1024
_ENCRYPTED = 0x1


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """A line of the central directory."""

    name: bytes
    encrypted: bool
    packed_size: int
    offset: int
    """Of the local header, in the file."""


@dataclass(frozen=True, slots=True)
class ZipStructure:
    """What a zip file says of itself."""

    entries: tuple[ZipEntry, ...]
    unambiguous: bool
    """Nothing lies before, between or behind what the directory names, so that every reader finds the same members."""

    @property
    def names(self) -> frozenset[str]:
        """Of all members."""
        return frozenset(decoded_name(entry.name) for entry in self.entries)

    @property
    def encrypted(self) -> bool:
        """Whether any member needs a password."""
        return any(entry.encrypted for entry in self.entries)


def read_zip_structure(file: Path) -> ZipStructure | None:
    """The directory at the end of `file`; None where there is none that makes sense. Never raises on odd octets."""
    with open(file, "rb") as stream:
        size = stream.seek(0, 2)
        tail_start = max(size - _END_SIZE - _LONGEST_COMMENT, 0)
        stream.seek(tail_start)
        tail = stream.read()
        at = tail.rfind(_END)
        if at < 0 or len(tail) - at < _END_SIZE:
            return None
        length, offset, comment = struct.unpack_from("<IIH", tail, at + 12)
        end = tail_start + at
        # What was put in front of the archive moves everything; a directory of Zip64 is left to the library.
        start = end - length
        moved = start - offset
        if length > _MAX_DIRECTORY or start < 0 or moved < 0:
            return ZipStructure((), unambiguous=False) if tail_start == 0 or offset == 0xFFFFFFFF else None
        stream.seek(start)
        entries = tuple(_entries(stream.read(length), moved))
        if not entries and length:
            return None
        whole = moved == 0 and end + _END_SIZE + comment == size
        return ZipStructure(entries, unambiguous=whole and _is_seamless(stream, entries, start))


def _entries(directory: bytes, moved: int) -> Iterator[ZipEntry]:
    at = 0
    while directory[at : at + 4] == _CENTRAL and len(directory) - at >= _CENTRAL_SIZE:
        (flags,) = struct.unpack_from("<H", directory, at + 8)
        packed, _, name_length, extra_length, comment_length = struct.unpack_from("<IIHHH", directory, at + 20)
        (offset,) = struct.unpack_from("<I", directory, at + 42)
        name = directory[at + _CENTRAL_SIZE : at + _CENTRAL_SIZE + name_length]
        yield ZipEntry(name, bool(flags & _ENCRYPTED), packed, offset + moved)
        at += _CENTRAL_SIZE + name_length + extra_length + comment_length


def _is_seamless(stream: BinaryIO, entries: tuple[ZipEntry, ...], directory: int) -> bool:
    """Whether the members lie one behind the other from the first octet to the directory, under the same names."""
    expected = 0
    for entry in sorted(entries, key=lambda entry: entry.offset):
        if entry.offset - expected not in (_DESCRIPTOR_SIZES if expected else (0,)):
            return False
        stream.seek(entry.offset)
        header = stream.read(_LOCAL_SIZE + len(entry.name))
        if len(header) < _LOCAL_SIZE or header[:4] != _LOCAL:
            return False
        name_length, extra_length = struct.unpack_from("<HH", header, 26)
        if header[_LOCAL_SIZE : _LOCAL_SIZE + name_length] != entry.name:
            return False
        expected = entry.offset + _LOCAL_SIZE + name_length + extra_length + entry.packed_size
    return directory - expected in _DESCRIPTOR_SIZES
