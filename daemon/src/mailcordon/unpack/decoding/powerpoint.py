"""Objects embedded in PowerPoint presentations of the old format (MS-PPT 2.10.34, ExOleObjStg)."""

import struct
import zlib
from collections.abc import Iterator

_OBJECT = 0x1011
_COMPRESSED = 1
_CONTAINER = 0xF
_HEADER = 8
_CHUNK = 64 * 1024


def embedded_objects(stream: bytes) -> Iterator[Iterator[bytes]]:
    """The OLE documents in a stream `PowerPoint Document`, each in pieces, damaged ones as far as they go."""
    at = 0
    while at + _HEADER <= len(stream):
        version, kind, length = struct.unpack_from("<HHI", stream, at)
        at += _HEADER
        if version & 0xF == _CONTAINER:
            continue  # its records follow at once
        if kind == _OBJECT:
            body = stream[at : at + length]
            yield _inflated(body[4:]) if version >> 4 == _COMPRESSED else iter((body,))
        at += length


def _inflated(data: bytes) -> Iterator[bytes]:
    inflater = zlib.decompressobj()
    try:
        while data and not inflater.eof:
            yield inflater.decompress(data, _CHUNK)
            data = inflater.unconsumed_tail
    except zlib.error:
        return
