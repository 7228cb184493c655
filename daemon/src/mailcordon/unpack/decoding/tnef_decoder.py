"""TNEF (winmail.dat) by tnefparse."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mailcordon.errors import CannotDecodeError
from mailcordon.unpack.decoding.decoder import Decoded
from mailcordon.unpack.decoding.sink import Sink

_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class TnefDecoder:
    """Takes the attachments and the HTML body out of a TNEF file."""

    short_types: frozenset[str] = frozenset({"tnef"})
    name: str = "tnefparse"

    def find(self) -> str | None:
        """See Decoder."""
        return "tnefparse" if find_spec("tnefparse") else None

    def decode(self, file: Path, name: str, sink: Sink) -> Decoded:
        """See Decoder."""
        import tnefparse

        try:
            message = tnefparse.TNEF(file.read_bytes(), do_checksum=False)
        except MemoryError:
            raise
        except Exception as error:  # hostile octets: it may raise whatever it likes
            raise CannotDecodeError(f"broken TNEF ({type(error).__name__})") from error
        for attachment in message.attachments:
            sink.add(_name(attachment), _pieces(attachment.data))
        for body in _html(message):
            sink.add("body.html", _pieces(body), content_type="text/html")
        return Decoded.DONE


def _name(attachment: Any) -> str:
    with suppress(Exception):  # as above: a name in no known character set
        return str(attachment.long_filename()).strip("\0")
    return ""


def _html(message: Any) -> Iterator[bytes]:
    html = message.htmlbody
    if isinstance(html, str):
        html = html.encode("utf-8", "replace")
    if isinstance(html, bytes) and html:
        yield html


def _pieces(data: object) -> Iterator[bytes]:
    octets = data if isinstance(data, bytes) else str(data).encode("utf-8", "replace")
    for at in range(0, len(octets), _CHUNK):
        yield octets[at : at + _CHUNK]
