"""Whether anything lies behind a program of Windows in its file: that is where archives are attached (PE format)."""

import struct
from pathlib import Path

_HEAD = 4096
_LOOKED_AT = 64 * 1024
_ALIGNMENT = 8
_SECTION_SIZE = 40
_MAX_SECTIONS = 96
_SIGNATURES = 4
"""Number of the data directory with the signatures, which lie behind the sections, too."""


def may_have_overlay(file: Path) -> bool:
    """False only when the headers make sense and nothing but signatures lies behind the last section."""
    size = file.stat().st_size
    with open(file, "rb") as stream:
        try:
            end, (offset, length) = _end_of_sections(stream.read(_HEAD))
        except (struct.error, ValueError):
            return True
        if offset and offset <= size <= offset + length + _ALIGNMENT:
            size = offset
        stream.seek(end)
        behind = stream.read(min(max(size - end, 0), _LOOKED_AT))
    # Some linkers fill up with zeros.
    return size - end > _LOOKED_AT or behind.count(0) < len(behind)


def _end_of_sections(head: bytes) -> tuple[int, tuple[int, int]]:
    """Where the last section ends, and offset and length of the signatures. Raises struct.error and ValueError."""
    (start,) = struct.unpack_from("<I", head, 0x3C)
    if head[:2] != b"MZ" or head[start : start + 4] != b"PE\0\0":
        raise ValueError("not a PE file")
    (sections,) = struct.unpack_from("<H", head, start + 6)
    (optional_size,) = struct.unpack_from("<H", head, start + 20)
    optional = start + 24
    if not 0 < sections <= _MAX_SECTIONS:
        raise ValueError("no sections")
    (magic,) = struct.unpack_from("<H", head, optional)
    directories = optional + (112 if magic == 0x20B else 96)
    signatures = (0, 0)
    if directories + 8 * (_SIGNATURES + 1) <= optional + optional_size:
        signatures = struct.unpack_from("<II", head, directories + 8 * _SIGNATURES)
    table = optional + optional_size
    ends = []
    for number in range(sections):
        length, offset = struct.unpack_from("<II", head, table + number * _SECTION_SIZE + 16)
        if length:
            ends.append(offset + length)
    return max(ends, default=0), signatures
