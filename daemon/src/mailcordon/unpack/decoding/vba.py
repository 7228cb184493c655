"""Source texts of macros (MS-OVBA 2.4.1: the compressed container)."""

import struct
from collections.abc import Iterator

_SIGNATURE = 1
_CHUNK = 4096
_FIRST_LINE = b"\0Attribut"
"""How the text of every module begins, once compressed: a flag octet without copies, and the start of `Attribute`."""


def module_source(stream: bytes) -> Iterator[bytes] | None:
    """The text of a module in pieces; None where the stream is none of a module."""
    at = stream.find(_FIRST_LINE) - 3
    if at < 0 or stream[at] != _SIGNATURE:
        return None
    return _decompressed(stream, at + 1)


def _decompressed(data: bytes, at: int) -> Iterator[bytes]:
    while at + 2 <= len(data):
        (header,) = struct.unpack_from("<H", data, at)
        end = min(at + 3 + (header & 0x0FFF), len(data))
        if header & 0x8000:
            yield bytes(_decompressed_chunk(data, at + 2, end))
        else:
            yield data[at + 2 : at + 2 + _CHUNK]
            end = at + 2 + _CHUNK
        at = end


def _decompressed_chunk(data: bytes, at: int, end: int) -> bytearray:
    text = bytearray()
    while at < end:
        flags = data[at]
        at += 1
        for bit in range(8):
            if at >= end or len(text) >= _CHUNK:
                break
            if not flags >> bit & 1:
                text.append(data[at])
                at += 1
                continue
            if at + 2 > end or not text:
                return text
            (token,) = struct.unpack_from("<H", data, at)
            at += 2
            # The further the chunk, the more bits say how far back, and the fewer how long.
            offset_bits = max((len(text) - 1).bit_length(), 4)
            length = (token & (0xFFFF >> offset_bits)) + 3
            back = (token >> (16 - offset_bits)) + 1
            if back > len(text):
                return text
            for _ in range(min(length, _CHUNK - len(text))):
                text.append(text[-back])
    return text
