"""Objects embedded in RTF documents."""

import re
from binascii import unhexlify
from dataclasses import dataclass
from pathlib import Path

from mailcordon.unpack.decoding.decoder import Decoded
from mailcordon.unpack.decoding.ole_native import read_object
from mailcordon.unpack.decoding.sink import Sink

_OBJECT = re.compile(rb"\\objdata\b")
_END = re.compile(rb"[{}]")
_NOT_HEX = bytes(sorted(set(range(256)) - set(b"0123456789abcdefABCDEF")))
_CONTROL = re.compile(rb"\\[a-z]{1,32}-?\d{0,10} ?|\\'[0-9a-f]{2}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RtfDecoder:
    """Takes embedded objects out of RTF documents, which are worth scanning as a whole, too."""

    short_types: frozenset[str] = frozenset({"rtf"})
    name: str = "rtf"

    def find(self) -> str | None:
        """See Decoder."""
        return "built in"

    def decode(self, file: Path, name: str, sink: Sink) -> Decoded:
        """See Decoder."""
        text = file.read_bytes()
        for start in _OBJECT.finditer(text):
            end = _END.search(text, start.end())
            digits = _CONTROL.sub(b"", text[start.end() : end.start() if end else len(text)]).translate(None, _NOT_HEX)
            data = unhexlify(digits[: len(digits) & ~1])
            embedded = read_object(data)
            if embedded is not None:
                sink.add(embedded.name, (embedded.octets,))
            elif data:
                sink.add("", (data,))
        return Decoded.KEEP
