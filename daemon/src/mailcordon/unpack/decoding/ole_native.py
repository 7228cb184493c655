"""Files embedded in documents as objects of class Package (MS-OLEDS 2.3.6, and what its native data looks like)."""

import struct
from dataclasses import dataclass

_LINK_OR_FILE = 2
_LONGEST_NAME = 1024


@dataclass(frozen=True, slots=True)
class EmbeddedFile:
    """A file inside of a document."""

    name: str
    octets: bytes


def read_native(data: bytes) -> EmbeddedFile | None:
    """What a stream `\\x01Ole10Native` holds; without a name where it is no Package. None where it makes no sense."""
    if len(data) < 4:
        return None
    (size,) = struct.unpack_from("<I", data)
    return read_package(data[4 : 4 + size]) or EmbeddedFile("", data[4 : 4 + size])


def read_package(data: bytes) -> EmbeddedFile | None:
    """The file in native data of the class Package; None where it is not laid out as such."""
    try:
        if struct.unpack_from("<H", data)[0] != _LINK_OR_FILE:
            return None
        label, at = _text(data, 2)
        path, at = _text(data, at)
        at += 4
        (length,) = struct.unpack_from("<I", data, at)
        at += 4 + length
        (size,) = struct.unpack_from("<I", data, at)
    except (struct.error, ValueError):
        return None
    octets = data[at + 4 : at + 4 + size]
    name = label or path
    return EmbeddedFile(name.replace("\\", "/").rpartition("/")[2], octets) if octets else None


def read_object(data: bytes) -> EmbeddedFile | None:
    """The file in an embedded object of OLE 1, as RTF holds it (MS-OLEDS 2.2.5); None where there is none."""
    try:
        _, kind = struct.unpack_from("<II", data)
        at = 8
        strings = []
        for _ in range(3):
            (length,) = struct.unpack_from("<I", data, at)
            strings.append(data[at + 4 : at + 4 + length].rstrip(b"\0"))
            at += 4 + length
        (size,) = struct.unpack_from("<I", data, at)
    except struct.error:
        return None
    if kind != _LINK_OR_FILE:
        return None
    octets = data[at + 4 : at + 4 + size]
    if strings[0].lower() == b"package":
        return read_package(octets) or EmbeddedFile("", octets)
    return EmbeddedFile(strings[0].decode("latin-1"), octets) if octets else None


def _text(data: bytes, at: int) -> tuple[str, int]:
    end = data.index(b"\0", at, at + _LONGEST_NAME)
    return data[at:end].decode("latin-1"), end + 1
