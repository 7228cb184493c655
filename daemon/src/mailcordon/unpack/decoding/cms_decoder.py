"""S/MIME (RFC 8551): what is signed or compressed comes out of its wrapping; what is encrypted is told of."""

import mmap
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mailcordon.errors import CannotDecodeError
from mailcordon.unpack.decoding import ber
from mailcordon.unpack.decoding.decoder import Decoded
from mailcordon.unpack.decoding.sink import Sink
from mailcordon.unpack.encrypted import ENCRYPTED_CMS
from mailcordon.unpack.job import ProblemKind

_SIGNED = bytes.fromhex("06092a864886f70d010702")
_COMPRESSED = bytes.fromhex("060b2a864886f70d0109100109")
_KINDS = (_SIGNED, _COMPRESSED, *ENCRYPTED_CMS)
_HEAD = 20
"""Octets within which the kind stands."""
_CHUNK = 64 * 1024


def is_cms(head: bytes) -> bool:
    """Whether a file with this beginning is of a kind that CmsDecoder knows."""
    return head[:1] == b"\x30" and any(kind in head[:_HEAD] for kind in _KINDS)


@dataclass(frozen=True, slots=True)
class CmsDecoder:
    """Takes the message out of an S/MIME part."""

    short_types: frozenset[str] = frozenset({"p7m"})
    name: str = "cms"

    def find(self) -> str | None:
        """See Decoder."""
        return "built in"

    def decode(self, file: Path, name: str, sink: Sink) -> Decoded:
        """See Decoder."""
        with open(file, "rb") as stream:
            head = stream.read(_HEAD)
            if not is_cms(head):
                return Decoded.NOT_APPLICABLE
            if any(kind in head for kind in ENCRYPTED_CMS):
                sink.problem(ProblemKind.ENCRYPTED, "Encrypted part (S/MIME)")
                return Decoded.KEEP
            octets = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
        content = _content(octets)
        if content is not None:
            pieces = _cut(ber.octet_string(octets, content))
            if _COMPRESSED in head:
                pieces = _inflated(pieces)
            sink.add(name.removesuffix(".p7m"), pieces, content_type="message/rfc822")
        return Decoded.DONE


def _content(octets: memoryview) -> ber.Element | None:
    """The octet string in the wrapping; None for a signature or certificates alone. Raises CannotDecodeError."""
    wrapping = _child(octets, ber.read(octets, 0), ber.EXPLICIT_0)
    inner = wrapping and _child(octets, wrapping, ber.SEQUENCE)
    if inner is None:
        raise CannotDecodeError("broken CMS (nothing inside)")
    for element in ber.children(octets, inner):
        # Of what is in there, only the encapsulated content is a sequence of an identifier and something explicit.
        if element.tag == ber.SEQUENCE:
            explicit = _child(octets, element, ber.EXPLICIT_0)
            if explicit is not None:
                return next(ber.children(octets, explicit), None)
    return None


def _child(octets: memoryview, parent: ber.Element, tag: int) -> ber.Element | None:
    return next((child for child in ber.children(octets, parent) if child.tag == tag), None)


def _cut(pieces: Iterable[memoryview]) -> Iterator[bytes]:
    """An empty piece is one, too: it takes time to come by, which the sink has an eye on."""
    return (bytes(piece[at : at + _CHUNK]) for piece in pieces for at in range(0, max(len(piece), 1), _CHUNK))


def _inflated(pieces: Iterable[bytes]) -> Iterator[bytes]:
    machine = zlib.decompressobj()
    try:
        for piece in pieces:
            rest = piece
            yield b""
            while rest and not machine.eof:
                yield machine.decompress(rest, _CHUNK)
                rest = machine.unconsumed_tail
    except zlib.error as error:
        raise CannotDecodeError("broken CMS (compressed data)") from error
    if not machine.eof:
        raise CannotDecodeError("broken CMS (cut off)")
