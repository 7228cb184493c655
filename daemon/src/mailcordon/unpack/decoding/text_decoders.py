"""Files written as text outside of MIME: only where the configuration switches them on (features 7.05, 7.06)."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mailcordon.unpack.decoding.decoder import Decoded
from mailcordon.unpack.decoding.sink import Sink
from mailcordon.unpack.decoding.uuencode import encoded_files

EncodedFiles = Iterator[tuple[bytes, Iterator[bytes]]]
"""Name and octets of each file."""

_LONGEST_LINE = 64 * 1024
_YENC_BEGIN = re.compile(rb"=ybegin [^\r\n]{0,500}?\bname=([^\r\n]{1,255})")
_YENC_SHIFT = bytes((octet - 42) % 256 for octet in range(256))
_YENC_ESCAPE = re.compile(rb"=(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class UuencodeDecoder:
    """uuencoded files in a text."""

    short_types: frozenset[str] = frozenset({"uue", "asc"})
    name: str = "uuencode"

    def find(self) -> str | None:
        """See Decoder."""
        return "built in"

    def decode(self, file: Path, name: str, sink: Sink) -> Decoded:
        """See Decoder."""
        return _take(encoded_files, file, sink)


@dataclass(frozen=True, slots=True)
class YencDecoder:
    """yEnc files in a text."""

    short_types: frozenset[str] = frozenset({"ync"})
    name: str = "yenc"

    def find(self) -> str | None:
        """See Decoder."""
        return "built in"

    def decode(self, file: Path, name: str, sink: Sink) -> Decoded:
        """See Decoder."""
        return _take(_yenc_files, file, sink)


def _take(files: Callable[[Iterable[bytes]], EncodedFiles], file: Path, sink: Sink) -> Decoded:
    before = len(sink.members)
    with open(file, "rb") as stream:
        lines = iter(lambda: stream.readline(_LONGEST_LINE), b"")
        for name, octets in files(lines):
            sink.add(name.decode("utf-8", "replace"), octets)
    return Decoded.KEEP if len(sink.members) > before else Decoded.NOT_APPLICABLE


def _yenc_files(lines: Iterable[bytes]) -> EncodedFiles:
    source = iter(lines)
    for line in source:
        match = _YENC_BEGIN.match(line)
        if match is not None:
            yield match[1].strip(), _yenc_octets(source)


def _yenc_octets(lines: Iterator[bytes]) -> Iterator[bytes]:
    for line in lines:
        if line.startswith(b"=yend"):
            return
        if not line.startswith(b"=ypart"):
            plain = _YENC_ESCAPE.sub(lambda match: bytes(((match[1][0] - 64) % 256,)), line.rstrip(b"\r\n"))
            yield plain.translate(_YENC_SHIFT)
