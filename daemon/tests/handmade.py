"""Archives of formats whose packers are not free or not there any more; members are stored, not compressed."""

import struct
from binascii import crc32

ZOO_TEXT = b"ZOO 2.10 Archive.\x1a".ljust(20, b"\0")
_ZOO_TAG = 0xFDC4A7DC


def rar4(name: bytes, octets: bytes) -> bytes:
    """RAR 2.9 to 4 (its technical note, sections II and III)."""

    def block(kind: int, flags: int, body: bytes) -> bytes:
        rest = struct.pack("<BHH", kind, flags, 7 + len(body)) + body
        return struct.pack("<H", crc32(rest) & 0xFFFF) + rest

    head = struct.pack(
        "<IIBIIBBHI", len(octets), len(octets), 3, crc32(octets), 0x5A21_0000, 20, 0x30, len(name), 0o100644
    )
    whole = block(0x73, 0, bytes(6)) + block(0x74, 0x8000, head + name) + octets + block(0x7B, 0x4000, b"")
    return b"Rar!\x1a\x07\x00" + whole


def rar5(name: bytes, octets: bytes) -> bytes:
    """RAR 5 (its technical note, "Archive blocks")."""

    def number(value: int) -> bytes:
        encoded = bytearray()
        while value > 0x7F:
            encoded.append(value & 0x7F | 0x80)
            value >>= 7
        return bytes((*encoded, value))

    def block(fields: bytes) -> bytes:
        sized = number(len(fields)) + fields
        return struct.pack("<I", crc32(sized)) + sized

    size = number(len(octets))
    head = b"\x02\x02" + size + b"\x04" + size + b"\0" + struct.pack("<I", crc32(octets))
    head += b"\0\x01" + number(len(name)) + name
    return b"Rar!\x1a\x07\x01\x00" + block(b"\x01\0\0") + block(head) + octets + block(b"\x05\0\0")


def zoo(name: bytes, octets: bytes) -> bytes:
    """zoo 2 (zoo.h of its sources: archive header, directory entry, file, end)."""
    start = 42
    entry_size = 56
    data_at = start + entry_size
    next_at = data_at + len(octets)
    header = ZOO_TEXT + struct.pack("<IIIBB", _ZOO_TAG, start, (-start) & 0xFFFFFFFF, 2, 0) + bytes(8)
    fixed = (_ZOO_TAG, 1, 0, next_at, data_at, 0x5A21, 0, crc16(octets), len(octets), len(octets), 2, 0, 0, 0, 0, 0)
    entry = (struct.pack("<IBBIIHHHIIBBBBIH", *fixed) + name).ljust(entry_size, b"\0")
    end = struct.pack("<IBBII", _ZOO_TAG, 1, 0, 0, 0).ljust(entry_size, b"\0")
    return header + entry + octets + end


def crc16(octets: bytes) -> int:
    """CRC-16 with the polynomial 0x8005, reflected."""
    value = 0
    for octet in octets:
        value ^= octet
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return value
