"""Files embedded in OneNote sections (MS-ONESTORE 2.6.13, FileDataStoreObject)."""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mailcordon.unpack.decoding.decoder import Decoded
from mailcordon.unpack.decoding.sink import Sink

MAGIC = bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3")
_FILE = bytes.fromhex("e716e3bd65261145a4c48d4d0b7a9eac")
_LENGTH_AT = 16
_OCTETS_AT = 36
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class OneNoteDecoder:
    """Takes embedded files out of a section. Their names lie elsewhere in it, so what they are counts."""

    short_types: frozenset[str] = frozenset({"one"})
    name: str = "onenote"

    def find(self) -> str | None:
        """See Decoder."""
        return "built in"

    def decode(self, file: Path, name: str, sink: Sink) -> Decoded:
        """See Decoder."""
        with open(file, "rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as section:
            at = section.find(_FILE)
            while at >= 0 and at + _OCTETS_AT <= len(section):
                (length,) = struct.unpack_from("<Q", section, at + _LENGTH_AT)
                end = min(at + _OCTETS_AT + length, len(section))
                sink.add("", _pieces(section, at + _OCTETS_AT, end))
                # A length may be a lie: what hides behind it, or in what came out, is looked for all the same.
                at = section.find(_FILE, at + _OCTETS_AT)
        return Decoded.KEEP


def _pieces(section: mmap.mmap, start: int, end: int) -> Iterator[bytes]:
    for at in range(start, end, _CHUNK):
        yield section[at : min(at + _CHUNK, end)]
