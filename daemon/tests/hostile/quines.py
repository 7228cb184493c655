"""Archives that unpack to themselves, for ever (R. Cox, "Zip Files All The Way Down", 2010).

Deflate is taken for a language with two words of the same length: `literal(n)` writes the next n octets, `repeat(n)`
writes the last n octets again. A program in it that writes itself, with what stands before and behind it, is below.
"""

import struct
import zlib
from collections.abc import Callable

Word = Callable[[int], bytes]

_END_OF_DATA = b"\x01\0\0\xff\xff"
_NOTHING = "010" + "0" * 7
"""Bits of a block with fixed codes that ends at once."""
_UNIT = 17
"""Octets of a word in the zip file, so many that one match is enough for what is to be repeated."""


def gzip_quine() -> bytes:
    """A gzip file that unpacks to itself."""
    prefix = b"\x1f\x8b\x08\x08\0\0\0\0\x02\x03r.gz\0"

    def build(checksum: int, size: int) -> bytes:
        tail = _END_OF_DATA + struct.pack("<II", checksum, size)
        return prefix + _program(prefix, tail, _short_literal, _short_repeat) + tail

    return _with_own_checksum(build)


def zip_quine() -> bytes:
    """A zip file whose only member is itself."""
    name = b"again-and-again.zip"

    def build(checksum: int, size: int) -> bytes:
        program = b""
        for _ in range(2):
            data = len(program) + len(_END_OF_DATA)
            common = struct.pack("<5H3I2H", 20, 0, 8, 0, 33, checksum, data, size, len(name), 0)
            prefix = b"PK\3\4" + common + name
            entry = b"PK\1\2" + struct.pack("<H", 20) + common + struct.pack("<3H2I", 0, 0, 0, 0, 0) + name
            end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(entry), len(prefix) + data, 0)
            tail = _END_OF_DATA + entry + end
            program = _program(prefix, tail, _long_literal, _long_repeat)
        return prefix + program + tail

    return _with_own_checksum(build)


def _program(prefix: bytes, tail: bytes, literal: Word, repeat: Word) -> bytes:
    """Writes `prefix`, itself and `tail`."""
    unit = len(literal(0))
    first, again = literal(len(prefix) + unit), repeat(len(prefix) + unit)
    zero, one, four, again_4 = literal(0), literal(unit), literal(4 * unit), repeat(4 * unit)
    last, again_last = literal(unit + len(tail)), repeat(unit + len(tail))
    return (
        (first + prefix + first)
        + again
        + (one + again)
        + (one + one)
        + (four + again + one + one + four)
        + again_4
        + (four + again_4 + four + again_4 + four)
        + again_4
        + (four + again_4 + zero + zero + last)
        + again_4
        + (zero + zero + last)
        + (again_last + tail)
        + again_last
    )


def _short_literal(octets: int) -> bytes:
    """The head of a stored block, 5 octets."""
    return struct.pack("<BHH", 0, octets, octets ^ 0xFFFF)


def _short_repeat(octets: int) -> bytes:
    """A block of 5 octets with fixed codes: twice a half of the last `octets`, from as far back, 18 to 20."""
    bits = "010"
    for _ in range(2):
        bits += f"{octets // 2 - 2:07b}" + f"{8:05b}" + f"{octets - 17:03b}"[::-1]
    return _packed(bits + "0" * 7)


def _long_literal(octets: int) -> bytes:
    """Blocks of nothing, then the head of a stored block."""
    return _packed(10 * _NOTHING + "000") + struct.pack("<HH", octets, octets ^ 0xFFFF)


def _long_repeat(octets: int) -> bytes:
    """One match of the last `octets`, from as far back, 65 to 114; then blocks of nothing, the last one stored."""
    if octets < 67:
        length = f"{276 - 256:07b}" + f"{octets - 59:03b}"[::-1]
    else:
        code, more = divmod(octets - 67, 16)
        length = f"{277 - 256 + code:07b}" + f"{more:04b}"[::-1]
    code, more = divmod(octets - 65, 32)
    distance = f"{12 + code:05b}" + f"{more:05b}"[::-1]
    word = _packed("010" + length + distance + "0" * 7 + 7 * _NOTHING + "000") + b"\0\0\xff\xff"
    assert len(word) == _UNIT
    return word


def _packed(bits: str) -> bytes:
    """Bits in the order in which deflate reads them, filled up with zeros."""
    return int(bits[::-1], 2).to_bytes((len(bits) + 7) // 8, "little")


def _with_own_checksum(build: Callable[[int, int], bytes]) -> bytes:
    """The file that holds its own CRC-32 and size, of what makes one for any of them."""
    size = len(build(0, 0))
    # CRC-32 is linear, so this is 32 equations with 32 unknowns.
    constant = zlib.crc32(build(0, size))
    columns = [zlib.crc32(build(1 << bit, size)) ^ constant ^ (1 << bit) for bit in range(32)]
    return build(_solve(columns, constant), size)


def _solve(columns: list[int], target: int) -> int:
    """Which columns give `target` by exclusive or."""
    basis: dict[int, tuple[int, int]] = {}
    for number, column in enumerate(columns):
        chosen = 1 << number
        while column and (top := column.bit_length()) in basis:
            column, chosen = column ^ basis[top][0], chosen ^ basis[top][1]
        if column:
            basis[column.bit_length()] = (column, chosen)
    solution = 0
    while target:
        value, chosen = basis[target.bit_length()]
        target, solution = target ^ value, solution ^ chosen
    return solution
