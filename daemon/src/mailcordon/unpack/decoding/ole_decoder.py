"""OLE documents: embedded files, attachments of Outlook messages, macros, and whether all of it is encrypted."""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailcordon.errors import CannotDecodeError, LimitReachedError
from mailcordon.mail.part import ENCRYPTED
from mailcordon.unpack.decoding.decoder import Decoded
from mailcordon.unpack.decoding.ole_native import read_native
from mailcordon.unpack.decoding.ole_types import ENCRYPTED_PACKAGE, open_ole
from mailcordon.unpack.decoding.powerpoint import embedded_objects
from mailcordon.unpack.decoding.sink import Sink
from mailcordon.unpack.decoding.vba import module_source

_ATTACHMENT = "__attach_version1.0_"
_ATTACHMENT_DATA = "__substg1.0_37010102"
_ATTACHMENT_NAMES = ("__substg1.0_3707001f", "__substg1.0_3704001f", "__substg1.0_3707001e", "__substg1.0_3704001e")
"""Long and short name, in UTF-16 and in 8 bits (MS-OXCMSG 2.2.2)."""
_CHUNK = 64 * 1024

Streams = Mapping[tuple[str, ...], list[str]]
"""Paths in lower case and as they are written in the document."""


@dataclass(frozen=True, slots=True)
class OleDecoder:
    """Opens what OLE documents carry. They are worth scanning as a whole, too."""

    short_types: frozenset[str] = frozenset({"doc"})
    name: str = "olefile"

    def find(self) -> str | None:
        """See Decoder."""
        try:
            import olefile
        except ImportError:
            return None
        return f"olefile {olefile.__version__}"

    def decode(self, file: Path, name: str, sink: Sink) -> Decoded:
        """See Decoder."""
        document = open_ole(file)
        if document is None:
            raise CannotDecodeError("not a readable OLE document")
        with document:
            try:
                _take_all(document, sink)
            except (CannotDecodeError, LimitReachedError, MemoryError):
                raise
            except Exception as error:  # hostile octets: it may raise whatever it likes
                raise CannotDecodeError(f"broken OLE document ({type(error).__name__})") from error
        return Decoded.KEEP


def _take_all(document: Any, sink: Sink) -> None:
    streams = {tuple(part.lower() for part in path): path for path in document.listdir()}
    if _is_encrypted(document, streams):
        sink.note("", attributes=ENCRYPTED)
        return
    for path, written in streams.items():
        last = path[-1]
        parent = path[:-1]
        if last == "\x01ole10native":
            embedded = read_native(_read(document, written, sink))
            if embedded is not None:
                sink.add(embedded.name, _pieces(embedded.octets))
        elif last in {"package", "embeddedodf"} or (last == "contents" and parent):
            sink.add("/".join(written), _stream(document, written))
        elif last == _ATTACHMENT_DATA and parent and parent[-1].startswith(_ATTACHMENT):
            sink.add(_attachment_name(document, streams, parent), _stream(document, written))
        elif path == ("powerpoint document",):
            for number, octets in enumerate(embedded_objects(_read(document, written, sink)), 1):
                sink.add(f"object {number}", octets)
        elif parent and parent[-1] == "vba" and not last.startswith(("_", "__")) and last != "dir":
            source = module_source(_read(document, written, sink))
            if source is not None:
                sink.add("/".join(written), source)


def _is_encrypted(document: Any, streams: Streams) -> bool:
    if (ENCRYPTED_PACKAGE,) in streams:
        return True
    if (written := streams.get(("worddocument",))) is not None:
        head = document.openstream(written).read(12)
        return len(head) == 12 and bool(struct.unpack_from("<H", head, 10)[0] & 0x0100)  # fEncrypted, MS-DOC 2.5.2
    for workbook in (("workbook",), ("book",)):
        if (written := streams.get(workbook)) is not None:
            return _has_file_password(document.openstream(written).read(4096))
    if (written := streams.get(("current user",))) is not None:
        head = document.openstream(written).read(16)
        return len(head) == 16 and struct.unpack_from("<I", head, 12)[0] == 0xF3D1C4DF  # MS-PPT 2.3.2
    return False


def _has_file_password(head: bytes) -> bool:
    """Whether a record FilePass is among the first of a workbook (MS-XLS 2.4.117)."""
    at = 0
    for _ in range(8):
        if at + 4 > len(head):
            return False
        kind, length = struct.unpack_from("<HH", head, at)
        if kind == 0x2F:
            return True
        at += 4 + length
    return False


def _attachment_name(document: Any, streams: Streams, parent: tuple[str, ...]) -> str:
    for stream in _ATTACHMENT_NAMES:
        if (written := streams.get((*parent, stream))) is not None:
            raw: bytes = document.openstream(written).read(2048)
            charset = "utf-16-le" if stream.endswith("f") else "latin-1"
            return raw.decode(charset, "replace").rstrip("\0")
    return ""


def _read(document: Any, path: list[str], sink: Sink) -> bytes:
    """A whole stream, if the message may still have so much."""
    sink.budget.check(octets=document.get_size(path))
    octets: bytes = document.openstream(path).read()
    return octets


def _stream(document: Any, path: list[str]) -> Iterator[bytes]:
    return _pieces(document.openstream(path).read())


def _pieces(octets: bytes) -> Iterator[bytes]:
    for at in range(0, len(octets), _CHUNK):
        yield octets[at : at + _CHUNK]
